"""A Run as text, a file a format of report.

`pipeline` and `cli` come in by the door below. A report never computes: it says what the Run holds.
"""

from typing import TYPE_CHECKING, Protocol

from edgekit.system.plugins import Door

if TYPE_CHECKING:
    from edgekit.core.run import Run


class Report(Protocol):
    """One format of report. `SUFFIX` is that of its files."""

    SUFFIX: str

    def render(self, run: "Run") -> str:
        """Return the whole report as text, with a final newline."""
        ...


_REPORTS = Door[Report]("report", __name__)

load, names = _REPORTS.load, _REPORTS.names
