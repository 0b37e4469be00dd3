"""NumPy archives: arrays `inputs`, `labels` and, if given, `class_names`.

A model with several inputs has an array `inputs_<name>` for each, in the order they were saved in.
Labels are integers `(n,)` for classes, floats `(n,)` or `(n, k)` for values, or integers
`(n, h, w)` for masks (255: no class); a reconstruction needs none. A file is split by seed; a
folder with `train.npz` and `test.npz` keeps its own test part.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgekit.core.dataset import IGNORED, Dataset, Sample, numbered
from edgekit.core.tensor import Array
from edgekit.errors import DataError
from edgekit.system import store

MAX_LABEL = 100_000
INPUTS = "inputs"


class _Part(NamedTuple):
    """One file's arrays; inputs by name."""

    inputs: dict[str, Array]
    labels: Array | None
    class_names: tuple[str, ...]
    n: int


def matches(ref: str) -> bool:
    """Return whether `ref` is an .npz file, or a folder of the two files."""
    path = Path(ref)
    return path.suffix == ".npz" or ((path / "train.npz").is_file() and _test(path).is_file())


def open_dataset(ref: str) -> Dataset:
    """Open a file or folder. Raises `DataError` for missing arrays or lengths that differ."""
    path = Path(ref)
    files = [path / "train.npz", _test(path)] if path.is_dir() else [path]
    parts = [_load(file) for file in files]
    _check_alike(parts, path)
    labels = _joined(parts)
    first, n = parts[0].n, sum(part.n for part in parts)
    class_names = _class_names(parts[0].class_names, labels, path)

    def read(indices: Array, skip_bad: bool) -> Iterator[Sample | None]:
        del skip_bad  # an array has no unreadable rows
        for i in indices:
            part, row = (parts[0], i) if i < first else (parts[1], i - first)
            yield tuple(part.inputs[name][row] for name in parts[0].inputs)

    return Dataset(
        name=ref,
        n=n,
        labels=labels,
        class_names=class_names,
        fingerprint=store.key_of([store.sha256_file(file) for file in files]),
        read=read,
        test_indices=np.arange(first, n) if path.is_dir() else None,
        input_names=tuple(name.removeprefix(f"{INPUTS}_") for name in parts[0].inputs),
    )


def _test(folder: Path) -> Path:
    return folder / "test.npz"


def _check_alike(parts: list[_Part], path: Path) -> None:
    arrays = [
        {**part.inputs, **({} if part.labels is None else {"labels": part.labels})}
        for part in parts
    ]
    found = [
        sorted(f"{name} {array.dtype} {array.shape[1:]}" for name, array in some.items())
        for some in arrays
    ]
    if any(other != found[0] for other in found):
        shapes = " and ".join(", ".join(some) for some in found)
        raise DataError(f"got samples {shapes}, expected the same in train and test: {path}")


def _joined(parts: list[_Part]) -> Array | None:
    labels = [part.labels for part in parts if part.labels is not None]
    if len(labels) > 1:
        return np.concatenate(labels)
    return labels[0] if labels else None


def _class_names(given: tuple[str, ...], labels: Array | None, path: Path) -> tuple[str, ...]:
    if labels is None or not np.issubdtype(labels.dtype, np.integer):
        return ()
    counts = True if labels.ndim == 1 else labels != IGNORED
    highest = int(labels.max(initial=0, where=counts))
    if given and highest >= len(given):
        raise DataError(
            f"got label {highest} and {len(given)} class_names in {path}",
            "give a name for every label",
        )
    return given or numbered(highest + 1)


def _load(path: Path) -> _Part:
    """Return inputs, memory-mapped, with labels and class names."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(name).stem: name for name in archive.namelist()}
            names = _input_names(tuple(members), path)
            inputs = {name: _member(archive, members[name]) for name in names}
            labels = _member(archive, members["labels"]) if "labels" in members else None
            classes = _member(archive, members["class_names"]) if "class_names" in members else ()
            class_names = tuple(str(name) for name in classes)
    except FileNotFoundError:
        raise DataError(f"got no file {path}", "check the path after --data") from None
    except DataError:
        raise
    except Exception as error:  # whatever the archive makes the readers stumble over
        raise DataError(f"got an unreadable .npz file {path}: {error}", "save it again") from error
    n = _check_inputs(inputs, path)
    return _Part(inputs, None if labels is None else _labels(labels, n, path), class_names, n)


def _input_names(members: tuple[str, ...], path: Path) -> list[str]:
    found = [name for name in members if name == INPUTS or name.startswith(f"{INPUTS}_")]
    if not found:
        raise DataError(
            f"got arrays {', '.join(members) or 'none'} in {path}, expected also {INPUTS}",
            "save with numpy.savez(path, inputs=..., labels=...)",
        )
    return found


def _check_inputs(inputs: dict[str, Array], path: Path) -> int:
    """Return how many samples the inputs hold, all of them as many."""
    shapes = " and ".join(f"{name} {array.shape}" for name, array in inputs.items())
    lengths = {array.shape[:1] for array in inputs.values()}
    if len(lengths) > 1 or any(a.ndim < 2 or not len(a) for a in inputs.values()):
        raise DataError(f"got {shapes} in {path}, expected (n, ...) with one n above 0")
    for name, array in inputs.items():
        if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
            raise DataError(f"got {array.dtype} {name} in {path}, expected real numbers")
    return int(lengths.pop()[0])


def _labels(labels: Array, n: int, path: Path) -> Array:
    """Return labels as a data set has them: int64 classes, float64 values or integer masks."""
    if not labels.ndim or len(labels) != n:
        raise DataError(f"got labels {labels.shape} in {path}, expected one for each of {n} inputs")
    if np.issubdtype(labels.dtype, np.floating) and labels.ndim in {1, 2}:
        if not np.isfinite(labels).all():
            raise DataError(f"got labels that are not finite in {path}, expected numbers")
        return labels.astype(np.float64)
    whole = np.issubdtype(labels.dtype, np.integer) or labels.dtype == np.bool_
    if not whole or labels.ndim not in {1, 3}:
        raise DataError(
            f"got {labels.dtype} labels {labels.shape} in {path}, "
            "expected integers (n,) or (n, height, width), or floats (n,) or (n, values)"
        )
    if labels.min() < 0:
        raise DataError(
            f"got label {labels.min()} in {path}, expected integers from 0 up",
            "save values that are no classes as floats, and 255 for a mask's pixels of no class",
        )
    if labels.max() > MAX_LABEL:
        raise DataError(
            f"got label {labels.max()} in {path}, expected at most {MAX_LABEL}",
            "save values that are no classes as floats",
        )
    if labels.ndim == 1:
        return labels.astype(np.int64)
    return labels.view(np.uint8) if labels.dtype == np.bool_ else labels


def _member(archive: zipfile.ZipFile, name: str) -> Array:
    """Memory-map one array of an archive from a temporary copy; pickled objects are refused."""
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        if dtype.hasobject:
            msg = f"array {name} holds pickled Python objects, which are never loaded"
            raise ValueError(msg)
        if 0 in shape:
            return np.empty(shape, dtype)
        file = store.spill(stream)
    return np.memmap(file, dtype, mode="r", shape=shape, order="F" if fortran else "C")
