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

from edgekit.core.dataset import Dataset, Sample
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import Array, Arrays
from edgekit.errors import DataError

CHUNK = 256
SMALL_SAMPLE = 64 * 64 * 3
# The first samples are also kept as they came, for the golden vectors of packages.
RAW_SAMPLES = 8
RAW_BYTES = 4 * 2**20


class _Raw:
    """The first samples as they came; at least one, then as many as stay small together."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._n = self._bytes = 0

    def add(self, sample: Sample) -> None:
        size = sum(part.nbytes for part in sample)
        if self._n and (self._n == RAW_SAMPLES or self._bytes + size > RAW_BYTES):
            self._n = RAW_SAMPLES  # none after one that was left out: they are the first
            return
        self.arrays |= {f"{self._n}_{i}": np.asarray(part) for i, part in enumerate(sample)}
        self._n, self._bytes = self._n + 1, self._bytes + size


class Samples(NamedTuple):
    """Where prepared samples lie, one file per input, and how many of them there are."""

    inputs: tuple[Path, ...]
    labels: Path | None
    n: int

    @property
    def raw(self) -> Path:
        """Return the `.npz` of the first samples as the data has them: `SAMPLE_INPUT` → array."""
        return self.inputs[0].with_name("raw.npz")

    def arrays(self) -> tuple[Arrays, Array | None]:
        """Return one `(n, ...)` array per input, and the labels as the data set has them.

        All of them are memory-mapped and read-only; the labels are None where there are none.
        """
        inputs = tuple(np.load(path, mmap_mode="r") for path in self.inputs)
        return inputs, None if self.labels is None else np.load(self.labels, mmap_mode="r")


def prepare(
    dataset: Dataset,
    indices: Array,
    preprocesses: tuple[Preprocess, ...],
    folder: Path,
    *,
    skip_bad: bool,
) -> Samples:
    """Write the samples at `indices` to `folder`, in order, each input through its Preprocess.

    Raises `DataError` where a sample cannot be read (unless `skip_bad`), does not fit, or none is
    left.
    """
    _check_inputs(dataset, preprocesses)
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[int] = []
    files: list[Array] = []
    raw = _Raw()
    for chosen, rows in _preprocessed(dataset, indices, preprocesses, raw, skip_bad=skip_bad):
        if not files:
            files = [
                new_rows(folder / f"rows-{i}.npy", (len(indices), *part.shape[1:]), part.dtype.name)
                for i, part in enumerate(rows)
            ]
        for file, part in zip(files, rows, strict=True):
            _check_shape(file, part)
            file[len(kept) : len(kept) + len(part)] = part
        kept.extend(chosen)
    if not files:
        raise DataError(f"got no usable sample in {dataset.name}, expected at least 1")
    inputs = tuple(folder / f"inputs-{i}.npy" for i in range(len(files)))
    for i, (path, file) in enumerate(zip(inputs, files, strict=True)):
        _finish(folder / f"rows-{i}.npy", path, file, len(kept))
    np.savez(folder / "raw.npz", **raw.arrays)  # type: ignore[arg-type]
    return Samples(inputs, _write_labels(dataset, kept, preprocesses, folder), len(kept))


def _check_inputs(dataset: Dataset, preprocesses: tuple[Preprocess, ...]) -> None:
    if len(preprocesses) != len(dataset.input_names):
        raise DataError(
            f"got {len(dataset.input_names)} inputs in {dataset.name} "
            f"({', '.join(dataset.input_names)}), expected {len(preprocesses)}",
            "give data with one array for each input of the model",
        )


def _check_finite(done: tuple[list[int], Arrays], dataset: Dataset) -> None:
    """Refuse what is no number: an integer input would turn it into one."""
    chosen, arrays = done
    for name, rows in zip(dataset.input_names, arrays, strict=True):
        bad = np.flatnonzero(~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1))
        if len(bad):
            raise DataError(
                f"got NaN or infinite values in sample {chosen[bad[0]]} of {name} in "
                f"{dataset.name}, expected numbers",
                "repair or remove the sample, or correct the card's scale, mean and std",
            )


def _check_shape(file: Array, rows: Array) -> None:
    if rows.shape[1:] != file.shape[1:]:
        raise DataError(
            f"got samples of shapes {file.shape[1:]} and {rows.shape[1:]}, expected one shape",
            "set height, width and fit in the card's preprocess",
        )


def _preprocessed(
    dataset: Dataset,
    indices: Array,
    preprocesses: tuple[Preprocess, ...],
    raw: _Raw,
    *,
    skip_bad: bool,
) -> Iterator[tuple[list[int], Arrays]]:
    """Yield indices and their rows. Neighbours of the same shapes are preprocessed together."""
    chosen: list[int] = []
    samples: list[Sample] = []

    def flush() -> tuple[list[int], Arrays]:
        columns = zip(preprocesses, zip(*samples, strict=True), strict=True)
        done = chosen[:], tuple(each.apply(np.stack(column)) for each, column in columns)
        _check_finite(done, dataset)
        chosen.clear()
        samples.clear()
        return done

    for index, sample in zip(indices, dataset.read(indices, skip_bad), strict=True):
        if sample is None:
            continue
        if samples and (_shapes(sample) != _shapes(samples[0]) or len(samples) == CHUNK):
            yield flush()
        raw.add(sample)
        chosen.append(int(index))
        samples.append(sample)
        # A photo is megabytes: hold one at a time.
        if sum(part.size for part in sample) > SMALL_SAMPLE:
            yield flush()
    if samples:
        yield flush()


def _shapes(sample: Sample) -> list[tuple[int, ...]]:
    return [part.shape for part in sample]


def _write_labels(
    dataset: Dataset, kept: list[int], preprocesses: tuple[Preprocess, ...], folder: Path
) -> Path | None:
    """Write the labels of the samples that were kept; masks follow the first image's geometry."""
    labels, file, path = dataset.labels, None, folder / "labels.npy"
    if labels is None:
        return None
    images = next((each for each in preprocesses if each.colour), Preprocess())
    for start in range(0, len(kept), CHUNK):
        rows = np.asarray(labels[kept[start : start + CHUNK]])
        rows = images.apply_to_masks(rows) if rows.ndim == 3 else rows
        if file is None:
            file = new_rows(path, (len(kept), *rows.shape[1:]), rows.dtype.name)
        file[start : start + len(rows)] = rows
    return path


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
    shorter = new_rows(inputs, (n, *file.shape[1:]), file.dtype.name)
    for start in range(0, n, CHUNK):
        shorter[start : start + CHUNK] = file[start : min(n, start + CHUNK)]
    rows.unlink()
