"""Writes what is made: the command reference, the schema of a target, the README's figures.

Run by `make docs`; a test fails where the committed files are not what this gives.
"""

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

from edgekit.cli.app import app
from edgekit.pipeline import targets

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures.json"
BEGIN, END = "<!-- figures: make figures -->", "<!-- end of figures -->"
VERBS = (
    "train",
    "convert",
    "validate",
    "run",
    "report",
    "package",
    "verify",
    "inspect",
    "targets",
    "models",
    "doctor",
)


def pages() -> dict[Path, str]:
    """Return the text of every generated file."""
    schema = json.dumps(targets.schema(), indent=2) + "\n"
    return {
        ROOT / "README.md": _with_figures((ROOT / "README.md").read_text()),
        ROOT / "docs" / "cli.md": _reference(),
        ROOT / "targets" / "target.schema.json": schema,
    }


def _with_figures(text: str) -> str:
    """Return the README with the table of docs/figures.json between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_figures(json.loads(FIGURES.read_text()))}\n{END}{after}"


def _figures(found: dict[str, Any]) -> str:
    lines = [
        f"A part of its table: {found['data']}, {found['n']} test images, seed {found['seed']},",
        f"{found['epochs']} epochs, by `{found['command']}`, on one kind of CPU:",
        f"{found['host']} ({', '.join(found['cpu_features'])}).",
        "On another CPU, or with other versions of the packages, training ends elsewhere and the",
        "figures move by some tenths of a point; `make figures` takes them from your own run.",
        "A drop has its 95 % interval.",
        "",
    ]
    rows = [found["columns"], ["---"] * len(found["columns"]), *found["rows"]]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _reference() -> str:
    parts = ["# Command reference", "Made by `make docs` from the commands' own help."]
    parts += [f"## edgekit {verb}\n\n```text\n{_help(verb)}\n```" for verb in VERBS]
    return "\n\n".join(parts) + "\n"


def _help(verb: str) -> str:
    # However wide the terminal is, the page is the same.
    os.environ["COLUMNS"] = "90"
    with contextlib.redirect_stdout(io.StringIO()) as text:
        app([verb, "--help"], standalone_mode=False, prog_name="edgekit")
    return text.getvalue().strip()


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
