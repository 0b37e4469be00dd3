"""What happens to a sample before the model sees it, and to what comes out of it; numpy alone.

An image goes: orientation, colour, resize or crop, `(x * scale - mean) / std` in float32, layout,
quantization. Other tensors get the arithmetic and the quantization alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .spec import Steps, Tensor

# ITU-R BT.601 luma in 16-bit fixed point.
LUMA = np.array([19595, 38470, 7471], dtype=np.int64)


def image_input(pixels: Any, tensor: Tensor, orientation: int = 1) -> Any:
    """Return the model's input for one picture, with its batch dimension.

    `pixels` are uint8, `(h, w)` or `(h, w, c)` with c = 1 (grey), 3 (RGB) or 4 (RGBA, whose alpha
    is dropped). `orientation` is the EXIF tag that says how they are stored; 1 is upright.
    Raises `ValueError` for pixels of another shape, type or, where the model takes one size, size.
    """
    steps = tensor.steps
    image = upright(_checked(pixels), orientation)
    image = _sized(_coloured(image, str(steps.colour)), steps)
    values = normalized(image, steps)[None]
    if steps.layout == "NCHW":
        values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
    return quantized(values, tensor)


def tensor_input(values: Any, tensor: Tensor) -> Any:
    """Return the model's input for one sample that is no picture, with its batch dimension.

    Raises `ValueError` for another shape, or for values that an integer input cannot hold.
    """
    sample = np.asarray(values)
    wanted = tensor.sample_shape
    if sample.ndim == len(wanted):
        sample = sample[None]
    # A size of -1 is one that the file leaves open.
    fits = sample.ndim == len(wanted) + 1 and len(sample) == 1
    if not fits or any(w not in {-1, got} for w, got in zip(wanted, sample.shape[1:])):
        raise ValueError(f"got values of shape {np.shape(values)}, expected {wanted}")
    if tensor.steps.dtype != "float32":
        return quantized(_cast(sample, tensor.steps.dtype, tensor), tensor)
    return quantized(normalized(sample, tensor.steps), tensor)


def upright(image: Any, orientation: int) -> Any:
    """Return `(h, w, c)` turned as its EXIF orientation, 1 to 8, asks for."""
    turns = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: x[::-1].swapaxes(0, 1),
        7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
        8: lambda x: x[:, ::-1].swapaxes(0, 1),
    }
    if orientation not in turns:
        raise ValueError(f"got orientation {orientation}, expected 1 to 8")
    return turns[orientation](image)


def normalized(values: Any, steps: Steps) -> Any:
    """Return `(x * scale - mean) / std`, each operation rounded to float32."""
    mean, std = np.array(steps.mean, np.float32), np.array(steps.std, np.float32)
    return (values.astype(np.float32) * np.float32(steps.scale) - mean) / std


def quantized(values: Any, tensor: Tensor) -> Any:
    """Return elements of the input: `round(x / scale) + zero_point`, half away from zero, clipped.

    An input without a scale takes the values as its own type. Raises `ValueError` for NaN, and for
    values that integers without a scale cannot hold.
    """
    if tensor.scale is None or tensor.zero_point is None:
        is_integer = np.dtype(tensor.dtype).kind in "iu"
        return _cast(values, tensor.dtype, tensor) if is_integer else values.astype(tensor.dtype)
    if np.isnan(values).any():
        raise ValueError(f"got NaN for {tensor.name}, expected numbers")
    info = np.iinfo(tensor.dtype)
    scaled = values.astype(np.float64) / tensor.scale
    rounded = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5) + tensor.zero_point
    return np.clip(rounded, info.min, info.max).astype(tensor.dtype)


def dequantized(values: Any, tensor: Tensor) -> Any:
    """Return real values of an output, float32: `(q - zero_point) * scale`."""
    if tensor.scale is None or tensor.zero_point is None:
        return values.astype(np.float32)
    return ((values.astype(np.float64) - tensor.zero_point) * tensor.scale).astype(np.float32)


def _cast(values: Any, dtype: str, tensor: Tensor) -> Any:
    with np.errstate(invalid="ignore"):
        cast = values.astype(dtype)
    if (cast != values).any():
        raise ValueError(
            f"got {values.dtype} values for {tensor.name}, "
            f"expected whole numbers that {dtype} can hold"
        )
    return cast


def _checked(pixels: Any) -> Any:
    image = np.asarray(pixels)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[2] not in {1, 3, 4} or 0 in image.shape:
        shape = "x".join(map(str, np.shape(pixels)))
        raise ValueError(f"got pixels {shape}, expected height x width with 1, 3 or 4 channels")
    if image.dtype != np.uint8:
        raise ValueError(f"got pixels of {image.dtype}, expected uint8")
    return image[..., :3]


def _coloured(image: Any, colour: str) -> Any:
    is_grey = image.shape[2] == 1
    if colour == "L":
        if is_grey:
            return image
        return ((image.astype(np.int64) @ LUMA + 0x8000) >> 16)[..., None].astype(np.uint8)
    rgb = np.repeat(image, 3, axis=2) if is_grey else image
    return rgb[..., ::-1] if colour == "BGR" else rgb


def _sized(image: Any, steps: Steps) -> Any:
    if steps.height is None or steps.width is None:
        return image
    height, width = image.shape[:2]
    if (height, width) == (steps.height, steps.width):
        return image
    if steps.fit == "exact":
        raise ValueError(
            f"got an image of {width}x{height} pixels, expected {steps.width}x{steps.height}: "
            "this model's images are not resized"
        )
    if steps.fit == "stretch":
        return _resized(image, steps.height, steps.width, steps.interpolation)
    return _cropped(image, steps.height, steps.width, steps.interpolation)


def _cropped(image: Any, height: int, width: int, interpolation: str) -> Any:
    """Scale until both sides are covered, then take the centre."""
    ratio = max(height / image.shape[0], width / image.shape[1])
    # Python's round: half to even.
    tall = max(height, round(image.shape[0] * ratio))
    wide = max(width, round(image.shape[1] * ratio))
    image = _resized(image, tall, wide, interpolation)
    top, left = (tall - height) // 2, (wide - width) // 2
    return image[top : top + height, left : left + width]


def _resized(image: Any, height: int, width: int, interpolation: str) -> Any:
    """Resize width first, then height; each is rounded to uint8 by itself, half up."""
    for axis, size in ((1, width), (0, height)):
        if image.shape[axis] != size:
            total = _along(image, axis, size, interpolation)
            image = np.floor(total + 0.5).clip(0, 255).astype(np.uint8)
    return image


def _along(image: Any, axis: int, size: int, interpolation: str) -> Any:
    index, weight = _taps(image.shape[axis], size, interpolation)
    shape = [1, 1, 1]
    shape[axis] = size
    total = np.zeros((), dtype=np.float64)
    # Tap by tap, in double: the order of the additions is part of the definition.
    for k in range(index.shape[1]):
        total = total + image.take(index[:, k], axis=axis) * weight[:, k].reshape(shape)
    return total


def _taps(n_in: int, n_out: int, interpolation: str) -> tuple[Any, Any]:
    """Return the source pixels and weights of each output pixel, each `(n_out, k)`.

    `nearest` takes the pixel under the centre, `bilinear` a triangle of half-width 1, `antialias`
    one that widens when shrinking; the weights of a pixel sum to 1.
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
    # One after the other: numpy's own sum goes in pairs.
    weight /= np.add.accumulate(weight, axis=1)[:, -1:]
    return np.clip(index, 0, n_in - 1), weight
