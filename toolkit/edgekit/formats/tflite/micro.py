"""TensorFlow Lite Micro on this computer: the arena that a file needs, and what it computes.

The wheel has the reference kernels of the C++ library, compiled for this computer.
"""

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgekit.core.noun import Noun
from edgekit.errors import RuntimeFailedError
from edgekit.system import packages, process

# More than any microcontroller has; memory that is not touched costs nothing here.
ROOM_BYTES = 64 * 2**20
LIMITS = process.Limits(seconds=600)
# Optimized kernels ask for scratch memory that the reference kernels do without.
SPARE_BYTES = 1024
SPARE_PART = 8
GROWTHS = 8


class Ran(NamedTuple):
    """What running a file gave.

    `total`, `head` and `tail` are the bytes of the arena in use, by the library's own record;
    `arena_bytes` is a size that the file was seen to run in, with some to spare. `outputs` has the
    bytes of each output, for each sample.
    """

    version: str
    total: int
    head: int
    tail: int
    arena_bytes: int
    outputs: tuple[tuple[bytes, ...], ...]


@functools.lru_cache(maxsize=8)
def run(model: bytes, samples: tuple[tuple[bytes, ...], ...], outputs: int) -> Ran:
    """Run a .tflite file of so many `outputs` on `samples`: the bytes of each input.

    Raises `RuntimeFailedError` where TensorFlow Lite Micro refuses the file or crashes in it, and
    `MissingExtraError` where it is not installed.
    """
    packages.versions(("tflite-micro",))
    with tempfile.TemporaryDirectory(prefix="edgekit-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        for k, inputs in enumerate(samples):
            for i, data in enumerate(inputs):
                (folder / f"in-{k}-{i}").write_bytes(data)
        job = _Job(folder=folder, samples=len(samples), outputs=outputs, arena_bytes=ROOM_BYTES)
        found = _call(job)
        got = tuple(
            tuple((folder / f"out-{k}-{i}").read_bytes() for i in range(outputs))
            for k in range(len(samples))
        )
        return Ran(
            version=found.version,
            total=found.total,
            head=found.head,
            tail=found.tail,
            arena_bytes=_sufficient(job, found.total),
            outputs=got,
        )


class _Job(Noun):
    """So many samples to run in an arena of a size: `in-<sample>-<input>` in `folder`."""

    folder: Path
    samples: int
    outputs: int
    arena_bytes: int


class _Used(Noun):
    """The library's version, and the bytes of the arena in use."""

    version: str
    total: int
    head: int
    tail: int


def _call(job: _Job) -> _Used:
    return process.call(invoke, job, RuntimeFailedError, limits=LIMITS)


def _sufficient(job: _Job, total: int) -> int:
    """Return an arena size that the file was seen to run in.

    What is in use at the end is not enough for small files: planning the memory takes some itself.
    """
    size = _rounded(total + total // SPARE_PART + SPARE_BYTES)
    for _ in range(GROWTHS):
        try:
            _call(job.model_copy(update={"samples": 1, "arena_bytes": size}))
        except RuntimeFailedError:
            size = _rounded(size + size // 4)
        else:
            return size
    raise RuntimeFailedError(
        f"got no arena size up to {size:,} bytes in which TensorFlow Lite Micro runs the file, "
        f"which uses {total:,}",
        "package another file of the run",
    )


def _rounded(size: int) -> int:
    return -(-size // 16) * 16


def invoke(job: _Job) -> _Used:
    """Run the file in `folder` on its samples; in a child, for a file may crash the library."""
    from tflite_micro.python.tflite_micro import _version, runtime

    model = (job.folder / "model.tflite").read_bytes()
    with _printed() as log:
        try:
            interpreter = runtime.Interpreter.from_bytes(model, arena_size=job.arena_bytes)
            for k in range(job.samples):
                _run_sample(interpreter, job.folder, k, job.outputs)
            interpreter.print_allocations()
        except RuntimeError as error:
            raise _refusal(error, log) from error
        facts = {key: _allocation(log, key) for key in ("total", "head", "tail")}
    return _Used(version=str(_version.__version__), **facts)


def _run_sample(interpreter: Any, folder: Path, k: int, outputs: int) -> None:
    """Run sample `k` and write its outputs."""
    for i in range(len(list(folder.glob(f"in-{k}-*")))):
        details = interpreter.get_input_details(i)
        values = np.frombuffer((folder / f"in-{k}-{i}").read_bytes(), details["dtype"])
        interpreter.set_input(values.reshape(details["shape"]), i)
    interpreter.invoke()
    for i in range(outputs):
        (folder / f"out-{k}-{i}").write_bytes(interpreter.get_output(i).tobytes())


@contextlib.contextmanager
def _printed() -> Iterator[Path]:
    """Give the file that what C++ writes to stderr goes to, while inside."""
    with tempfile.NamedTemporaryFile(prefix="edgekit-", suffix=".txt") as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield Path(file.name)
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _allocation(log: Path, key: str) -> int:
    mark = f"Arena allocation {key} "
    lines = [line for line in log.read_text(errors="replace").splitlines() if mark in line]
    return int(lines[-1].split(mark)[1].split()[0])


def _refusal(error: RuntimeError, log: Path) -> RuntimeFailedError:
    said = " ".join(log.read_text(errors="replace").split()) or str(error)
    return RuntimeFailedError(
        f"got a file that TensorFlow Lite Micro refuses: {said[-600:]}",
        "package another file of the run",
    )
