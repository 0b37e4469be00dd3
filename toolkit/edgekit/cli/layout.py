r"""How text fits a terminal: pure functions from text and a width in columns to lines.

Nothing is lost: what does not fit is wrapped or stacked, never cut. What a person copies survives:
a command that is broken is continued by the shell's own ` \`, and so is a word that no line holds.
All widths are at least `LEAST` columns.
"""

import re
import shlex
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table as Grid

    from edgekit.core.table import Table

LEAST = 20
INDENT = "  "
GAP = 3

# A last column narrower than this is not wrapped: a stack reads better.
LAST = 30

# Controls, surrogates, line separators and what turns the direction of text: a name that comes
# from a file may hold them, and a terminal would obey.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)

# Messages end with a command after a label of its own, or after the colon of what it is good for.
_COMMAND = re.compile(r"((?:next|repair|Example): |\S+: .*: )((?:edgekit|pip) .+)")

# A word of the shell with its quotes.
_WORD = re.compile(r"""(?:[^\s'"\\]|'[^']*'|"(?:[^"\\]|\\.)*"|\\.)+""")


def safe(text: str) -> str:
    """Return the text with everything that a terminal would obey written as an escape."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cells(text: str) -> int:
    """Return how many columns a terminal needs for the text."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def prose(text: str, width: int, hang: int = len(INDENT)) -> list[str]:
    """Break one line of text at words; what follows hangs `hang` columns behind its indent."""
    text = text.expandtabs().rstrip()
    if cells(text) <= width:
        return [text]
    found = _COMMAND.fullmatch(text)
    if found and not _WORD.sub("", found[2]).strip():  # else a quote has no twin
        return command(found[1], found[2], width)
    body = text.lstrip(" ")
    indent = len(text) - len(body)
    following = " " * min(indent + hang, width // 2)
    lines, line = [], " " * min(indent, width // 2)
    for gap, word in re.findall(r"( *)([^ ]+)", body):
        if cells(line + gap + word) <= width:
            line += gap + word
            continue
        lines += [line] if line.strip() else []
        *full, line = (
            _pieces(word, width) if cells(following + word) > width else [following + word]
        )
        lines += full
    return [*lines, line]


def _pieces(word: str, width: int) -> list[str]:
    """Break a word that no indented line holds; from the first column, so that it can be pasted."""
    if cells(word) <= width:
        return [word]
    from rich.cells import chop_cells

    *full, last = chop_cells(word, width - 1)
    return [*(f"{piece}\\" for piece in full), last]


def command(label: str, line: str, width: int) -> list[str]:
    """Break a shell command at its words, so that what is pasted is the same command."""
    *lines, last = prose(label, width)
    for word in _WORD.findall(line):
        # Two columns are kept for the continuation.
        if cells(f"{last} {word}") <= width - 2:
            last = f"{last} {word}"
            continue
        lines.append(f"{last} \\")
        fits = cells(INDENT + word) <= width - 2
        *full, last = [INDENT + word] if fits else _quoted_pieces(shlex.split(word)[0], width)
        lines += full
    return [*lines, last]


def _quoted_pieces(word: str, width: int) -> list[str]:
    """Break a word of a command within: each piece is quoted by itself, and they stay one word."""
    pieces = []
    while word:
        n = width
        while cells(shlex.quote(word[:n])) > width - 2:
            n -= 1
        pieces.append(shlex.quote(word[:n]))
        word = word[n:]
    return [*(f"{piece}\\" for piece in pieces[:-1]), pieces[-1]]


def middle(text: str, width: int) -> str:
    """Return the text with its middle left out where it is wider than `width`."""
    if cells(text) <= width:
        return text
    head, tail = text, text
    while cells(head) > (width - 1) // 2:
        head = head[:-1]
    while cells(tail) > width - 1 - cells(head):
        tail = tail[1:]
    return f"{head}…{tail}"


def grid(data: "Table", *, tight: bool = False, last: int | None = None) -> "Grid":
    """Return the table as Rich draws it: as wide as it needs, or its last column `last` wide."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Grid
    from rich.text import Text

    padding = (0, 0 if tight else 1)
    shown = Grid(box=SIMPLE_HEAD, show_edge=not tight, pad_edge=False, padding=padding)
    for i, column in enumerate(data.columns):
        wraps = last is not None and i == len(data.columns) - 1
        shown.add_column(
            Text(column), no_wrap=not wraps, overflow="fold", width=last if wraps else None
        )
    for row in data.rows:
        # Text, for what stands in brackets is no markup.
        shown.add_row(*(Text(_cell(cell)) for cell in row))
    return shown


def needed(shown: "Grid") -> int:
    """Return how many columns the grid takes where it has all that it wants."""
    from rich.console import Console

    return Console(width=10_000).measure(shown).maximum


def fitted(data: "Table", width: int) -> "Grid | None":
    """Return the table as a grid of at most `width` columns, or None where it has to be stacked."""
    for tight in (False, True):
        shown = grid(data, tight=tight)
        if needed(shown) <= width:
            return shown
    for tight in (False, True):
        text = [data.columns[-1], *(_cell(row[-1]) for row in data.rows)]
        others = needed(grid(data, tight=tight)) - max(map(cells, text))
        words = [cells(word) for each in text for word in each.split()]
        if width - others >= max(LAST, *words, 0):
            return grid(data, tight=tight, last=width - others)
    return None


def cards(
    data: "Table", width: int, keys: int = 1, more: Sequence[Sequence[str]] = ()
) -> list[str]:
    """Return a block of lines for each row: its first `keys` cells, then `name: value`, aligned.

    The first line says what the keys are. A cell that holds nothing is left out. `more` has
    further lines for each row.
    """
    rows = [[_pair(*each) for each in zip(data.columns, row, strict=True)] for row in data.rows]
    slots = [max((cells(row[i]) for row in rows), default=0) for i in range(len(data.columns))]
    groups = _packed(slots, keys, width - len(INDENT))
    lines = prose(f"{' '.join(map(_cell, data.columns[:keys]))}:", width)
    for cells_of, pairs, further in zip_longest(data.rows, rows, more, fillvalue=()):
        lines += prose(" ".join(map(_cell, cells_of[:keys])), width)
        for group in groups:
            padded = (pairs[i] + " " * (slots[i] + GAP - cells(pairs[i])) for i in group)
            line = "".join(padded).rstrip()
            lines += prose(INDENT + line, width) if line else ()
        for line in further:
            lines += prose(INDENT + line, width)
    return lines


def _cell(text: str) -> str:
    """Return what a cell shows: one line, safe for a terminal."""
    return safe(text).replace("\n", "\\n").expandtabs()


def _pair(name: str, cell: str) -> str:
    from edgekit.core.table import NONE

    return "" if cell in {"", NONE} else f"{_cell(name)}: {_cell(cell)}"


def _packed(slots: Sequence[int], first: int, room: int) -> list[list[int]]:
    """Return which columns from `first` on share a line of `room` columns."""
    groups: list[list[int]] = []
    used = 0
    for i in range(first, len(slots)):
        if groups and used + GAP + slots[i] <= room:
            groups[-1].append(i)
            used += GAP + slots[i]
        else:
            groups.append([i])
            used = slots[i]
    return groups
