"""Where shipped data is found: the user's folder, the checkout, the installed copy."""

import os
from pathlib import Path
from typing import Literal

from edgekit.core.suggest import did_you_mean
from edgekit.errors import UsageError

PACKAGE = Path(__file__).parents[1]


def folders(kind: Literal["targets", "models"]) -> tuple[Path, ...]:
    """Return the folders that hold `kind`, the first to look in first.

    The user's folder is `$EDGEKIT_HOME/<kind>`, by default `~/.config/edgekit/<kind>`.
    """
    home = Path(os.environ.get("EDGEKIT_HOME") or Path.home() / ".config" / "edgekit")
    candidates = (home / kind, PACKAGE.parents[1] / kind, PACKAGE / "_shipped" / kind)
    # A file beside the package in site-packages could be anyone's; only a checkout has pyproject.
    checkout = (PACKAGE.parents[1] / "pyproject.toml").is_file()
    return tuple(
        folder
        for folder in candidates
        if folder.is_dir() and (checkout or folder != PACKAGE.parents[1] / kind)
    )


def constraints() -> Path:
    """Return the file that lists the known-good versions."""
    checkout = PACKAGE.parents[1] / "constraints.txt"
    return checkout if checkout.is_file() else PACKAGE / "_shipped" / "constraints.txt"


def find(kind: Literal["targets", "models"], name: str, entry: str) -> Path:
    """Return the path of `entry` (`{name}` filled in) in the first folder that has it.

    Raises `UsageError` with a suggestion for an unknown name.
    """
    for folder in folders(kind):
        path = folder / entry.format(name=name)
        if path.is_file():
            return path
    known = listing(kind, entry)
    raise UsageError(
        f"got {kind.removesuffix('s')} '{name}', expected a known one", did_you_mean(name, known)
    )


def listing(kind: Literal["targets", "models"], entry: str) -> tuple[str, ...]:
    """Return the names of all that `find` would find, sorted."""
    found = set()
    for folder in folders(kind):
        for path in folder.glob(entry.format(name="*")):
            found.add(path.parent.name if "/" in entry else path.stem)
    return tuple(sorted(found))
