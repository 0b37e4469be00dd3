"""The verb `edgekit report`."""

from pathlib import Path
from typing import Annotated

import typer

from edgekit import reports
from edgekit.cli import console, options

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
    text = reports.load("json" if as_json else report_format).render(found)
    if output is None:
        console.say(text.rstrip("\n"))
        return
    store.write_text(output, text)
    console.note(f"wrote {output}")
    console.note(f"next: edgekit package {run} --for zip --target TARGET -o DIR")
