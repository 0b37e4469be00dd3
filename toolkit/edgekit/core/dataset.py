"""Data sets as edgekit sees them: labelled samples behind one reading function."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edgekit.core.tensor import Array
from edgekit.errors import DataError

# A sample that could not be read comes back as None where the user asked to skip such samples.
Reader = Callable[[Array, bool], Iterator[Array | None]]


@dataclass(frozen=True)
class Dataset:
    """Labelled samples. `read(indices, skip_bad)` yields one sample for each index, in order.

    `labels` is `(n,)` int64. `test_indices` is set where the data set comes with its own test part.
    `fingerprint` is a digest of the bytes behind it.
    """

    name: str
    labels: Array
    class_names: tuple[str, ...]
    fingerprint: str
    read: Reader
    test_indices: Array | None = None

    @property
    def names_are_given(self) -> bool:
        """Whether the data names its classes; else they are only numbered."""
        return self.class_names != tuple(str(i) for i in range(len(self.class_names)))


@dataclass(frozen=True)
class Split:
    """Indices of three parts that share no sample.

    Training also picks its best epoch on `calibration`, so that `test` stays unseen.
    """

    train: Array
    calibration: Array
    test: Array


def split(dataset: Dataset, seed: int, test: float = 0.3, calibration: float = 0.1) -> Split:
    """Split seeded and stratified: each class gives the same fractions, rounded.

    A data set with its own test part keeps it; calibration samples then come out of the rest.
    """
    rng = np.random.default_rng(seed)
    own_test = dataset.test_indices
    everything = np.arange(len(dataset.labels))
    rest = everything if own_test is None else np.setdiff1d(everything, own_test)
    parts: dict[str, list[Array]] = {"train": [], "calibration": [], "test": []}
    for label in np.unique(dataset.labels[rest]):
        members = rng.permutation(rest[dataset.labels[rest] == label])
        n_test = 0 if own_test is not None else round(test * len(members))
        n_calibration = round(calibration * len(members))
        parts["test"].append(members[:n_test])
        parts["calibration"].append(members[n_test : n_test + n_calibration])
        parts["train"].append(members[n_test + n_calibration :])
    shuffled = {
        name: rng.permutation(np.concatenate(found or [everything[:0]]))
        for name, found in parts.items()
    }
    if own_test is not None:
        shuffled["test"] = own_test
    return Split(**shuffled)


def choose(indices: Array, n: int, seed: int) -> Array:
    """Return `n` of `indices`, seeded. Raises `DataError` where there are fewer."""
    if n > len(indices):
        fewer = f"give --calibration {len(indices)} or fewer, or " if len(indices) else "give "
        raise DataError(
            f"got {len(indices)} calibration samples in the data, expected {n}",
            f"{fewer}more data",
        )
    return np.random.default_rng(seed).permutation(indices)[:n]
