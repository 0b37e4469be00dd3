"""The only printer: results on stdout, all else on stderr."""

import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edgekit.errors import EdgekitError

if TYPE_CHECKING:
    from edgekit.core.table import Table
    from edgekit.pipeline.workspace import Step, Update
    from edgekit.system.process import Progress


def say(text: str = "") -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line that is not the result."""
    sys.stderr.write(text + "\n")


def document(data: Any) -> None:
    """Print the one JSON document of a command called with --json."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def error(problem: EdgekitError, *, as_json: bool) -> None:
    """Print an error: what was got, what was expected, and one hint."""
    if as_json:
        document({"error": {**problem.record(), "exit_code": problem.exit_code}})
    note(f"error: {problem.message}")
    if problem.hint:
        note(f"hint: {problem.hint}")


def interrupted(*, as_json: bool) -> None:
    """Say that Ctrl-C was heard."""
    if as_json:
        document({"error": {"kind": "Interrupted", "message": "interrupted", "exit_code": 130}})
    note("interrupted: nothing half-written was left")


def table(data: "Table") -> None:
    """Print a table as wide as it needs, styled on a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable

    shown = RichTable(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in data.columns:
        shown.add_column(column, no_wrap=True)
    for row in data.rows:
        shown.add_row(*row)
    # Measured on a console without a border, for a table must not lose its cells to a narrow one.
    needed = Console(width=10_000).measure(shown).maximum
    Console(width=needed).print(shown, soft_wrap=True)


@contextlib.contextmanager
def steps() -> Iterator["Step"]:
    """Give the step function of a job: a live bar on a terminal, a line per step elsewhere."""
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    if not sys.stderr.isatty():
        yield _plain_step
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        # Names of models are no markup.
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:

        @contextlib.contextmanager
        def live(label: str) -> Iterator["Update"]:
            task, start = bar.add_task(label, total=None), time.monotonic()

            def update(event: "Progress") -> None:
                reached = "" if event.accuracy is None else f": {100 * event.accuracy:.1f} %"
                bar.update(task, completed=event.done, total=event.total)
                bar.update(task, description=f"{label}{reached}")

            try:
                yield update
                bar.console.print(
                    f"{label} ({time.monotonic() - start:.1f} s)", markup=False, highlight=False
                )
            finally:
                bar.remove_task(task)

        yield live


@contextlib.contextmanager
def _plain_step(label: str) -> Iterator["Update"]:
    start = time.monotonic()
    yield lambda _: None
    note(f"{label} ({time.monotonic() - start:.1f} s)")
