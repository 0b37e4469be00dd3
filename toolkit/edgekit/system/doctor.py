"""What is installed here, whether it is known to work together, and how to repair it."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path

from edgekit import __version__
from edgekit.core.cpu import features
from edgekit.core.noun import Noun
from edgekit.system import resources

# What each extra brings that edgekit itself calls. `base` always comes along.
PACKAGES = {
    "base": (
        "ai-edge-litert",
        "numpy",
        "pillow",
        "platformdirs",
        "pydantic",
        "typer",
        "rich",
        "flatbuffers",
        "cyclonedx-python-lib",
        "jinja2",
    ),
    "tensorflow": ("tensorflow", "keras", "ai-edge-quantizer", "scikit-learn", "tensorboard"),
    "torch": ("torch", "torchao", "executorch", "safetensors", "scikit-learn", "tensorboard"),
    "onnx": ("onnx", "onnxruntime", "onnxscript", "tf2onnx"),
    "litert-torch": ("litert-torch",),
    "coreml": ("coremltools",),
    "hub": ("huggingface-hub",),
    "micro": ("tflite-micro",),
    "sign": ("cryptography",),
}


class PackageState(Noun):
    """One package: installed version, the version known to work, and what follows."""

    extra: str
    name: str
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
    good = known_good()
    packages = tuple(
        _state(extra, name, good.get(name)) for extra, names in PACKAGES.items() for name in names
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
        packages=packages,
        repairs=_repairs(packages),
        is_healthy=all(p.installed for p in packages if p.extra == "base"),
    )


def known_good() -> dict[str, str]:
    """Return the versions in constraints.txt, by package name."""
    lines = resources.constraints().read_text().splitlines()
    pairs = (re.fullmatch(r"([\w.-]+)==([\w.+]+)", line.strip()) for line in lines)
    return {match[1].lower(): match[2] for match in pairs if match}


def _state(extra: str, name: str, good: str | None) -> PackageState:
    try:
        installed = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return PackageState(
            extra=extra, name=name, installed=None, known_good=good, state="missing"
        )
    # A local build tag, as in 2.13.0+cpu, is the same version.
    same = good is None or installed.split("+")[0] == good
    state = "ok" if same else "another version than the known-good one"
    return PackageState(extra=extra, name=name, installed=installed, known_good=good, state=state)


def _repairs(packages: tuple[PackageState, ...]) -> tuple[str, ...]:
    lines = []
    for extra in PACKAGES:
        if any(p.state == "missing" for p in packages if p.extra == extra):
            wanted = "edgekit" if extra == "base" else f"edgekit[{extra}]"
            lines.append(f"pip install -c {resources.constraints()} '{wanted}'")
    moved = [f"{p.name}=={p.known_good}" for p in packages if p.state.startswith("another")]
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
