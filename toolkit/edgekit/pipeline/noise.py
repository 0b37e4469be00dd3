"""Seeded noise that a model's inputs can take, to try a file where no real samples are given."""

from collections.abc import Mapping

import numpy as np

from edgekit.core import layout as layouts
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Array, Arrays, Layout, TensorSpec
from edgekit.errors import DataError

Limits = Mapping[str, tuple[float, float]]


def noise(
    n: int, specs: tuple[TensorSpec, ...], limits: Limits, card: ModelCard, layout: Layout
) -> Arrays:
    """Return `n` samples for each input: what lies in its range, drawn by seed 0.

    Images are random pixels as the card prepares them; whole numbers lie within the input's
    `limits`, by its name, or are bytes (uint8) or 0 and 1; a mask is 1 and then 0; others are
    uniform in -1 to 1.
    """
    rng = np.random.default_rng(0)
    return tuple(_values(rng, (n, *spec.shape[1:]), spec, limits, (card, layout)) for spec in specs)


def _values(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    spec: TensorSpec,
    limits: Limits,
    how: tuple[ModelCard, Layout],
) -> Array:
    if spec.name in limits:
        return _between(rng, shape, spec, *limits[spec.name])
    if "mask" in spec.name.lower():
        return _mask(rng, shape).astype(spec.dtype)
    if not spec.dtype.startswith(("float", "bfloat")):
        return _between(rng, shape, spec, 0, 255 if spec.dtype == "uint8" else 1)
    pixels = _pixels(rng, shape, spec, *how)
    return rng.uniform(-1, 1, shape).astype(spec.dtype) if pixels is None else pixels


def _between(
    rng: np.random.Generator, shape: tuple[int, ...], spec: TensorSpec, low: float, high: float
) -> Array:
    if spec.dtype.startswith(("float", "bfloat")):
        return rng.uniform(low, high, shape).astype(spec.dtype)
    return rng.integers(int(low), int(high), shape, endpoint=True).astype(spec.dtype)


def _mask(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return rows of ones, at least one, and then zeros: a row that is masked whole has no mean."""
    length = shape[-1] if len(shape) > 1 else 1
    kept = rng.integers(1, length, (*shape[:-1], 1), endpoint=True)
    return np.asarray(np.arange(length) < kept).reshape(shape)


def _pixels(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    spec: TensorSpec,
    card: ModelCard,
    layout: Layout,
) -> Array | None:
    """Return random pictures as the card prepares them; None where it has none, or they misfit."""
    if not layouts.is_image(spec.name, len(shape), card):
        return None
    n, height, width, channels = _sizes(shape, layout)
    pixels = rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    step = card.inputs.get(layouts.plain_name(spec.name), card.preprocess)
    try:
        values = step.model_copy(update={"layout": layout}).apply(pixels)
    except (DataError, ValueError):
        return None
    return values.astype(spec.dtype) if values.shape == shape else None


def _sizes(shape: tuple[int, ...], layout: Layout) -> tuple[int, int, int, int]:
    n, a, b, c = shape
    return (n, b, c, a) if layout == "NCHW" else (n, a, b, c)
