"""Whether the outputs of a converted file are those of its float model: the arithmetic of it."""

from typing import NamedTuple

import numpy as np

from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array, Layout, TensorSpec

# Below this, a float output is nothing but rounding: there is no signal to be lost.
SILENCE = 1e-6
# A channel varies where its values span this share of the largest of them. What is almost constant
# in the float model may be constant in the file.
VARIES = 0.1
# Probabilities smaller than some steps of int8, 1/256 each, mean nothing: rare classes may be 0.
NEGLIGIBLE_PROBABILITY = 0.02
# One dead channel of many is what 8 bits cost; from here on a part of the answer is gone.
LOST_SHARE = 0.05
# Whole numbers, such as the place of the largest score, turn over where two are almost equal.
WHOLE_NUMBERS_APART = {"fp32": 0.01}
WHOLE_NUMBERS_APART_ELSE = 0.5

NAN_ITSELF = "is NaN in the float model itself, so that nothing can be compared"


class Compared(NamedTuple):
    """One output held against the float model's.

    `difference` and `scale` are the largest absolute difference and float value; `broken` says in
    words why this output is none, `short` why it is worse than its recipe promises; "" else.
    """

    difference: float
    scale: float
    sqnr_db: float | None
    broken: str = ""
    short: str = ""


def compare(
    got: Array, reference: Array, spec: TensorSpec, recipe: Recipe, layout: Layout
) -> Compared:
    """Hold real values `(n, ...)` of the output `spec` against the float model's `reference`."""
    if got.shape != reference.shape:
        words = f"has shape {got.shape}, expected {reference.shape}"
        return Compared(0.0, 0.0, None, broken=words)
    wrong = _not_finite(got, reference)
    if wrong:
        return Compared(0.0, 0.0, None, broken=wrong)
    # Infinities of both are no difference; what stands for one in the file is no number of it.
    same = (got == reference) | ~np.isfinite(reference)
    mine, wanted = np.where(same, 0, got), np.where(same, 0, reference)
    difference = float(np.abs(mine - wanted).max(initial=0))
    scale = float(np.abs(reference[np.isfinite(reference)]).max(initial=0))
    if is_whole(spec):
        return _whole_numbers(same, recipe, difference, scale)
    sqnr = sqnr_db(got, reference)
    broken = _constant(got, reference)
    short = _too_far(difference, scale, recipe) or _too_noisy(sqnr, recipe)
    short = short or _channels(got, reference, layout)
    if recipe.scheme == "fp32":  # which promises the model's own values
        broken, short = broken or short, ""
    return Compared(difference, scale, sqnr, broken, short)


def is_whole(spec: TensorSpec) -> bool:
    """Return whether an output holds whole numbers as such, not quantized real ones."""
    return not spec.dtype.startswith(("float", "bfloat")) and spec.scale is None


def sqnr_db(got: Array, reference: Array) -> float | None:
    """Return the ratio of signal to quantization noise in decibels; None without a signal.

    10 log10(sum of squares of the reference / sum of squares of the difference), at most 200.
    """
    signal = np.where(np.isfinite(reference), reference, 0).astype(np.float64)
    noise = np.where(np.isfinite(reference), got - signal, 0)
    power, lost = float(np.square(signal).sum()), float(np.square(noise).sum())
    if np.abs(signal).max(initial=0) <= SILENCE:
        return None
    return float(min(200.0, 10 * np.log10(power / max(lost, power * 1e-20))))


def _not_finite(got: Array, reference: Array) -> str:
    if np.isnan(reference).any():
        return NAN_ITSELF
    bad = ~np.isfinite(got) & (got != reference)
    return "has NaN or infinite values where the float model has none" if bad.any() else ""


def _whole_numbers(same: Array, recipe: Recipe, difference: float, scale: float) -> Compared:
    apart = 1 - float(same.mean()) if same.size else 0.0
    allowed = WHOLE_NUMBERS_APART.get(recipe.scheme, WHOLE_NUMBERS_APART_ELSE)
    words = f"differs in {apart:.0%} of its whole numbers" if apart > allowed else ""
    is_exact = recipe.scheme == "fp32"
    return Compared(difference, scale, None, words * is_exact, words * (not is_exact))


def _constant(got: Array, reference: Array) -> str:
    """Say that a file gives one answer whatever it is shown, where the float model does not."""
    rows = np.where(np.isfinite(reference), reference, 0).reshape(len(reference), -1)
    if len(got) < 2 or not _spread(rows).any():
        return ""
    if (got != got[:1]).any():
        return ""
    return f"is the same for all {len(got)} samples, where the float model's differ"


def _too_far(difference: float, scale: float, recipe: Recipe) -> str:
    allowed = recipe.max_difference
    if allowed is None or difference <= allowed * max(scale, SILENCE):
        return ""
    return (
        f"differs by {difference:.3g} from the float model's, expected at most "
        f"{allowed * scale:.3g}, {allowed:.0e} of the largest value"
    )


def _too_noisy(sqnr: float | None, recipe: Recipe) -> str:
    if sqnr is None or sqnr >= recipe.min_sqnr_db:
        return ""
    return (
        f"has a signal to quantization noise ratio of {sqnr:.1f} dB, "
        f"expected at least {recipe.min_sqnr_db:g} dB"
    )


def _channels(got: Array, reference: Array, layout: Layout) -> str:
    """Say which channels are lost: no nearer to the float model's than a constant would be."""
    if got.ndim < 3 or not np.isfinite(reference).all():
        return ""
    axis = _channel_axis(got.shape, layout)
    mine, wanted = (
        np.moveaxis(values, axis, -1).reshape(-1, got.shape[axis]).astype(np.float64)
        for values in (got, reference)
    )
    noise = np.square(mine - wanted).sum(0)
    signal = np.square(wanted - wanted.mean(0)).sum(0)
    lost = np.flatnonzero(_spread(wanted) & (noise >= signal))
    if len(lost) < max(1, LOST_SHARE * mine.shape[1]):
        return ""
    few = ", ".join(map(str, lost[:8])) + (" ..." if len(lost) > 8 else "")
    how = "are constant" if not np.ptp(mine[:, lost], axis=0).any() else "are lost in noise"
    return f"has {len(lost)} of {mine.shape[1]} channels that {how}: {few}"


def _channel_axis(shape: tuple[int, ...], layout: Layout) -> int:
    if len(shape) == 3:  # a row for each box, word or moment: the fewer are the channels
        return 1 if shape[1] < shape[2] else 2
    return 1 if layout == "NCHW" else len(shape) - 1


def _spread(rows: Array) -> Array:
    """Return for each column of rows `(n, columns)` whether its values tell anything apart."""
    span, largest = np.ptp(rows, axis=0), np.abs(rows).max(axis=0)
    are_probabilities = rows.min() >= 0 and rows.max() <= 1
    least = NEGLIGIBLE_PROBABILITY if are_probabilities else SILENCE
    return np.asarray((span >= VARIES * largest) & (span >= least))
