"""How a Run is shown at the end of a verb, and which exit code it gives."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from edgekit.cli import console
from edgekit.core.run import Run
from edgekit.core.table import NONE, Table, choice_lines, full_table, metrics_table, verdict_table
from edgekit.core.verdict import Status
from edgekit.errors import EXIT_OK, EXIT_VERDICT_FAILED, ExportError, RuntimeFailedError

# What names a file in the first columns of a run's tables: model, format, recipe.
KEYS = 3


def command_line() -> str:
    """Return the command that the user typed, to be repeated."""
    return shlex.join(["edgekit", *sys.argv[1:]])


def exit_code(run: Run) -> int:
    """Return the code that a Run ends with: a broken chain weighs more than a failed verdict."""
    if run.unserved or (run.failures and not run.artifacts):
        return ExportError.exit_code
    if any(measured.error for measured in run.measurements):
        return RuntimeFailedError.exit_code
    failed = any(verdict.status is Status.FAIL for verdict in run.verdicts)
    return EXIT_VERDICT_FAILED if failed else EXIT_OK


def show(run: Run, folder: Path, *, as_json: bool, following: Sequence[str] = ()) -> None:
    """Print the run's table, errors and choices, name what was written, and exit."""
    if as_json:
        data = run.model_dump(mode="json")
        data["choices"] = [choice.model_dump(mode="json") for choice in run.choices()]
        console.document({"folder": str(folder), "exit_code": exit_code(run), "run": data})
    else:
        files(run)
        for failure in run.failures:
            console.say(
                f"not made: {failure.model} {failure.format} {failure.recipe}: "
                f"{failure.error.message}"
            )
            if failure.error.hint:
                console.say(f"  hint: {failure.error.hint}")
        for measured in run.measurements:
            if measured.error:
                label = run.artifact(measured.artifact_sha256).label
                console.say(f"did not run: {label}: {measured.error.message}")
        console.say("which file to ship:")
        for line in choice_lines(run):
            console.say(f"  {line}")
        console.say(f"wrote {folder / 'run.json'}")
        console.say(f"next: {shlex.join(following or ('edgekit', 'report', str(folder)))}")
    raise typer.Exit(exit_code(run))


def files(run: Run) -> None:
    """Print a run's files as one table, as two, or as a block for each, as the terminal allows."""
    whole, metrics, verdicts = full_table(run), metrics_table(run), verdict_table(run)
    if console.fits(whole):
        console.table(whole)
    elif not console.fits(metrics):
        console.cards(metrics, KEYS, [_by_target(verdicts, row) for row in verdicts.rows])
    else:
        console.table(metrics)
        if console.fits(verdicts):
            console.table(verdicts)
            return
        names = Table(verdicts.columns[:KEYS], tuple(row[:KEYS] for row in verdicts.rows))
        console.cards(names, KEYS, [_by_target(verdicts, row) for row in verdicts.rows])


def _by_target(verdicts: Table, row: Sequence[str]) -> list[str]:
    """Return a line for each verdict that a file has, with the targets that share it."""
    targets: dict[str, list[str]] = {}
    for target, said in zip(verdicts.columns[KEYS:], row[KEYS:], strict=True):
        targets.setdefault(said, []).append(target)
    return [f"for {', '.join(ids)}: {said}" for said, ids in targets.items() if said != NONE]
