"""Where a runtime runs, a file a device.

`pipeline` and `packaging` come in by the door below. A device runs a file on samples and says what
came of it; it never judges, and knows no other device.
"""

from pathlib import Path
from typing import Protocol

from edgekit.core.measurement import Grade, Kernels, Latency
from edgekit.core.noun import Noun
from edgekit.system import process
from edgekit.system.plugins import Door


class Request(Noun):
    """A model file to run, and on what.

    `inputs` are `.npy` files `(n, ...)`, preprocessed and of the file's own types, one for each of
    its inputs; `outputs` are the `.npy` files `(n, ...)` to write, one for each of its outputs, or
    () to write none. Single-sample inference is timed `runs` times after `warmup` others.
    """

    runtime: str
    model: Path
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...] = ()
    kernels: Kernels = "optimized"
    threads: int = 1
    warmup: int = 0
    runs: int = 0


class Answer(Noun):
    """What ran, and how it went. The outputs lie where the request wanted them.

    `host` is the machine in words, `cpu_flags` what its processor can, as its system names them.
    `load_ms` opens the file and prepares the runtime, `first_run_ms` is the first inference.
    `peak_memory_bytes` is resident memory above the idle runner's. `delegation` is how many
    operators delegates took, of how many; None where the runtime does not say, as for all figures.
    `n` samples were evaluated.
    """

    runtime_version: str
    host: str
    cpu_flags: tuple[str, ...] = ()
    load_ms: float
    first_run_ms: float
    latency: Latency | None = None
    peak_memory_bytes: int | None = None
    delegation: tuple[int, int] | None = None
    n: int = 0


class Device(Protocol):
    """One place to run files in. `name` is what measurements call it, `grade` its evidence's."""

    name: str
    grade: Grade

    def run(self, request: Request, folder: Path, limits: process.Limits) -> Answer:
        """Run a file within `limits`; `folder` is for what the device itself has to write.

        Raises `MissingExtraError` for a runtime that is not there, and `RuntimeFailedError` where
        the file is refused, crashes or takes longer.
        """
        ...


class Kind(Protocol):
    """One kind of device: `connect(argument)` returns the device that `kind:argument` names."""

    def connect(self, argument: str) -> Device:
        """Return the device. Raises `UsageError` for an argument that names none."""
        ...


_KINDS = Door[Kind]("device", __name__)

names = _KINDS.names


def open(ref: str) -> Device:  # noqa: A001 - called as devices.open
    """Return the device that `ref` names: `kind`, or `kind:argument`. Raises `UsageError`."""
    kind, _, argument = ref.partition(":")
    return _KINDS.load(kind).connect(argument)
