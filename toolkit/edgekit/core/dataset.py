"""Data sets as edgekit sees them: samples, mostly labelled, behind one reading function."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edgekit.core.tensor import Array
from edgekit.errors import DataError

# A sample is one array per input of the model.
Sample = tuple[Array, ...]

# A sample that could not be read comes back as None where the user asked to skip such samples.
Reader = Callable[[Array, bool], Iterator[Sample | None]]

# The value of a mask's pixels that belong to no class, as in Pascal VOC and Cityscapes.
IGNORED = 255


@dataclass(frozen=True)
class Dataset:
    """`n` samples. `read(indices, skip_bad)` yields one of them for each index, in order.

    `labels` are classes `(n,)` int64; values `(n,)` or `(n, k)` float64; masks `(n, h, w)` of
    classes, integers, `IGNORED` where a pixel has none; or None where the samples have no labels.
    `input_names` says what the arrays of a sample are, in order. `test_indices` is set where the
    data set comes with its own test part. `fingerprint` is a digest of the bytes behind it.
    """

    name: str
    n: int
    labels: Array | None
    class_names: tuple[str, ...]
    fingerprint: str
    read: Reader
    test_indices: Array | None = None
    input_names: tuple[str, ...] = ("inputs",)

    @property
    def names_are_given(self) -> bool:
        """Whether the data names its classes; else they are only numbered."""
        return self.class_names != numbered(len(self.class_names))


def numbered(classes: int) -> tuple[str, ...]:
    """Return the names of classes that have none: their numbers."""
    return tuple(str(i) for i in range(classes))


@dataclass(frozen=True)
class Split:
    """Indices of three parts that share no sample.

    Training also picks its best epoch on `calibration`, so that `test` stays unseen.
    """

    train: Array
    calibration: Array
    test: Array


def split(dataset: Dataset, seed: int, test: float = 0.3, calibration: float = 0.1) -> Split:
    """Split seeded: classes are stratified, each gives the same fractions, rounded.

    A data set with its own test part keeps it; calibration samples then come out of the rest.
    """
    rng = np.random.default_rng(seed)
    own_test = dataset.test_indices
    everything = np.arange(dataset.n)
    rest = everything if own_test is None else np.setdiff1d(everything, own_test)
    parts: dict[str, list[Array]] = {"train": [], "calibration": [], "test": []}
    for stratum in _strata(dataset, rest):
        members = rng.permutation(stratum)
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


def _strata(dataset: Dataset, rest: Array) -> list[Array]:
    """Return the members of each class; all of `rest` in one where labels are no classes.

    Labels that hardly ever repeat are counts or identifiers: their strata would round to nothing.
    """
    labels = dataset.labels
    if labels is None or labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        return [rest]
    found = np.unique(labels[rest])
    if 2 * len(found) > len(rest):
        return [rest]
    return [rest[labels[rest] == label] for label in found]


def choose(indices: Array, n: int, seed: int) -> Array:
    """Return `n` of `indices`, seeded. Raises `DataError` where there are fewer."""
    if n > len(indices):
        fewer = f"give --calibration {len(indices)} or fewer, or " if len(indices) else "give "
        raise DataError(
            f"got {len(indices)} calibration samples in the data, expected {n}",
            f"{fewer}more data",
        )
    return np.random.default_rng(seed).permutation(indices)[:n]
