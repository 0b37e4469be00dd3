"""A pseudo-terminal for tests: runs a command in one, and keeps what the screen shows at last."""

import os
import sys
from typing import NamedTuple

import pexpect
import pyte
from patience import PATIENCE_S

# Wider than any terminal asked for: a line too long for it shows as what it is, unwrapped.
CANVAS = 1000
LINES = 24


class Shown(NamedTuple):
    """How a command ended, and every line that was left on the screen or scrolled off it."""

    code: int
    lines: list[str]

    @property
    def text(self) -> str:
        """Return the lines as one text."""
        return "\n".join(self.lines)

    @property
    def widest(self) -> str:
        """Return the longest line."""
        return max(self.lines, key=len)


def edgekit(*arguments, columns, cwd, env=None) -> Shown:
    """Run the command line on a terminal of `columns`, as a person would."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "edgekit", *map(str, arguments)],
        dimensions=(LINES, columns),
        cwd=str(cwd),
        env={**os.environ, "TERM": "xterm-256color", **(env or {})},
        timeout=PATIENCE_S,
    )
    child.expect(pexpect.EOF)
    child.close()
    screen = pyte.HistoryScreen(CANVAS, LINES, history=10_000)
    pyte.ByteStream(screen).feed(child.before)
    scrolled = ["".join(row[i].data for i in range(CANVAS)) for row in screen.history.top]
    lines = [line.rstrip() for line in (*scrolled, *screen.display)]
    while lines and not lines[-1]:
        lines.pop()
    return Shown(128 + child.signalstatus if child.signalstatus else child.exitstatus, lines)
