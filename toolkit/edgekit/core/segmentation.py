"""Classes of pixels: how masks and predicted masks overlap, class by class."""

from collections.abc import Iterator

import numpy as np

from edgekit.core.accuracy import MIN_CLASS_SAMPLES, class_name
from edgekit.core.dataset import IGNORED
from edgekit.core.measurement import Metric
from edgekit.core.statistics import BOOTSTRAP, bootstrap, percentile
from edgekit.core.tensor import Array
from edgekit.errors import DataError

CHUNK = 32


def overlaps(outputs: Array, masks: Array | None) -> Array:
    """Return pixel counts `(n, 3, classes)`: in both, predicted, in the mask; float64.

    `classes` are those up to the highest in the masks: others cannot be scored.

    `outputs` are scores `(n, h, w, classes)` or `(n, classes, h, w)`, or classes `(n, h, w)`;
    `masks` are classes `(n, h, w)`, and pixels of `IGNORED` count nowhere. A pixel with a score
    that is not a number is predicted as no class. Raises `DataError` where they do not fit.
    """
    masks, axis = _checked(outputs, masks)
    classes = int(masks.max(initial=0, where=masks != IGNORED)) + 1
    if axis is not None and classes > outputs.shape[axis]:
        raise DataError(
            f"got class {classes - 1} in the masks, expected classes below the model's "
            f"{outputs.shape[axis]} outputs",
            "check that the data set has the classes that the model was trained for",
        )
    return np.concatenate([
        _counts(got, masks[chosen], classes) for chosen, got in _predicted(outputs, axis)
    ])  # fmt: skip


def ious(counts: Array, weights: Array) -> Array:
    """Return each class's intersection over union `(b, classes)` for `weights` `(b, n)`.

    Not-a-number for a class that none of the weighted masks holds.
    """
    both, predicted, wanted = (weights @ counts[:, i] for i in range(3))
    union = predicted + wanted - both
    return np.where(wanted > 0, both / np.where(wanted > 0, union, 1), np.nan)


def agreement(outputs: Array, reference: Array, masks: Array | None) -> Metric:
    """Return the share of pixels given the float model's class, over samples of equal size."""
    masks, axis = _checked(outputs, masks)
    _, reference_axis = _checked(reference, masks)
    pairs = zip(_predicted(outputs, axis), _predicted(reference, reference_axis), strict=True)
    shares = np.concatenate([(got == wanted).mean(axis=(1, 2)) for (_, got), (_, wanted) in pairs])
    n, value = len(shares), float(shares.mean())
    draws = bootstrap(lambda weights: (weights @ shares / n)[:, None], n)
    found = percentile(value, draws[:, 0], n, room=3 / n)
    low, high = (max(0.0, found.low), min(1.0, found.high)) if found else (None, None)
    return Metric(
        name="agreement", value=value, low=low, high=high, unit="fraction", n=n, method=BOOTSTRAP
    )


def worst_class(counts: Array, reference: Array, names: tuple[str, ...]) -> tuple[Metric, ...]:
    """Return the largest drop in points of the IoU of any class that enough masks hold."""
    holding = (reference[:, 2] > 0).sum(axis=0)
    often = np.flatnonzero(holding >= MIN_CLASS_SAMPLES)
    if not len(often):
        return ()

    def drops(weights: Array) -> Array:
        return 100 * (ious(reference, weights) - ious(counts, weights))[:, often]

    values = drops(np.ones((1, len(counts))))[0]
    worst = int(values.argmax())
    n, label = int(holding[often[worst]]), int(often[worst])
    found = percentile(float(values[worst]), bootstrap(drops, len(counts))[:, worst], n, 300 / n)
    assert found  # a class of enough samples is in nearly every resample
    return (
        Metric(
            name="worst_class_drop", value=found.value, low=max(-100.0, found.low),
            high=min(100.0, found.high), unit="points", n=n, method=f"paired {BOOTSTRAP}",
            detail=class_name(label, names),
        ),
    )  # fmt: skip


def _checked(outputs: Array, masks: Array | None) -> tuple[Array, int | None]:
    """Return the masks, and on which axis of the outputs the classes lie: None for no scores."""
    if masks is None or masks.ndim != 3 or not np.issubdtype(masks.dtype, np.integer):
        got = "no labels" if masks is None else f"{masks.dtype} labels {masks.shape}"
        raise DataError(
            f"got {got}, expected a mask of classes for each sample",
            "give data with integer labels (n, height, width)",
        )
    height, width = masks.shape[1:]
    fits = {
        None: outputs.shape == masks.shape,
        3: outputs.shape[:-1] == masks.shape,
        1: outputs.ndim == 4 and (outputs.shape[0], *outputs.shape[2:]) == masks.shape,
    }
    found = [axis for axis, does in fits.items() if does]
    if len(found) != 1:
        why = "expected scores (n, h, w, classes) or (n, classes, h, w), or classes (n, h, w)"
        raise DataError(
            f"got outputs {outputs.shape} for masks of {height}x{width} pixels, {why}",
            "give masks of the size of the model's output",
        )
    return masks, found[0]


def _predicted(outputs: Array, axis: int | None) -> Iterator[tuple[slice, Array]]:
    """Yield samples and their predicted classes `(b, h, w)`, -1 where there is none."""
    for start in range(0, len(outputs), CHUNK):
        chosen = slice(start, start + CHUNK)
        scores = outputs[chosen]
        if axis is None:
            classes = np.where(np.isnan(scores), -1, np.round(scores)).astype(np.int64)
        else:
            none = np.isnan(scores).any(axis=axis)
            classes = np.where(none, -1, scores.argmax(axis=axis))
        yield chosen, classes


def _counts(got: Array, wanted: Array, classes: int) -> Array:
    b = len(wanted)
    sample = np.broadcast_to(np.arange(b)[:, None, None], wanted.shape)
    counted = wanted != IGNORED

    def count(values: Array, chosen: Array) -> Array:
        chosen = chosen & (values >= 0) & (values < classes)
        place = sample[chosen] * classes + values[chosen].astype(np.int64)
        return np.bincount(place, minlength=b * classes).reshape(b, 1, classes) * 1.0

    same = counted & (got == wanted)
    return np.concatenate([count(got, same), count(got, counted), count(wanted, counted)], axis=1)
