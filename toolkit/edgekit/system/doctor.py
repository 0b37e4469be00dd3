"""What is installed here, whether it is known to work together, and how to repair it."""

import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit import __version__
from edgekit.core.cpu import features
from edgekit.core.noun import Noun
from edgekit.system import packages, resources

if TYPE_CHECKING:
    from packaging.requirements import Requirement


OK, MISSING = "ok", "missing"
ANOTHER = "another version than the known-good one"
# An installation works with these.
HEALTHY = {OK, ANOTHER}


class PackageState(Noun):
    """One package: what is required, what is installed and known to work, and what follows."""

    extra: str
    name: str
    requirement: str
    installed: str | None
    known_good: str | None
    state: str


class Examination(Noun):
    """The whole answer."""

    edgekit: str
    python: str
    system: str
    cpu: str
    cores: int
    memory_gb: float
    cpu_features: tuple[str, ...]
    packages: tuple[PackageState, ...]
    repairs: tuple[str, ...]
    is_healthy: bool


def examine() -> Examination:
    """Look at this machine, by metadata alone: no framework is imported."""
    from packaging.utils import canonicalize_name

    good, required = known_good(), packages.requirements()
    whole = _combined(required)
    states = tuple(
        _state(extra, line, good.get(canonicalize_name(line.name)))
        for extra, lines in required.items()
        for line in lines
        if extra not in whole
    )
    cpu, can = _cpu()
    return Examination(
        edgekit=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cpu=cpu,
        cores=os.cpu_count() or 1,
        memory_gb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        cpu_features=can,
        packages=states,
        repairs=_repairs(states, _usual(required, whole)),
        is_healthy=all(p.state in HEALTHY for p in states if p.extra == packages.BASE),
    )


def _combined(required: "dict[str, tuple[Requirement, ...]]") -> set[str]:
    """Return the extras that only put others together: smaller ones have all that they have."""
    return {
        extra
        for extra, lines in required.items()
        if all(_is_elsewhere(line, len(lines), required) for line in lines)
    }


def _is_elsewhere(
    line: "Requirement", size: int, required: "dict[str, tuple[Requirement, ...]]"
) -> bool:
    return any(line in lines and len(lines) < size for lines in required.values())


def _usual(required: "dict[str, tuple[Requirement, ...]]", whole: set[str]) -> tuple[str, ...]:
    """Return the base and the extras of `whole`: the others want an environment of their own."""
    known = {line for extra in whole for line in required[extra]}
    return tuple(
        extra
        for extra, lines in required.items()
        if extra not in whole and (extra == packages.BASE or known.issuperset(lines))
    )


def known_good() -> dict[str, str]:
    """Return the versions in constraints.txt, by canonical package name."""
    from packaging.utils import canonicalize_name

    lines = resources.constraints().read_text().splitlines()
    pairs = (re.fullmatch(r"([\w.-]+)==([\w.+]+)", line.strip()) for line in lines)
    return {canonicalize_name(match[1]): match[2] for match in pairs if match}


def _state(extra: str, required: "Requirement", good: str | None) -> PackageState:
    installed = packages.installed(required.name)
    # A local build tag, as in 2.13.0+cpu, is the same version.
    if installed is None:
        state = MISSING
    elif not required.specifier.contains(installed, prereleases=True):
        state = f"violates {required.specifier}"
    else:
        state = OK if good is None or installed.split("+")[0] == good else ANOTHER
    return PackageState(
        extra=extra, name=required.name, requirement=str(required), installed=installed,
        known_good=good, state=state,
    )  # fmt: skip


def _repairs(states: tuple[PackageState, ...], extras: tuple[str, ...]) -> tuple[str, ...]:
    lines = []
    for extra in extras:
        if any(p.state == MISSING for p in states if p.extra == extra):
            wanted = "edgekit" if extra == packages.BASE else f"edgekit[{extra}]"
            lines.append(f"pip install -c {resources.constraints()} '{wanted}'")
    moved = [
        f"{p.name}=={p.known_good}" if p.known_good else f"'{p.requirement}'"
        for p in states
        if p.state not in {OK, MISSING}
    ]
    if moved:
        lines.append(f"pip install {' '.join(dict.fromkeys(moved))}")
    return tuple(lines)


def _cpu() -> tuple[str, tuple[str, ...]]:
    """Return the processor's name and those of its features that kernels care about."""
    name, flags = platform.processor() or platform.machine(), set()
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.is_file() else ():
        key, _, value = line.partition(":")
        if key.strip().lower() == "model name":
            name = value.strip()
        if key.strip().lower() in {"flags", "features"}:
            flags |= set(value.split())
    return name, features(flags)
