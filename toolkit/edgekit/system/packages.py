"""What edgekit requires, and what of it is installed, by metadata alone: nothing is imported.

Packages are called by the names of their distributions, as pip knows them: `scikit-learn`, not
`sklearn`. What brings which of them stands in pyproject.toml alone; an installed edgekit has it as
its metadata.
"""

import importlib.metadata
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import MissingExtraError, UsageError
from edgekit.system import resources

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DISTRIBUTION = "edgekit"

# What comes along without any extra.
BASE = "base"


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each package.

    Raises `MissingExtraError` for the first that is not installed.
    """
    found = {}
    for package in packages:
        version = installed(package)
        if version is None:
            raise missing(package)
        found[package] = version
    return found


def installed(package: str) -> str | None:
    """Return the installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing(name: str) -> MissingExtraError:
    """Return the error for a package, or a module of its name, that is not installed."""
    top = name.split(".", maxsplit=1)[0]
    extra = extra_of(top)
    hint = "install it; no extra of edgekit brings it"
    if extra is not None:
        wanted = DISTRIBUTION if extra == BASE else f"{DISTRIBUTION}[{extra}]"
        hint = f"install it: pip install '{wanted}'"
    return MissingExtraError(f"got no installed package '{top}', expected it for this", hint)


def extra_of(package: str) -> str | None:
    """Return what brings a package: `BASE`, or an extra; None where nothing does.

    Of several extras it is the one that most is there of: the least is left to install.
    """
    from packaging.utils import canonicalize_name

    wanted, required = canonicalize_name(package), requirements()
    bringing = [
        extra
        for extra, lines in required.items()
        if any(canonicalize_name(line.name) == wanted for line in lines)
    ]
    if BASE in bringing:
        return BASE

    def left(extra: str) -> tuple[int, int]:
        lines = required[extra]
        return sum(installed(line.name) is None for line in lines), len(lines)

    return min(bringing, key=left, default=None)


def requirements() -> dict[str, "tuple[Requirement, ...]"]:
    """Return what `BASE` and each extra require here, by the checkout's pyproject or the metadata.

    An extra made of others, such as `all`, has what they have. Raises `UsageError` where there is
    neither of both.
    """
    checkout = resources.checkout()
    declared = _of_metadata() if checkout is None else _of_project(checkout / "pyproject.toml")
    return {extra: tuple(_required(extra, declared)) for extra in declared}


def _of_project(path: Path) -> dict[str, list[str]]:
    # The metadata of an editable installation is as old as the installation.
    project = tomllib.loads(path.read_text())["project"]
    return {BASE: project["dependencies"], **project["optional-dependencies"]}


def _of_metadata() -> dict[str, list[str]]:
    try:
        found = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise UsageError(
            "got no metadata of edgekit, and no pyproject.toml of a checkout around it",
            "install it: pip install edgekit",
        ) from None
    lines = found.requires or []
    of_extras = [line for line in lines if "extra" in line.partition(";")[2]]
    base = [line for line in lines if line not in of_extras]
    return {BASE: base, **dict.fromkeys(found.metadata.get_all("Provides-Extra", []), of_extras)}


def _required(extra: str, declared: dict[str, list[str]]) -> "list[Requirement]":
    """Return the requirements of an extra that apply here, with those of extras that it names."""
    from packaging.requirements import Requirement

    found = []
    for line in declared[extra]:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        # It applies; and the metadata names the extra in it, which pyproject does not.
        requirement.marker = None
        own = requirement.name == DISTRIBUTION
        parts = [_required(each, declared) for each in sorted(requirement.extras)] if own else []
        found += [each for part in parts for each in part] if own else [requirement]
    # Two extras may require the same.
    return list({str(each): each for each in found}.values())
