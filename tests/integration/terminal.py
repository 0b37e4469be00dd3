"""A pseudo-terminal for tests: runs a command in one, and keeps what the screen shows at last."""

import io
import os
import signal
import sys
from typing import NamedTuple

import pexpect
import pyte
from patience import PATIENCE_S

# Wider than any terminal asked for: a line too long for it shows as what it is, unwrapped.
CANVAS = 1000
LINES = 24

# What Rich writes before it draws its live lines anew.
REDRAWN = b"\r\x1b[2K"


class Shown(NamedTuple):
    """How a command ended, and every line that was left on the screen or scrolled off it."""

    code: int
    lines: list[str]
    written: bytes = b""

    @property
    def text(self) -> str:
        """Return the lines as one text."""
        return "\n".join(self.lines)

    @property
    def widest(self) -> str:
        """Return the longest line."""
        return max(self.lines, key=len, default="")

    def frames(self, columns: int) -> list[list[str]]:
        """Return what a screen of `columns` showed after each time that live lines were drawn."""
        screen = pyte.Screen(columns, LINES)
        stream = pyte.ByteStream(screen)
        frames = []
        for n, part in enumerate(self.written.split(REDRAWN)):
            stream.feed(REDRAWN * bool(n) + part)
            frames.append([line.rstrip() for line in screen.display if line.strip()])
        return frames


def edgekit(*arguments, columns, cwd, **more) -> Shown:
    """Run the command line on a terminal of `columns`, as a person would."""
    return python("-m", "edgekit", *arguments, columns=columns, cwd=cwd, **more)


def python(*arguments, columns, cwd, env=None, interrupt_at=None) -> Shown:
    """Run Python on a terminal; Ctrl-C is typed as soon as the screen shows `interrupt_at`."""
    written = io.BytesIO()
    around = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    child = pexpect.spawn(
        sys.executable,
        [*map(str, arguments)],
        dimensions=(LINES, columns),
        cwd=str(cwd),
        env={**around, "TERM": "xterm-256color", **(env or {})},
        timeout=PATIENCE_S,
        # A shell starts what runs in the background with Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    child.logfile_read = written
    if interrupt_at:
        child.expect_exact(interrupt_at)
        child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    code = 128 + child.signalstatus if child.signalstatus else child.exitstatus
    return Shown(code, _left(written.getvalue()), written.getvalue())


def _left(written: bytes) -> list[str]:
    screen = pyte.HistoryScreen(CANVAS, LINES, history=10_000)
    pyte.ByteStream(screen).feed(written)
    scrolled = ["".join(row[i].data for i in range(CANVAS)) for row in screen.history.top]
    lines = [line.rstrip() for line in (*scrolled, *screen.display)]
    while lines and not lines[-1]:
        lines.pop()
    return lines
