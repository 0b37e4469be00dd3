"""The verb `edgekit report`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit import reports
from edgekit.cli import console, options

if TYPE_CHECKING:
    from edgekit.core.run import Run

EXAMPLE = "Example: edgekit report latest --format markdown -o report.md"


def command(
    run: options.RunRef = "latest",
    report_format: options.ReportFormat = "markdown",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; default: standard output.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print or write a report of a run; nothing is computed again."""
    from edgekit.pipeline import runs
    from edgekit.pipeline.runs import read_run
    from edgekit.system import store

    found = read_run(runs.find_run(run))
    chosen = "json" if as_json else report_format
    text = reports.load(chosen).render(found)
    if output is None:
        _show(found, text.rstrip("\n"), chosen)
        return
    store.write_text(output, text)
    console.note(f"wrote {output}")
    console.note(f"next: edgekit package {shlex.quote(run)} --for zip --target TARGET -o DIR")


def _show(run: "Run", text: str, chosen: str) -> None:
    """Print the report; Markdown for a person is fitted to the terminal, its table laid out."""
    if chosen != "markdown" or not sys.stdout.isatty():
        console.raw(text)
        return
    from edgekit.cli import outcome
    from edgekit.core.table import full_table
    from edgekit.reports import markdown

    before, after = text.split(markdown.table(full_table(run)))
    _say_lines(before)
    outcome.files(run)
    _say_lines(after)


def _say_lines(text: str) -> None:
    for line in text.splitlines():
        console.say(line, hang=len("- ") if line.startswith("- ") else 0)
