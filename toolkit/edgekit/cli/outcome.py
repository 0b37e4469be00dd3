"""How a Run is shown at the end of a verb, and which exit code it gives."""

import shlex
import shutil
import sys
from pathlib import Path

import typer

from edgekit.cli import console
from edgekit.core.run import Run
from edgekit.core.table import choice_lines, full_table, metrics_table, verdict_table
from edgekit.core.verdict import Status
from edgekit.errors import EXIT_OK, EXIT_VERDICT_FAILED, ExportError, RuntimeFailedError

WIDE = 200


def command_line() -> str:
    """Return the command that the user typed, to be repeated."""
    return shlex.join(["edgekit", *sys.argv[1:]])


def exit_code(run: Run) -> int:
    """Return the code that a Run ends with: a broken chain weighs more than a failed verdict."""
    if run.failures:
        return ExportError.exit_code
    if any(measured.error for measured in run.measurements):
        return RuntimeFailedError.exit_code
    failed = any(verdict.status is Status.FAIL for verdict in run.verdicts)
    return EXIT_VERDICT_FAILED if failed else EXIT_OK


def show(run: Run, folder: Path, *, as_json: bool, next_command: str = "") -> None:
    """Print the run's table, errors and choices, name what was written, and exit."""
    if as_json:
        data = run.model_dump(mode="json")
        data["choices"] = [choice.model_dump(mode="json") for choice in run.choices()]
        console.document({"folder": str(folder), "exit_code": exit_code(run), "run": data})
    else:
        _tables(run)
        for failure in run.failures:
            console.say(
                f"not made: {failure.model} {failure.format} {failure.recipe}: "
                f"{failure.error.message}"
            )
        for measured in run.measurements:
            if measured.error:
                label = run.artifact(measured.artifact_sha256).label
                console.say(f"did not run: {label}: {measured.error.message}")
        console.say("which file to ship:")
        for line in choice_lines(run):
            console.say(f"  {line}")
        console.say(f"wrote {folder / 'run.json'}")
        console.say(f"next: {next_command or f'edgekit report {folder}'}")
    raise typer.Exit(exit_code(run))


def _tables(run: Run) -> None:
    """Print one table where the terminal holds it, else metrics and verdicts apart."""
    if sys.stdout.isatty() and _width() < WIDE:
        console.table(metrics_table(run))
        console.table(verdict_table(run))
    else:
        console.table(full_table(run))


def _width() -> int:

    return shutil.get_terminal_size().columns
