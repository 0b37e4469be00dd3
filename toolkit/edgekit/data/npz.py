"""NumPy archives: arrays `inputs`, `labels` and, if given, `class_names`.

A file is split by seed; a folder with `train.npz` and `test.npz` keeps its own test part.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekit import store
from edgekit.core.dataset import Dataset
from edgekit.core.tensor import Array
from edgekit.errors import DataError

MAX_LABEL = 100_000


def matches(ref: str) -> bool:
    """Return whether `ref` is an .npz file, or a folder of the two files."""
    path = Path(ref)
    return path.suffix == ".npz" or ((path / "train.npz").is_file() and _test(path).is_file())


def open_dataset(ref: str) -> Dataset:
    """Open a file or folder. Raises `DataError` for missing arrays or lengths that differ."""
    path = Path(ref)
    files = [path / "train.npz", _test(path)] if path.is_dir() else [path]
    parts = [_load(file) for file in files]
    inputs = [part[0] for part in parts]
    if len({(part.shape[1:], part.dtype) for part in inputs}) > 1:
        shapes = " and ".join(f"{part.dtype} {part.shape[1:]}" for part in inputs)
        raise DataError(f"got samples {shapes}, expected the same in train and test: {path}")
    first = len(inputs[0])
    labels = np.concatenate([part[1] for part in parts])
    if parts[0][2] and int(labels.max()) >= len(parts[0][2]):
        raise DataError(
            f"got label {int(labels.max())} and {len(parts[0][2])} class_names in {path}",
            "give a name for every label",
        )

    def read(indices: Array, skip_bad: bool) -> Iterator[Array | None]:
        del skip_bad  # an array has no unreadable rows
        for i in indices:
            yield inputs[0][i] if i < first else inputs[1][i - first]

    return Dataset(
        name=ref,
        labels=labels,
        class_names=parts[0][2] or tuple(str(i) for i in range(int(labels.max(initial=0)) + 1)),
        fingerprint=store.key_of([store.sha256_file(file) for file in files]),
        read=read,
        test_indices=np.arange(first, len(labels)) if path.is_dir() else None,
    )


def _test(folder: Path) -> Path:
    return folder / "test.npz"


def _load(path: Path) -> tuple[Array, Array, tuple[str, ...]]:
    """Return inputs, memory-mapped, with labels and class names."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(name).stem: name for name in archive.namelist()}
            _check_members(members, path)
            inputs = _member(archive, members["inputs"])
            labels = _member(archive, members["labels"])
            names = _member(archive, members["class_names"]) if "class_names" in members else ()
            class_names = tuple(str(name) for name in names)
    except FileNotFoundError:
        raise DataError(f"got no file {path}", "check the path after --data") from None
    except DataError:
        raise
    except Exception as error:  # whatever the archive makes the readers stumble over
        raise DataError(f"got an unreadable .npz file {path}: {error}", "save it again") from error
    if inputs.ndim < 2 or labels.ndim != 1 or len(inputs) != len(labels) or not len(labels):
        raise DataError(
            f"got inputs {inputs.shape} and labels {labels.shape} in {path}, "
            "expected (n, ...) and (n,) with n above 0"
        )
    if not np.issubdtype(inputs.dtype, np.number) or np.iscomplexobj(inputs):
        raise DataError(f"got {inputs.dtype} inputs in {path}, expected real numbers")
    if labels.max(initial=0) > MAX_LABEL:
        raise DataError(f"got label {labels.max()} in {path}, expected at most {MAX_LABEL}")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise DataError(f"got {labels.dtype} labels in {path}, expected integers from 0 up")
    return inputs, labels.astype(np.int64), class_names


def _check_members(members: dict[str, str], path: Path) -> None:
    absent = sorted({"inputs", "labels"} - set(members))
    if absent:
        raise DataError(
            f"got arrays {', '.join(members) or 'none'} in {path}, "
            f"expected also {', '.join(absent)}",
            "save with numpy.savez(path, inputs=..., labels=...)",
        )


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
