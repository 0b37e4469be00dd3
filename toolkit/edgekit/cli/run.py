"""The verb `edgekit run`."""

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli import console, options

EXAMPLE = "Example: edgekit run edgekit.toml"


def command(  # noqa: PLR0913, PLR0917 - a command line
    config: Annotated[Path, typer.Argument(help="The file that says what to do.")] = Path(
        "edgekit.toml"
    ),
    data: options.Data = None,
    allow_loss: options.AllowLoss = False,
    no_cache: options.NoCache = False,
    trust: options.Trust = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Run the whole job of one file: train, convert, validate, report, package."""
    from edgekit.cli import outcome
    from edgekit.data import located
    from edgekit.pipeline.config import read
    from edgekit.pipeline.run import execute, plan_lines

    settings = read(config)
    if data is not None:
        # On the command line a path is relative to where the user is, not to the file.
        section = settings.data.model_copy(update={"source": located(data, Path.cwd())})
        settings = settings.model_copy(update={"data": section})
    if allow_loss:
        settings = settings.model_copy(update={"allow_loss": True})
    if dry_run:
        lines = plan_lines(settings, config.parent)
        if as_json:
            console.document({"would": lines})
        for line in () if as_json else lines:
            console.say(f"would {line}")
        return
    with console.steps() as step:
        run, folder, written = execute(
            settings, config.parent, step, use_cache=not no_cache, trust=trust,
            command=outcome.command_line(),
        )  # fmt: skip
    for path in () if as_json else written:
        console.say(f"wrote {path}")
    first = run.artifacts[-1] if run.artifacts else None
    following = ("edgekit", "inspect", str(folder / first.path)) if first else ()
    outcome.show(run, folder, as_json=as_json, following=following)
