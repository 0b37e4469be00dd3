"""Preprocess: what happens to a sample before the model sees it, as data, with its reference."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from edgekit.core.noun import Noun
from edgekit.core.resize import Interpolation, resize
from edgekit.core.tensor import Array, Layout
from edgekit.errors import DataError

Colour = Literal["L", "RGB", "BGR"]

# ITU-R BT.601 luma in 16-bit fixed point, the same integers as Pillow's convert("L").
LUMA = np.array([19595, 38470, 7471], dtype=np.int64)


class Preprocess(Noun):
    """One declaration used for training, calibration, evaluation and the package.

    Images go: colour, resize, crop, then `(x * scale - mean) / std` as float32, then layout.
    With `colour` unset the sample is a plain tensor: only the arithmetic applies. An integer
    `dtype` is for token ids and the like: they are cast, and nothing else is done to them.
    """

    colour: Colour | None = None
    height: int | None = Field(default=None, gt=0)
    width: int | None = Field(default=None, gt=0)
    fit: Literal["exact", "stretch", "crop"] = "exact"
    interpolation: Interpolation = "antialias"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Layout = "NHWC"
    dtype: Literal["float32", "int32", "int64"] = "float32"

    @model_validator(mode="after")
    def _check(self) -> "Preprocess":
        if any(value == 0 for value in self.std):
            msg = "std holds a zero"
            raise ValueError(msg)
        channels = 1 if self.colour in {None, "L"} else 3
        if self.colour and not {len(self.mean), len(self.std)} <= {1, channels}:
            msg = f"mean and std need 1 or {channels} values for colour {self.colour}"
            raise ValueError(msg)
        if self.fit != "exact" and (self.height is None or self.width is None):
            msg = f"fit '{self.fit}' needs height and width"
            raise ValueError(msg)
        plain = self.model_copy(update={"dtype": "float32", "layout": "NHWC"})
        if self.dtype != "float32" and plain != Preprocess():
            msg = f"dtype {self.dtype} takes no colour, size, scale, mean or std"
            raise ValueError(msg)
        return self

    def apply(self, samples: Array) -> Array:
        """Return the model's input for `samples`, as `dtype`.

        Images are `(n, h, w)` or `(n, h, w, c)` with c = 1 or 3 (RGB); other tensors `(n, ...)`.
        Raises `DataError` where the samples do not fit the declaration.
        """
        if self.dtype != "float32":
            return self._cast(samples)
        if self.colour is None:
            return self._normalize(samples)
        images = _to_colour(_with_channels(samples), self.colour)
        values = self._normalize(self._to_size(images, self.interpolation))
        return values.transpose(0, 3, 1, 2) if self.layout == "NCHW" else values

    def apply_to_masks(self, masks: Array) -> Array:
        """Return masks `(n, h, w)` resized and cropped as `apply` does it to their images.

        The nearest pixel's class is taken: classes have no mean.
        """
        if self.colour is None:
            return masks
        sized = self._to_size(masks[..., None], "nearest")
        return np.asarray(sized[..., 0].astype(masks.dtype))

    def _cast(self, samples: Array) -> Array:
        with np.errstate(invalid="ignore"):
            cast = samples.astype(self.dtype)
        if (cast != samples).any():
            raise DataError(
                f"got {samples.dtype} samples, expected whole numbers that {self.dtype} can hold",
                "correct the data, or the dtype in the card's preprocess",
            )
        return cast

    def _normalize(self, values: Array) -> Array:
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        scaled = values.astype(np.float32) * np.float32(self.scale)
        return np.asarray((scaled - mean) / std, dtype=np.float32)

    def _to_size(self, images: Array, interpolation: Interpolation) -> Array:
        if self.height is None or self.width is None:
            return images
        size = images.shape[1:3]
        if size == (self.height, self.width):
            return images
        if self.fit == "exact":
            raise DataError(
                f"got an image of {size[1]}x{size[0]} pixels, expected {self.width}x{self.height}",
                "resize the data, or set fit = 'stretch' or 'crop' in the card's preprocess",
            )
        if self.fit == "stretch":
            return resize(images, self.height, self.width, interpolation)
        return self._cover(images, interpolation)

    def _cover(self, images: Array, interpolation: Interpolation) -> Array:
        """Scale until both sides are covered, then take the centre."""
        assert self.height is not None
        assert self.width is not None
        height, width = images.shape[1:3]
        ratio = max(self.height / height, self.width / width)
        new = max(self.height, round(height * ratio)), max(self.width, round(width * ratio))
        images = resize(images, *new, interpolation)
        top, left = (new[0] - self.height) // 2, (new[1] - self.width) // 2
        return images[:, top : top + self.height, left : left + self.width]


def _with_channels(samples: Array) -> Array:
    images = samples[..., None] if samples.ndim == 3 else samples
    if images.ndim != 4 or images.shape[-1] not in {1, 3}:
        shape = "x".join(map(str, samples.shape[1:]))
        raise DataError(
            f"got samples of shape {shape}, expected images height x width with 1 or 3 channels",
            "store images as (n, h, w), (n, h, w, 1) or (n, h, w, 3)",
        )
    return images


def _to_colour(images: Array, colour: Colour) -> Array:
    channels = images.shape[-1]
    if colour == "L":
        return images if channels == 1 else _luma(images)
    rgb = np.repeat(images, 3, axis=-1) if channels == 1 else images
    return rgb[..., ::-1] if colour == "BGR" else rgb


def _luma(images: Array) -> Array:
    if images.dtype == np.uint8:
        grey = (images.astype(np.int64) @ LUMA + 0x8000) >> 16
        return grey[..., None].astype(np.uint8)
    return np.asarray(images @ (LUMA / 65536.0).astype(np.float32), np.float32)[..., None]


def upright(pixels: Array, orientation: int) -> Array:
    """Return pixels `(h, w)` or `(h, w, c)` turned upright from an EXIF orientation, 1 to 8.

    After Exif 2.3, 4.6.4, tag 274: where row 0 and column 0 of the stored pixels lie.
    """
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    if orientation in {2, 3, 6, 7}:
        turned = turned[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
