"""The one reference resize: separable, defined by formulas that other languages can repeat.

`bilinear` samples two taps per axis at half-pixel centres, as `tf.image.resize` does without
antialiasing. `antialias` widens the triangle filter when shrinking, as Pillow's BILINEAR does;
a test holds it to Pillow within one grey level for each axis. `nearest` takes the source pixel
under the centre.
"""

import math
from typing import Literal

import numpy as np

from edgekit.core.tensor import Array

Interpolation = Literal["nearest", "bilinear", "antialias"]


def taps(n_in: int, n_out: int, interpolation: Interpolation) -> tuple[Array, Array]:
    """Return source indices and weights, each `(n_out, k)`; the weights of a row sum to 1.

    Source coordinate of output pixel i: `(i + 0.5) * n_in / n_out - 0.5`. Triangle filter of
    half-width `max(1, n_in / n_out)` for `antialias`, 1 for `bilinear`; taps beyond the border are
    left out and the rest renormalized (`antialias`), or moved to the border pixel (`bilinear`).
    """
    ratio = n_in / n_out
    centre = (np.arange(n_out) + 0.5) * ratio - 0.5
    if interpolation == "nearest":
        index = np.clip(np.floor(centre + 0.5), 0, n_in - 1).astype(np.intp)
        return index[:, None], np.ones((n_out, 1))
    half_width = max(1.0, ratio) if interpolation == "antialias" else 1.0
    first = np.ceil(centre - half_width).astype(np.intp)
    index = first[:, None] + np.arange(2 * math.ceil(half_width) + 1)
    weight = np.maximum(0.0, 1.0 - np.abs(index - centre[:, None]) / half_width)
    if interpolation == "antialias":
        weight = np.where((index >= 0) & (index < n_in), weight, 0.0)
    # One after the other, as other languages add: numpy's own sum goes in pairs.
    weight /= np.add.accumulate(weight, axis=1)[:, -1:]
    return np.clip(index, 0, n_in - 1), weight


def _along(images: Array, axis: int, n_out: int, interpolation: Interpolation) -> Array:
    index, weight = taps(images.shape[axis], n_out, interpolation)
    shape = [1] * images.ndim
    shape[axis] = n_out
    total = np.zeros((), dtype=np.float64)
    for k in range(index.shape[1]):
        total = total + images.take(index[:, k], axis=axis) * weight[:, k].reshape(shape)
    return total


def resize(images: Array, height: int, width: int, interpolation: Interpolation) -> Array:
    """Resize `(n, h, w, c)` to `(n, height, width, c)`; uint8 stays uint8, rounded half up.

    Each axis is rounded by itself, width first, as Pillow does, so that integer images need no
    wide intermediate on a device. Other types come back as float32, not rounded.
    """
    result = images
    for axis, n_out in ((2, width), (1, height)):
        if result.shape[axis] == n_out:
            continue
        result = _along(result, axis, n_out, interpolation)
        if images.dtype == np.uint8:
            result = np.floor(result + 0.5).clip(0, 255).astype(np.uint8)
    return result if images.dtype == np.uint8 else result.astype(np.float32)
