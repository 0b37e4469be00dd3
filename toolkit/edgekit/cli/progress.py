"""The live display of a job: one line for each running step, and none of them left at the end."""

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from edgekit.cli import layout

if TYPE_CHECKING:
    from edgekit.pipeline.workspace import Step, Update
    from edgekit.system.process import Progress as Event

# Columns for a spinner and a time, each with a gap; and what a bar and its count take beside them.
ENDS = 10
BAR = 10
COUNTED = BAR + 1 + len("99999/99999") + 1

# Narrower terminals have no room for a bar beside a name.
ROOM_FOR_BAR = 60


class _Label(ProgressColumn):
    """The name of a step, its middle left out where the terminal has no room for it."""

    def __init__(self, console: Console) -> None:
        super().__init__(Column(no_wrap=True))
        self.console = console

    def render(self, task: Task) -> Text:
        width = self.console.width
        taken = ENDS + (COUNTED if width >= ROOM_FOR_BAR else 0)
        # Text, for names of models are no markup.
        return Text(layout.middle(layout.safe(task.description), max(1, width - taken)))


def _display(console: Console) -> Progress:
    columns: list[ProgressColumn] = [SpinnerColumn(), _Label(console)]
    if console.width >= ROOM_FOR_BAR:
        columns += [BarColumn(BAR), MofNCompleteColumn(table_column=Column(no_wrap=True))]
    columns.append(TimeElapsedColumn(Column(no_wrap=True)))
    return Progress(*columns, console=console, transient=True)


@contextlib.contextmanager
def live_steps() -> Iterator["Step"]:
    """Give the step function of a job on a terminal; each step that is done leaves one line."""
    with _display(Console(stderr=True)) as display:

        @contextlib.contextmanager
        def live(label: str) -> Iterator["Update"]:
            task, start = display.add_task(label, total=None), time.monotonic()

            def update(event: "Event") -> None:
                reached = "" if event.accuracy is None else f": {100 * event.accuracy:.1f} %"
                display.update(
                    task,
                    completed=event.done,
                    total=event.total,
                    description=f"{label}{reached}",
                )

            try:
                yield update
            finally:
                display.remove_task(task)
                display.refresh()
            _done(display.console, f"{label} ({time.monotonic() - start:.1f} s)")

        yield live


def _done(console: Console, text: str) -> None:
    lines = layout.prose(layout.safe(text), max(console.width, layout.LEAST))
    console.print("\n".join(lines), markup=False, highlight=False, emoji=False, soft_wrap=True)
