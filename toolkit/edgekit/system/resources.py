"""Where shipped data is found: the user's folder, the checkout, the installed copy."""

import os
from pathlib import Path
from typing import Literal

from edgekit.core.suggest import did_you_mean
from edgekit.errors import UsageError

Kind = Literal["targets", "models", "recipes"]

PACKAGE = Path(__file__).parents[1]


def checkout() -> Path | None:
    """Return the root of the checkout that edgekit runs from, or None for an installed copy."""
    # A folder beside the package in site-packages could be anyone's; only a checkout has this file.
    root = PACKAGE.parents[1]
    return root if (root / "pyproject.toml").is_file() else None


def folders(kind: Kind) -> tuple[Path, ...]:
    """Return the folders that hold `kind`, the first to look in first.

    The user's folder is `$EDGEKIT_HOME/<kind>`, by default `~/.config/edgekit/<kind>`.
    """
    home = Path(os.environ.get("EDGEKIT_HOME") or Path.home() / ".config" / "edgekit")
    root = checkout()
    own = (root / kind,) if root else ()
    candidates = (home / kind, *own, PACKAGE / "_shipped" / kind)
    return tuple(folder for folder in candidates if folder.is_dir())


def constraints() -> Path:
    """Return the file that lists the known-good versions."""
    return (checkout() or PACKAGE / "_shipped") / "constraints.txt"


def find(kind: Kind, name: str, entry: str) -> Path:
    """Return the path of `entry` (`{name}` filled in) in the first folder that has it.

    Raises `UsageError` with a suggestion for an unknown name.
    """
    known = listing(kind, entry)
    # A name that is not listed could lead out of the folder.
    for folder in folders(kind) if name in known else ():
        path = folder / entry.format(name=name)
        if path.is_file():
            return path
    raise UsageError(
        f"got {kind.removesuffix('s')} '{name}', expected a known one", did_you_mean(name, known)
    )


def listing(kind: Kind, entry: str) -> tuple[str, ...]:
    """Return the names of all that `find` would find, sorted."""
    found = set()
    for folder in folders(kind):
        for path in folder.glob(entry.format(name="*")):
            found.add(path.parent.name if "/" in entry else path.stem)
    return tuple(sorted(found))
