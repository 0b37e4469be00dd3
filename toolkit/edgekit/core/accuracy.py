"""Classes from scores: who is right, and how a converted model differs from its float model."""

import numpy as np

from edgekit.core.measurement import Metric
from edgekit.core.statistics import paired_drop, wilson
from edgekit.core.tensor import Array
from edgekit.errors import DataError

WILSON = "Wilson score interval, 95 %"
PAIRED = "Bonett-Price interval for paired proportions, 95 %"

# Below this many samples of a class, its own drop is chance and is not called the worst.
MIN_CLASS_SAMPLES = 10


def predictions(outputs: Array) -> Array:
    """Return the class of each row of `outputs`, shape `(n, classes)`.

    A row with a value that is not a number has no class: -1, which is never right.
    """
    flat = _rows(outputs)
    return np.where(np.isnan(flat).any(axis=1), -1, flat.argmax(axis=1))


def within_top(outputs: Array, labels: Array | None, k: int) -> Array:
    """Return for each row of `outputs` `(n, classes)` whether its label is among the `k` best.

    Of equal scores the first counts as the better one, as for `predictions`; a row with a value
    that is not a number is never right. Raises `DataError` where there are no more than `k`
    classes, or the labels `(n,)` do not fit.
    """
    scores, labels = _rows(outputs), _checked(outputs, labels)
    if scores.shape[1] <= k:
        raise DataError(
            f"got {scores.shape[1]} classes, expected more than {k}, or every answer is right",
            'set metric = "accuracy" in the card',
        )
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < labels[:, None]
    better = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    return np.asarray((better < k) & ~np.isnan(scores).any(axis=1))


def rate(name: str, successes: int, n: int) -> Metric:
    """Return the share `successes / n` with its Wilson interval."""
    found = wilson(successes, n)
    return Metric(
        name=name, value=found.value, low=found.low, high=found.high, unit="fraction", n=n,
        method=WILSON,
    )  # fmt: skip


def rate_drop(name: str, right: Array, reference: Array, detail: str = "") -> Metric:
    """Return the drop of a share in percentage points; `right` and `reference` are `(n,)` bool."""
    lost, won = int((reference & ~right).sum()), int((~reference & right).sum())
    value, low, high = (100 * bound for bound in paired_drop(lost, won, len(right)))
    return Metric(
        name=name, value=value, low=low, high=high, unit="points", n=len(right), method=PAIRED,
        detail=detail,
    )  # fmt: skip


def agreement(outputs: Array, reference: Array) -> Metric:
    """Return how often a converted model gives its float model's class; both `(n, classes)`."""
    same = predictions(outputs) == predictions(reference)
    return rate("agreement", int(same.sum()), len(same))


def flips(right: Array, reference: Array) -> tuple[Metric, Metric]:
    """Return how many answers turned wrong, and right; both `(n,)` bool."""
    n, lost, won = len(right), int((reference & ~right).sum()), int((~reference & right).sum())
    return (
        Metric(name="right_to_wrong", value=lost, unit="samples", n=n),
        Metric(name="wrong_to_right", value=won, unit="samples", n=n),
    )


def worst_class(
    right: Array, reference: Array, labels: Array, names: tuple[str, ...]
) -> tuple[Metric, ...]:
    """Return the largest drop of any class of enough samples, if there is one."""
    worst: Metric | None = None
    for label in np.unique(labels):
        chosen = labels == label
        if chosen.sum() < MIN_CLASS_SAMPLES:
            continue
        name = class_name(label, names)
        drop = rate_drop("worst_class_drop", right[chosen], reference[chosen], name)
        if worst is None or drop.value > worst.value:
            worst = drop
    return (worst,) if worst else ()


def class_name(label: int, names: tuple[str, ...]) -> str:
    """Return the name of a class, or its number where it has none."""
    return names[label] if label < len(names) else str(label)


def _rows(outputs: Array) -> Array:
    if sum(size > 1 for size in outputs.shape[1:]) > 1:
        shape = "x".join(map(str, outputs.shape[1:]))
        raise DataError(
            f"got outputs of shape {shape} for each sample, expected one row of class scores",
            "set the card's task: regression, reconstruction, anomaly or segmentation",
        )
    return outputs.reshape(len(outputs), -1)


def _checked(outputs: Array, labels: Array | None) -> Array:
    if labels is None or labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        got = "no labels" if labels is None else f"{labels.dtype} labels {labels.shape}"
        raise DataError(
            f"got {got}, expected one class for each sample",
            "give data with integer labels (n,), or set another task in the card",
        )
    classes = int(np.prod(outputs.shape[1:]))
    if len(outputs) != len(labels):
        raise DataError(f"got {len(outputs)} outputs, expected {len(labels)}, one for each label")
    if len(labels) and int(labels.max()) >= classes:
        raise DataError(
            f"got label {int(labels.max())}, expected labels below the model's {classes} outputs",
            "check that the data set has the classes that the model was trained for"
            + ("; for one score, take task = 'anomaly'" if classes == 1 else ""),
        )
    return labels
