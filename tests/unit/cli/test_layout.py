"""How text fits a terminal: no line is too wide, and nothing is lost."""

import io
import re
import shlex
import subprocess
import sys

import make
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from edgekit.cli import layout, outcome
from edgekit.core.run import Failure
from edgekit.core.table import NONE, Table, full_table

WIDTHS = st.integers(layout.LEAST, 120)
# Narrow, wide and combining letters, and what Rich would read as markup.
LETTERS = st.sampled_from(
    [*"ab-/_.:'\"[]{}$`&;#~*", "[b]", ":dog:", "é", "e\u0301", "漢", "語", "→"]
)
WORDS = st.lists(LETTERS, min_size=1, max_size=60).map("".join)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
CONTROLS = st.text(st.characters(codec=None), max_size=8)


def squeezed(text):
    """Return the text without what a layout adds: line ends, continuations, gaps."""
    return re.sub(r"\s", "", text.replace("\\\n", ""))


def fit(lines, width):
    return all(layout.cells(line) <= width for line in lines)


@given(TEXTS, WIDTHS, st.integers(0, 30), st.integers(0, 6))
def test_prose_fits_and_loses_nothing(text, width, hang, indent):
    lines = layout.prose(" " * indent + text, width, hang)
    assert fit(lines, width)
    assert squeezed("\n".join(lines)) == squeezed(text)


def test_prose_breaks_at_words_and_hangs_what_follows():
    assert layout.prose("  os: one two three four", 16) == ["  os: one two", "    three four"]
    assert layout.prose("as it is,  with its gaps", 24) == ["as it is,  with its gaps"]


def test_a_word_that_no_line_holds_can_be_pasted_into_a_shell():
    path = "/home/somebody/models/" + "mobilenet" * 4 + ".tflite"
    lines = layout.prose(f"wrote {path}: 3 kB", 30)
    assert fit(lines, 30)
    copied = "\n".join(lines).removeprefix("wrote\n").removesuffix(": 3 kB")
    shown = subprocess.run(
        ["sh", "-c", f"echo {copied}"], capture_output=True, text=True, check=True
    )
    assert shown.stdout == path + "\n"


@settings(max_examples=40)
@example(["a'b" * 20, "x" * 90], layout.LEAST)
@given(st.lists(st.one_of(WORDS, st.just(""), st.just("a\\b c")), max_size=8), WIDTHS)
def test_a_command_is_the_same_one_after_it_was_broken(words, width):
    lines = layout.command("next:", shlex.join(["printf", r"%s\0", *words]), width)
    assert fit(lines, width)
    typed = "\n".join(lines).removeprefix("next:")
    done = subprocess.run(["sh", "-c", typed], capture_output=True, check=True)
    assert done.stdout == b"".join(word.encode() + b"\0" for word in words or [""])


def test_messages_that_end_in_a_command_are_broken_as_one():
    long = "runs/2026/" + "a" * 40
    for start in ("next: ", "repair: ", "hint: name the code that builds it: "):
        lines = layout.prose(f"{start}edgekit convert file.py:factory --weights {long}", 60)
        assert len(lines) > 1
        assert all(line.endswith(" \\") for line in lines[:-1] if "edgekit" in line)
        assert shlex.split("".join(line.removesuffix("\\") for line in lines))[-1] == long
    hint = "hint: edgekit converts models for small devices; export a smaller one"
    assert layout.prose(hint, 40) == [
        "hint: edgekit converts models for small",
        "  devices; export a smaller one",
    ]
    assert layout.prose("Example: edgekit targets schema > target.json", 40) == [
        "Example: edgekit targets schema > \\",
        "  target.json",
    ]
    odd = layout.prose("next: edgekit isn't closed, and goes on and on", 30)
    assert fit(odd, 30)


@st.composite
def tables(draw):
    n = draw(st.integers(1, 7))
    row = st.tuples(*[st.one_of(TEXTS, st.just(NONE))] * n)
    return Table(draw(st.tuples(*[WORDS] * n)), tuple(draw(st.lists(row, max_size=5))))


def drawn(data, width, keys):
    """Return the lines of a table as the console prints them."""
    shown = layout.fitted(data, width)
    if shown is None:
        return layout.cards(data, width, keys)
    screen = Console(file=io.StringIO(), width=width)
    screen.print(shown, soft_wrap=True)
    return screen.file.getvalue().splitlines()


