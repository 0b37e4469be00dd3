"""Picture files of odd colour modes, and what edgekit's reader of image folders makes of them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from edgekit.data import folder

SIZE = (29, 43)
ORIENTATION = 274


def _noise(*shape, seed=7):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, *shape), dtype=np.uint8)


def _smooth(channels):
    """Return what a photo is like: gentle slopes, which JPEG keeps."""
    down, across = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(float)
    waves = [np.sin(down / (3 + c)) + np.cos(across / (4 + c)) for c in range(channels)]
    return (127 + 60 * np.stack(waves, -1)).clip(0, 255).astype(np.uint8)


def _png(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def _jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _deep_rgb():
    """Return a PNG of 16 bits a channel, RGB, which Pillow reads but does not write."""
    values = np.random.default_rng(9).integers(0, 2**16, (*SIZE, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)

    def chunk(kind, data):
        checked = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checked)

    head = struct.pack(">IIBBBBB", SIZE[1], SIZE[0], 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _turned(number):
    exif = Image.Exif()
    exif[ORIENTATION] = number
    return exif


def _opaque(mode):
    channels = {"LA": 2, "RGBA": 4}[mode]
    pixels = _noise(channels)
    pixels[..., -1] = 255
    return Image.fromarray(pixels, mode=mode)


def opaque() -> dict[str, bytes]:
    """Return files without transparency by name; PNGs are lossless."""
    rgb = Image.fromarray(_noise(3))
    palette = rgb.quantize(17)
    grey = Image.fromarray(_noise())
    deep = np.random.default_rng(8).integers(0, 2**16, SIZE).astype(np.uint16)
    files = {
        "L.png": _png(grey),
        "1.png": _png(grey.convert("1")),
        "LA.png": _png(_opaque("LA")),
        "P.png": _png(palette),
        "RGB.png": _png(rgb),
        "RGBA.png": _png(_opaque("RGBA")),
        "RGB-icc.png": _png(rgb, icc_profile=_other_colours()),
        "L16.png": _png(Image.fromarray(deep)),
        "RGB16.png": _deep_rgb(),
        "L.jpg": _jpeg(Image.fromarray(_smooth(1)[..., 0]), quality=90),
        "RGB444.jpg": _jpeg(Image.fromarray(_smooth(3)), quality=90, subsampling=0),
        "RGB420.jpg": _jpeg(Image.fromarray(_smooth(3)), quality=90, subsampling=2),
        "noise.jpg": _jpeg(rgb, quality=75),
        "icc.jpg": _jpeg(Image.fromarray(_smooth(3)), quality=90, icc_profile=_other_colours()),
        "progressive.jpg": _jpeg(Image.fromarray(_smooth(3)), quality=90, progressive=True),
        "CMYK.jpg": _jpeg(Image.fromarray(_smooth(4), mode="CMYK"), quality=90),
    }
    for number in range(1, 9):
        image = Image.fromarray(_smooth(3))
        exif = _turned(number)
        files[f"turned-{number}.jpg"] = _jpeg(image, quality=90, exif=exif)
        files[f"turned-{number}.png"] = _png(rgb, exif=exif)
    return files


def _other_colours() -> bytes:
    """Return a colour profile whose red and green are swapped: to obey it is to see it."""
    from PIL import ImageCms

    known = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return known.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")


def transparent(alpha: int) -> bytes:
    """Return a PNG whose every pixel has the same alpha."""
    pixels = _noise(4)
    pixels[..., 3] = alpha
    return _png(Image.fromarray(pixels))


def as_pillow(data: bytes, path) -> np.ndarray:
    """Return the pixels that edgekit trains and validates with, RGB."""
    path.write_bytes(data)
    pixels = folder._decode(path, skip_bad=False)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def png_of(pixels: np.ndarray) -> bytes:
    """Return a PNG of uint8 pixels `(h, w)` or `(h, w, 3)`."""
    squeezed = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    return _png(Image.fromarray(squeezed))
