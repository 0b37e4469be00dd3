"""Classification accuracy: one model by itself, and a converted one against its float model."""

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
    if sum(size > 1 for size in outputs.shape[1:]) > 1:
        shape = "x".join(map(str, outputs.shape[1:]))
        raise DataError(
            f"got outputs of shape {shape} for each sample, expected one row of class scores",
            "only classification can be judged yet",
        )
    flat = outputs.reshape(len(outputs), -1)
    return np.where(np.isnan(flat).any(axis=1), -1, flat.argmax(axis=1))


def classification(outputs: Array, labels: Array) -> tuple[Metric, ...]:
    """Return the top-1 accuracy of `outputs` `(n, classes)` for integer `labels` `(n,)`."""
    _check(outputs, labels)
    right = int((predictions(outputs) == labels).sum())
    return (_rate("accuracy", right, len(labels)),)


def paired_classification(
    outputs: Array, reference: Array, labels: Array, names: tuple[str, ...] = ()
) -> tuple[Metric, ...]:
    """Compare a converted model with its float model on the same samples.

    `outputs` and `reference` are `(n, classes)`, `labels` `(n,)`. Returns accuracy, its drop in
    percentage points, agreement, the flips both ways, and the drop of the worst class.
    """
    _check(reference, labels)
    n, got, wanted = len(labels), predictions(outputs), predictions(reference)
    lost = int(((wanted == labels) & (got != labels)).sum())
    won = int(((wanted != labels) & (got == labels)).sum())
    return (
        *classification(outputs, labels),
        _drop("accuracy_drop", lost, won, n),
        _rate("agreement", int((got == wanted).sum()), n),
        Metric(name="right_to_wrong", value=lost, unit="samples", n=n),
        Metric(name="wrong_to_right", value=won, unit="samples", n=n),
        *_worst_class(got, wanted, labels, names),
    )


def _rate(name: str, successes: int, n: int) -> Metric:
    found = wilson(successes, n)
    return Metric(
        name=name, value=found.value, low=found.low, high=found.high, unit="fraction", n=n,
        method=WILSON,
    )  # fmt: skip


def _drop(name: str, lost: int, won: int, n: int, detail: str = "") -> Metric:
    value, low, high = (100 * bound for bound in paired_drop(lost, won, n))
    return Metric(
        name=name, value=value, low=low, high=high, unit="points", n=n, method=PAIRED, detail=detail
    )


def _worst_class(
    got: Array, wanted: Array, labels: Array, names: tuple[str, ...]
) -> tuple[Metric, ...]:
    worst: Metric | None = None
    for label in np.unique(labels):
        chosen = labels == label
        n = int(chosen.sum())
        if n < MIN_CLASS_SAMPLES:
            continue
        lost = int(((wanted == label) & (got != label) & chosen).sum())
        won = int(((wanted != label) & (got == label) & chosen).sum())
        name = names[label] if label < len(names) else str(label)
        drop = _drop("worst_class_drop", lost, won, n, name)
        if worst is None or drop.value > worst.value:
            worst = drop
    return (worst,) if worst else ()


def _check(outputs: Array, labels: Array) -> None:
    classes = int(np.prod(outputs.shape[1:]))
    if len(outputs) != len(labels):
        raise DataError(f"got {len(outputs)} outputs, expected {len(labels)}, one for each label")
    if len(labels) and int(labels.max()) >= classes:
        raise DataError(
            f"got label {int(labels.max())}, expected labels below the model's {classes} outputs",
            "check that the data set has the classes that the model was trained for",
        )
