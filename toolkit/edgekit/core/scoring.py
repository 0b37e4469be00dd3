"""From outputs to metrics, whatever the task: the figure, its drop, and what else has changed.

A metric gives each sample some numbers, and turns those of weighted samples into one figure. That
is all that resampling needs, so the drop from the float model has a paired interval for any metric.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgekit.core import accuracy, segmentation, values
from edgekit.core.card import Task
from edgekit.core.measurement import Metric
from edgekit.core.statistics import BOOTSTRAP, MIN_RESAMPLED, bootstrap, percentile
from edgekit.core.tensor import Array, Arrays
from edgekit.errors import DataError, EdgekitError, ModelLoadError, RuntimeFailedError

Unit = Literal["fraction", "points", "percent", "dB", "value"]

# No figure in these units lies outside these bounds.
BOUNDS = {"fraction": (0.0, 1.0), "points": (-100.0, 100.0)}

PAIRED = f"paired {BOOTSTRAP}"

# Whose outputs they are decides what failed where they are not finite.
FILE = (RuntimeFailedError, "the outputs")
FLOAT_MODEL = (ModelLoadError, "the float model's outputs")


def mean(contributions: Array, weights: Array) -> Array:
    """Return the mean of one number per sample `(n, 1)` for `weights` `(b, n)`: `(b,)`."""
    return np.asarray((weights @ contributions[:, 0]) / weights.sum(axis=1))


@dataclass(frozen=True)
class Scoring:
    """A metric.

    `contributions(outputs, targets, inputs)` returns numbers for each sample, `(n, ...)`, not
    finite where an output is of no use; `aggregate(contributions, weights)` returns the figure
    `(b,)` of samples that count `weights` `(b, n)` times. `support(contributions)` is how many
    samples carry the figure, where that is fewer than all.
    """

    name: str
    task: Task
    unit: Literal["fraction", "value", "dB"]
    higher_is_better: bool
    contributions: Callable[[Arrays, Array | None, Arrays], Array]
    aggregate: Callable[[Array, Array], Array] = mean
    support: Callable[[Array], int] = len


def evaluate(
    metric: Scoring,
    outputs: Arrays,
    reference: Arrays | None,
    targets: Array | None,
    inputs: Arrays,
    names: tuple[str, ...] = (),
) -> tuple[Metric, ...]:
    """Return what `paired` finds, or `metrics_of` where there is no float model."""
    if reference is None:
        return metrics_of(metric, outputs, targets, inputs)
    return paired(metric, outputs, reference, targets, inputs, names)


def metrics_of(
    metric: Scoring, outputs: Arrays, targets: Array | None, inputs: Arrays
) -> tuple[Metric, ...]:
    """Return the figure of `outputs` by itself, with its interval; all arrays are `(n, ...)`.

    Raises `RuntimeFailedError` where outputs are not finite, `DataError` where data do not fit.
    """
    found = _contributions(metric, outputs, targets, inputs, FILE)
    if _is_proportion(metric, found):
        return (accuracy.rate(metric.name, int(found.sum()), len(found)),)
    return (_resampled(metric, found, found)[0],)


def paired(
    metric: Scoring,
    outputs: Arrays,
    reference: Arrays,
    targets: Array | None,
    inputs: Arrays,
    names: tuple[str, ...] = (),
) -> tuple[Metric, ...]:
    """Compare a converted model with its float model on the same samples, arrays `(n, ...)`.

    Returns the metric, `<metric>_drop` (positive is worse), and by task: agreement, flips and the
    worst class's drop, or how far the outputs are from the float model's. A drop is in points of a
    fraction, in per cent of the float model's error, else in the metric's own unit.
    """
    found = _contributions(metric, outputs, targets, inputs, FILE)
    theirs = _contributions(metric, reference, targets, inputs, FLOAT_MODEL)
    if _is_proportion(metric, found) and _is_proportion(metric, theirs):
        right, wanted = _right(metric, found), _right(metric, theirs)
        figures = (
            accuracy.rate(metric.name, int(found.sum()), len(found)),
            accuracy.rate_drop(f"{metric.name}_drop", right, wanted),
        )
        if metric.task == "classification" and targets is not None:
            changes = accuracy.flips(right, wanted)
            worst = accuracy.worst_class(right, wanted, targets, names)
            same = accuracy.agreement(outputs[0], reference[0])
            return (*figures, same, *changes, *worst, *values.differences(outputs, reference))
    else:
        figures = _resampled(metric, found, theirs)
    return (*figures, *_companions(metric.task, outputs, reference, targets, names))


def _contributions(
    metric: Scoring,
    outputs: Arrays,
    targets: Array | None,
    inputs: Arrays,
    whose: tuple[type[EdgekitError], str],
) -> Array:
    """Return `(n, ...)` float64, all finite; else raise what `whose` says."""
    found = np.asarray(metric.contributions(outputs, targets, inputs), np.float64)
    rows = found[:, None] if found.ndim == 1 else found
    n = len(outputs[0])
    if len(rows) != n:
        raise DataError(f"got {len(rows)} contributions to {metric.name}, expected {n}")
    bad = int((~np.isfinite(rows.reshape(n, -1))).any(axis=1).sum())
    if bad:
        error, name = whose
        raise error(
            f"got {bad} of {n} samples for which {metric.name} of {name} is not a finite number",
            "look at the samples and outputs; half precision overflows above 65504",
        )
    return rows


def _is_proportion(metric: Scoring, found: Array) -> bool:
    """Whether the figure is a share of samples, for which exact intervals are known."""
    is_share = metric.unit == "fraction" and metric.aggregate is mean
    return is_share and bool(((found == 0) | (found == 1)).all())


def _right(metric: Scoring, found: Array) -> Array:
    return np.asarray(found[:, 0] == (1 if metric.higher_is_better else 0))


def _resampled(metric: Scoring, found: Array, theirs: Array) -> tuple[Metric, Metric]:
    """Return the figure and its drop; both sides are resampled together."""
    whole = np.ones((1, len(found)))
    unit = _drop_unit(metric, metric.aggregate(theirs, whole)[0])

    def both(weights: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            ours, float_ones = metric.aggregate(found, weights), metric.aggregate(theirs, weights)
            worse = float_ones - ours if metric.higher_is_better else ours - float_ones
            scale = {"points": 100.0, "percent": 100.0 / float_ones}.get(unit, 1.0)
            return np.column_stack([ours, worse * scale])

    values_of, draws = both(whole)[0], bootstrap(both, len(found))
    carriers = min(metric.support(found), metric.support(theirs))
    about = {"n": len(found), "carriers": carriers}
    return (
        _figure(metric.name, metric.unit, values_of[0], draws[:, 0], BOOTSTRAP, **about),
        _figure(f"{metric.name}_drop", unit, values_of[1], draws[:, 1], PAIRED, **about),
    )


def _drop_unit(metric: Scoring, float_value: float) -> Unit:
    if metric.unit == "fraction":
        return "points"
    # Of an error of nothing there are no per cents.
    is_error = not metric.higher_is_better and metric.unit == "value" and float_value > 0
    return "percent" if is_error else metric.unit


def _figure(  # noqa: PLR0913 - what stands in the Metric
    name: str, unit: Unit, value: float, draws: Array, method: str, *, n: int, carriers: int
) -> Metric:
    if not np.isfinite(value):
        raise DataError(
            f"got no finite {name} from {n} samples",
            "give samples that differ: more of them, or of more classes",
        )
    least, most = BOUNDS.get(unit, (-np.inf, np.inf))
    # The rule of three: what none of k samples shows may still befall 3 in k.
    room = 3 / max(carriers, 3) * {"fraction": 1.0, "points": 100.0}.get(unit, 0.0)
    draws = draws if carriers >= MIN_RESAMPLED else draws[:0]
    found = percentile(float(value), draws, carriers, room)
    if found is None:
        few = f"no interval: {carriers} samples carry the figure, resampling takes {MIN_RESAMPLED}"
        return Metric(name=name, value=value, unit=unit, n=n, method=few)
    low, high = max(least, found.low), min(most, found.high)
    return Metric(name=name, value=value, low=low, high=high, unit=unit, n=n, method=method)


def _companions(
    task: Task,
    outputs: Arrays,
    reference: Arrays,
    targets: Array | None,
    names: tuple[str, ...],
) -> tuple[Metric, ...]:
    differences = values.differences(outputs, reference)
    if task == "classification":
        return (accuracy.agreement(outputs[0], reference[0]), *differences)
    if task == "segmentation":
        ours, theirs = (segmentation.overlaps(each[0], targets) for each in (outputs, reference))
        agreement = segmentation.agreement(outputs[0], reference[0], targets)
        return (agreement, *segmentation.worst_class(ours, theirs, names), *differences)
    return differences
