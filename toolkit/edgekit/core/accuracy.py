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
    interval = wilson(right, len(labels))
    return (
        Metric(
            name="accuracy",
            value=interval.value,
            low=interval.low,
            high=interval.high,
            unit="fraction",
            n=len(labels),
            method=WILSON,
        ),
    )


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
    drop, same = paired_drop(lost, won, n), wilson(int((got == wanted).sum()), n)
    return (
        *classification(outputs, labels),
        Metric(
            name="accuracy_drop",
            value=100 * drop.value,
            low=100 * drop.low,
            high=100 * drop.high,
            unit="points",
            n=n,
            method=PAIRED,
        ),
        Metric(
            name="agreement",
            value=same.value,
            low=same.low,
            high=same.high,
            unit="fraction",
            n=n,
            method=WILSON,
        ),
        Metric(name="right_to_wrong", value=lost, unit="samples", n=n),
        Metric(name="wrong_to_right", value=won, unit="samples", n=n),
        *_worst_class(got, wanted, labels, names),
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
        drop = paired_drop(lost, won, n)
        if worst is None or 100 * drop.value > worst.value:
            name = names[label] if label < len(names) else str(label)
            worst = Metric(
                name="worst_class_drop",
                value=100 * drop.value,
                low=100 * drop.low,
                high=100 * drop.high,
                unit="points",
                n=n,
                method=PAIRED + ", for this class alone",
                detail=name,
            )
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
