"""A picture, from a file, from Pillow or of pixels, as upright pixels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")


def pixels_of(picture: Any) -> Any:
    """Return a picture's pixels: of a path, a binary file object, a Pillow image, or its pixels.

    Files are PNG, JPEG, BMP or WebP. Raises `ValueError` for what cannot be read as one of them.
    """
    if isinstance(picture, np.ndarray):
        return picture
    try:
        if isinstance(picture, Image.Image):
            return _converted(picture)
        with warnings.catch_warnings():
            # Pillow only warns of a picture that unpacks to gigabytes; here that is an error.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(picture, formats=FORMATS) as image:
                return _converted(image)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"got no readable image: {error}") from error


def _converted(image: Any) -> Any:
    """Return a Pillow image upright, uint8: `(h, w)` for grey images, else `(h, w, 3)` RGB.

    The EXIF orientation is honoured, 16 bits become 8, palettes their colours; alpha is dropped.
    """
    raised = ImageOps.exif_transpose(image)
    if raised.mode.startswith("I"):
        # Pillow's own conversion would clip 16 bits to 8 instead of scaling them.
        return (np.asarray(raised).astype(np.uint32) >> 8).astype(np.uint8)
    is_grey = raised.mode in {"1", "L", "LA"}
    return np.asarray(raised.convert("L" if is_grey else "RGB"), dtype=np.uint8)
