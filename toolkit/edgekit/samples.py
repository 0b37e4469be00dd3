"""Prepared samples: a data set's part after Preprocess, on disk, the same bytes for every use.

Training, calibration, the float model and the converted file all read the file written here, so
that no two of them can preprocess differently. It is written sample by sample and read by memory
map: memory does not grow with the data set.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgekit import plugins
from edgekit.core.dataset import Dataset
from edgekit.core.preprocess import Preprocess
from edgekit.core.suggest import did_you_mean
from edgekit.core.tensor import Array
from edgekit.errors import DataError, UsageError

CHUNK = 256
SMALL_SAMPLE = 64 * 64 * 3


def open_dataset(ref: str) -> Dataset:
    """Open the data set that `ref` names: `kind:path`, or a path whose kind shows."""
    kinds = plugins.names("data")
    kind, colon, rest = ref.partition(":")
    if colon and kind in kinds:
        opened: Dataset = plugins.load("data", kind).open_dataset(rest)
        return opened
    for name in kinds:
        module = plugins.load("data", name)
        if module.matches(ref):
            found: Dataset = module.open_dataset(ref)
            return found
    if Path(ref).exists():
        raise UsageError(
            f"got data of no known kind: {ref}",
            "expected an .npz file, an idx folder, or a folder with one subfolder per class",
        )
    raise UsageError(f"got data '{ref}', expected a path or a name", did_you_mean(ref, kinds))


class Samples(NamedTuple):
    """Where prepared samples lie, and how many of them there are."""

    inputs: Path
    labels: Path
    n: int

    def arrays(self) -> tuple[Array, Array]:
        """Return inputs `(n, ...)` float32, memory-mapped, and labels `(n,)` int64."""
        return np.load(self.inputs, mmap_mode="r"), np.load(self.labels)


def prepare(
    dataset: Dataset, indices: Array, preprocess: Preprocess, folder: Path, *, skip_bad: bool
) -> Samples:
    """Write the samples at `indices` to `folder`, preprocessed, in order.

    Raises `DataError` where a sample cannot be read (unless `skip_bad`), does not fit, or none is
    left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inputs, labels = folder / "inputs.npy", folder / "labels.npy"
    kept: list[int] = []
    file: Array | None = None
    for chosen, rows in _preprocessed(dataset, indices, preprocess, skip_bad=skip_bad):
        if file is None:
            file = new_rows(folder / "rows.npy", (len(indices), *rows.shape[1:]))
        if rows.shape[1:] != file.shape[1:]:
            raise DataError(
                f"got samples of shapes {file.shape[1:]} and {rows.shape[1:]}, expected one shape",
                "set height, width and fit in the card's preprocess",
            )
        file[len(kept) : len(kept) + len(rows)] = rows
        kept.extend(chosen)
    if file is None:
        raise DataError(f"got no usable sample in {dataset.name}, expected at least 1")
    _finish(folder / "rows.npy", inputs, file, len(kept))
    np.save(labels, dataset.labels[kept])
    return Samples(inputs, labels, len(kept))


def _preprocessed(
    dataset: Dataset, indices: Array, preprocess: Preprocess, *, skip_bad: bool
) -> Iterator[tuple[list[int], Array]]:
    """Yield indices and their rows. Neighbours of one shape are preprocessed together."""
    chosen: list[int] = []
    samples: list[Array] = []
    for index, sample in zip(indices, dataset.read(indices, skip_bad), strict=True):
        if sample is None:
            continue
        if samples and (sample.shape != samples[0].shape or len(samples) == CHUNK):
            yield chosen, preprocess.apply(np.stack(samples))
            chosen, samples = [], []
        chosen.append(int(index))
        samples.append(sample)
        # A photo is megabytes: hold one at a time.
        if sample.size > SMALL_SAMPLE:
            yield chosen, preprocess.apply(sample[None])
            chosen, samples = [], []
    if samples:
        yield chosen, preprocess.apply(np.stack(samples))


def new_rows(path: Path, shape: tuple[int, ...], dtype: str = "float32") -> Array:
    """Create a `.npy` file of `shape` and return it memory-mapped, its room already taken.

    A sparse file would let a full disk kill the process when a page is written; taking the room
    first makes it an `OSError`.
    """
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return rows


def _finish(rows: Path, inputs: Path, file: Array, n: int) -> None:
    """Keep the first `n` rows; only samples left out make a second copy necessary."""
    if n == len(file):
        file.flush()  # type: ignore[attr-defined]
        rows.rename(inputs)
        return
    shorter = new_rows(inputs, (n, *file.shape[1:]))
    for start in range(0, n, CHUNK):
        shorter[start : start + CHUNK] = file[start : min(n, start + CHUNK)]
    rows.unlink()
