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
    helptext,
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
    cls=helptext.Group,
    help="Which file to ship to each device, and whether it can be trusted.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Rich's help looks better and doubles the time that --help takes.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (train, convert, validate, run, report, package, verify, inspect, models, doctor):
    app.command(verb.__name__.rsplit(".", 1)[1], cls=helptext.Verb, epilog=verb.EXAMPLE)(
        verb.command
    )
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
        if words := _wrong_values(problem):
            wrong = UsageError(words, "see --help")
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


def _wrong_values(problem: BaseException | None, option: str = "options") -> str | None:
    """Return in words what pydantic found wrong; None for a problem that is not of its finding."""
    if type(problem).__name__ != "ValidationError":  # which --help must not import
        return None
    from pydantic import ValidationError

    from edgekit.core.problems import in_words, wrong_fields

    assert isinstance(problem, ValidationError)
    return in_words(wrong_fields(problem, whole=option), "the command line")


def _show_usage_error(problem: Exception, *, as_json: bool) -> bool:
    """Print what Typer found wrong with the arguments, if that is what happened."""
    message = getattr(problem, "format_message", None)
    if message is None:
        return False
    if type(problem).__name__ == "NoArgsIsHelpError" and not as_json:
        for line in str(message()).splitlines():
            console.note(line)
        return True
    context, parameter = getattr(problem, "ctx", None), getattr(problem, "param", None)
    path = context.command_path if context else "edgekit"
    option = max(parameter.opts, key=len) if parameter else "options"
    # Typer leaves out what was got.
    words = _wrong_values(problem.__cause__, option) or str(message())
    console.error(UsageError(words, f"see {path} --help"), as_json=as_json)
    return True