@settings(max_examples=60)
@given(tables(), WIDTHS, st.integers(1, 3))
def test_a_table_fits_and_loses_no_cell(data, width, keys):
    lines = drawn(data, width, min(keys, len(data.columns)))
    assert fit(lines, width)
    text = squeezed("\n".join(lines))
    for row in data.rows:
        for cell in row:
            assert cell == NONE or squeezed(cell) in text


def test_a_table_is_tightened_then_its_last_column_wrapped_then_stacked():
    data = Table(("model", "size", "says"), (("net", "3 kB", "one two three " * 4),))
    wide, tight, wrapped = (layout.fitted(data, width) for width in (80, 69, 50))
    assert [layout.needed(each) for each in (wide, tight)] == [73, 67]
    assert layout.needed(wrapped) <= 50
    assert layout.fitted(data, 30) is None
    assert layout.cards(data, 30) == [
        "model:",
        "net",
        "  size: 3 kB",
        "  says: one two three one two",
        "    three one two three one",
        "    two three",
    ]


def test_cards_align_their_figures_and_leave_out_what_holds_nothing():
    rows = (("a", "1 kB", "2.00x", "ok"), ("b", "1000 kB", NONE, "no"))
    data = Table(("model", "size", "smaller", "status"), rows)
    assert layout.cards(data, 60, more=[["for web: pass"]]) == [
        "model:",
        "a",
        "  size: 1 kB      smaller: 2.00x   status: ok",
        "  for web: pass",
        "b",
        "  size: 1000 kB                    status: no",
    ]


@given(CONTROLS)
def test_nothing_that_a_terminal_obeys_reaches_it(text):
    shown = layout.safe(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)
    shown.encode()  # no half of a pair of surrogates either
    _, card = layout.cards(Table(("name", "value"), ((f"a{text}", ""),)), 500)
    assert "\n" not in card


def test_escapes_are_shown_for_what_they_are():
    assert layout.safe("a\x1b[31mb\r\u202e\udcff") == r"a\x1b[31mb\r\u202e\udcff"
    assert layout.safe("two\nlines\tand →, é") == "two\nlines\tand →, é"


@given(TEXTS, st.integers(1, 40))
def test_the_middle_of_a_long_name_is_left_out(text, width):
    short = layout.middle(text, width)
    assert layout.cells(short) <= width
    head, _, tail = short.partition("…")
    assert text.startswith(head)
    assert text.endswith(tail)


class Terminal(io.StringIO):
    """A stream that says it is a terminal; COLUMNS says how wide."""

    def isatty(self):
        return True


def a_run(n_targets):
    """Return a run of two files for up to five targets, and of a recipe that gave none."""
    ids = ["phone", "a-board-with-a-long-name", "web", "watch", "strict"]
    limits = [{}, {"size_bytes": make.limit(max=1)}, {"latency_p95_ms": make.limit(max=9)}]
    targets = [make.target(limits[n % 3], id=name) for n, name in enumerate(ids[:n_targets])]
    failure = Failure(
        model="m", format="coreml", recipe="fp16", error={"kind": "ExportError", "message": "x"}
    )
    files = [make.artifact(), make.artifact(sha256="f" * 64, recipe=make.RECIPES["fp32"])]
    return make.run(targets, files).model_copy(update={"failures": (failure,)})


@pytest.mark.parametrize("columns", [20, 40, 80, 120, 160, 300])
@pytest.mark.parametrize("n_targets", [1, 2, 5])
def test_the_files_of_a_run_fit_and_lose_no_cell(columns, n_targets, monkeypatch):
    run = a_run(n_targets)
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    outcome.files(run)
    shown = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue())  # the table's head is bold
    assert fit(shown.splitlines(), columns)
    text = squeezed(shown)
    table = full_table(run)
    for row in table.rows:
        assert all(squeezed(cell) in text for cell in row if cell != NONE)
    assert all(target.id in text for target in run.targets)


def test_targets_that_share_a_verdict_share_a_line():
    table = Table(("model", "format", "recipe", "a", "b", "c", "d"), ())
    row = ("net", "tflite", "int8", "pass", "open: latency", NONE, "pass")
    assert outcome._by_target(table, row) == ["for a, d: pass", "for b: open: latency"]
