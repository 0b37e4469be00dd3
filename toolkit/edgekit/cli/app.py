"""The command line: registers the verbs, and turns errors into a message and an exit code."""

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from edgekit import __version__
from edgekit.cli import (
    console,
    convert,
    doctor,
    inspect,
    models,
    package,
    report,
    run,
    targets,
    train,
    validate,
    verify,
)
from edgekit.errors import EXIT_INTERRUPTED, EdgekitError, InternalError, UsageError

EPILOG = "Every command has --help with an example."

app = typer.Typer(
    help="Which file to ship to each device, and whether it can be trusted.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Rich's help looks better and doubles the time that --help takes.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (train, convert, validate, run, report, package, verify, inspect, models, doctor):
    app.command(verb.__name__.rsplit(".", 1)[1], epilog=verb.EXAMPLE)(verb.command)
app.add_typer(targets.app, name="targets")


def _version(wanted: bool) -> None:
    if wanted:
        console.say(f"edgekit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where in edgekit an error was raised.")
    ] = False,
) -> None:
    """Take the options that stand before the verb."""
    del version, traceback  # the one has acted, the other is read by main()


def main() -> None:
    """Run the command line; the console script calls this."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(_run(sys.argv[1:]))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Take SIGTERM as Ctrl-C, so that it also leaves nothing half-written."""
    del number, frame
    raise KeyboardInterrupt


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        code = app(arguments, standalone_mode=False, prog_name="edgekit")
    except EdgekitError as problem:
        if "--traceback" in arguments:
            raise
        console.error(problem, as_json=as_json)
        return problem.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left, as `| head` does: nothing to say, nobody to say it to.
        sys.stderr.close()
        return EXIT_INTERRUPTED
    except Exception as problem:
        if _show_usage_error(problem, as_json=as_json):
            return 2
        if "--traceback" in arguments:
            raise
        if type(problem).__name__ == "ValidationError":  # of pydantic, which --help must not import
            wrong = UsageError(f"got a wrong value: {_first_lines(problem)}", "see --help")
            console.error(wrong, as_json=as_json)
            return wrong.exit_code
        bug = InternalError(
            f"{type(problem).__name__}: {problem}", "this is a bug; --traceback shows where"
        )
        console.error(bug, as_json=as_json)
        return bug.exit_code
    # Typer itself answers some interrupts with this code, and says nothing.
    if code == EXIT_INTERRUPTED:
        console.interrupted(as_json=as_json)
    return code if isinstance(code, int) else 0


def _first_lines(problem: Exception) -> str:
    errors = problem.errors()  # type: ignore[attr-defined]
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in errors[:5])


def _show_usage_error(problem: Exception, *, as_json: bool) -> bool:
    """Print what Typer found wrong with the arguments, if that is what happened."""
    message = getattr(problem, "format_message", None)
    if message is None:
        return False
    if not str(message()):  # no arguments at all: Typer has printed the help
        return True
    context = getattr(problem, "ctx", None)
    path = context.command_path if context else "edgekit"
    console.error(UsageError(str(message()), f"see {path} --help"), as_json=as_json)
    return True
