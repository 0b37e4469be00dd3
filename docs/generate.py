"""Writes what is made from the code: the command reference and the schema of a target.

Run by `make docs`; a test fails where the committed files are not what this gives.
"""

import contextlib
import io
import json
import os
from pathlib import Path

from edgekit.cli.app import app
from edgekit.pipeline import targets

ROOT = Path(__file__).parents[1]
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
        ROOT / "docs" / "cli.md": _reference(),
        ROOT / "targets" / "target.schema.json": schema,
    }


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
