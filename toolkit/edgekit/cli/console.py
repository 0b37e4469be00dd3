"""The only printer: results on stdout, all else on stderr, no line wider than its terminal.

Files are the exception: JSON and the reports that programs read keep their lines.
"""

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from edgekit.cli import layout
from edgekit.errors import EdgekitError

if TYPE_CHECKING:
    from edgekit.core.table import Table
    from edgekit.pipeline.workspace import Step, Update

# Columns of a terminal that does not say how many it has.
UNKNOWN = 80


def width(stream: TextIO) -> int | None:
    """Return how many columns a stream's terminal has; None where it is no terminal."""
    if not stream.isatty():
        return None
    asked = os.environ.get("COLUMNS", "")
    columns = int(asked) if asked.isdecimal() else 0
    with contextlib.suppress(OSError):
        columns = columns or os.get_terminal_size(stream.fileno()).columns
    return max(columns or UNKNOWN, layout.LEAST)


def say(text: str = "", hang: int = 2) -> None:
    """Print a line of the result; what a terminal has no room for hangs `hang` columns behind."""
    _print(sys.stdout, text, hang)


def note(text: str) -> None:
    """Print a line that is not the result."""
    _print(sys.stderr, text, 2)


def _print(stream: TextIO, text: str, hang: int) -> None:
    columns, text = width(stream), layout.safe(text)
    if columns:
        # Indented, so that a name with a line end in it cannot pass for another line of ours.
        lines = text.replace("\n", f"\n{layout.INDENT}").split("\n")
        text = "\n".join(part for line in lines for part in layout.prose(line, columns, hang))
    stream.write(f"{text}\n")


def raw(text: str) -> None:
    """Print a file's content as it is, for its lines are a program's to read."""
    sys.stdout.write(layout.safe(text) + "\n")


def document(data: Any) -> None:
    """Print the one JSON document of a command called with --json."""
    raw(json.dumps(data, indent=2))


def error(problem: EdgekitError, *, as_json: bool) -> None:
    """Print an error: what was got, what was expected, and one hint."""
    if as_json:
        document({"error": {**problem.record(), "exit_code": problem.exit_code}})
    note(f"error: {problem.message}")
    if problem.hint:
        note(f"hint: {problem.hint}")
    if problem.trace:
        note(f"trace: {problem.trace}")


def interrupted(*, as_json: bool) -> None:
    """Say that Ctrl-C was heard."""
    if as_json:
        document({"error": {"kind": "Interrupted", "message": "interrupted", "exit_code": 130}})
    note("interrupted: nothing half-written was left")


def table(data: "Table", keys: int = 1) -> None:
    """Print a table; on a terminal too narrow for it, a block for each row under its `keys`."""
    columns = width(sys.stdout)
    shown = layout.fitted(data, columns) if columns else layout.grid(data)
    if shown is None:
        cards(data, keys)
        return
    from rich.console import Console

    Console(width=columns or layout.needed(shown)).print(shown, soft_wrap=True)


def fits(data: "Table") -> bool:
    """Tell whether a table can be printed as one, without stacking its rows."""
    columns = width(sys.stdout)
    return columns is None or layout.fitted(data, columns) is not None


def cards(data: "Table", keys: int, more: Sequence[Sequence[str]] = ()) -> None:
    """Print a block for each row of a table, with further lines in each."""
    for line in layout.cards(data, width(sys.stdout) or UNKNOWN, keys, more):
        sys.stdout.write(f"{line}\n")


@contextlib.contextmanager
def steps() -> Iterator["Step"]:
    """Give the step function of a job: a live bar on a terminal, a line per step elsewhere."""
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[_Notes()])
    if not sys.stderr.isatty():
        yield _plain_step
        return
    from edgekit.cli.progress import live_steps

    with live_steps() as live:
        yield live


class _Notes(logging.Handler):
    """Prints what is logged as every other note, above the live bar while there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        note(self.format(record))


@contextlib.contextmanager
def _plain_step(label: str) -> Iterator["Update"]:
    start = time.monotonic()
    yield lambda _: None
    note(f"{label} ({time.monotonic() - start:.1f} s)")
