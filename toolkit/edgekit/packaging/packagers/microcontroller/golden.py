"""Golden samples as C++: what the self-test of a package for microcontrollers carries."""

import zlib
from typing import NamedTuple

import numpy as np

from edgekit.core.tensor import Array
from edgekit.packaging.nouns import (
    VECTORS,
    Content,
    GoldenSample,
    GoldenTensor,
    all_alike,
    probe_of,
    real_of,
)

# What golden vectors may take of the flash that holds the self-test.
GOLDEN_BYTES = 64 * 1024
# The picture that is written in every pixel format has at most so many pixels a side.
FORMAT_SIDE = 16
# Five bits a channel, shifted up, are at most this far below eight.
LEVELS_OF_565 = 7


class _Sample(NamedTuple):
    """One golden sample, as C++."""

    name: str
    frame: str
    values: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reals: tuple[str, ...]
    top: int


class _Samples(NamedTuple):
    """One variant's golden samples, as C++. `constant` is the variant's name there."""

    constant: str
    samples: list[_Sample]
    alike: str


class Golden(NamedTuple):
    """All that the templates ask for of the golden samples.

    `formats` are frames in each of the pixel formats; `arrays` are the elements that all refer to,
    `flash` bytes of them, `probe_flash` of those the probe's. `kept` is how many real samples of
    `all` fit.
    """

    golden: list[_Samples]
    formats: list[str]
    arrays: list[str]
    flash: int
    probe_flash: int
    longest_side: int
    labels_crc32: str
    kept: int
    all: int


class _Arrays:
    """The golden arrays, each kept once: variants share their pictures."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def name(self, data: bytes) -> str:
        """Return the C++ name of an array with these bytes."""
        return self._known.setdefault(data, f"kBytes{len(self._known)}")

    @property
    def size(self) -> int:
        """Return the bytes of all arrays."""
        return sum(map(len, self._known))

    def literals(self) -> list[str]:
        """Return the elements of each, in order of their names."""
        return [bytes_literal(data) for data in self._known]


def golden(content: Content, constants: dict[str, str]) -> Golden:
    """Return the golden samples as C++: as many as fit, at least one of each variant.

    `constants` has the C++ name of each variant.
    """
    arrays, kept = _Arrays(), 1
    most = max(len(real_of(variant.golden)) for variant in content.variants)
    for count in range(1, most + 1):
        tried = _Arrays()
        _samples(content, constants, count, tried)
        if count > 1 and tried.size > GOLDEN_BYTES:
            break
        kept = count
    samples = _samples(content, constants, kept, arrays)
    formats = _formats(content, arrays) if content.takes_image else []
    return Golden(
        golden=samples,
        formats=formats,
        arrays=arrays.literals(),
        flash=arrays.size,
        probe_flash=_probe_bytes(content),
        longest_side=_longest_side(content, kept),
        labels_crc32=f"0x{zlib.crc32(_lines(content.labels)):08X}U",
        kept=kept,
        all=most,
    )


def bytes_literal(data: bytes) -> str:
    """Return the elements of a C++ array, 20 a line."""
    words = [f"0x{byte:02x}," for byte in range(256)]
    lines = (data[start : start + 20] for start in range(0, len(data), 20))
    return "".join("".join(words[byte] for byte in line) + "\n" for line in lines)


def _samples(
    content: Content, constants: dict[str, str], count: int, arrays: _Arrays
) -> list[_Samples]:
    """Return each variant with its first `count` real samples and the probe."""
    vectors, found = content.assets[VECTORS], []
    for variant in content.variants:
        real = real_of(variant.golden)[:count]
        named = [(f"sample {k}", sample) for k, sample in enumerate(real)]
        if probe := probe_of(variant.golden):
            named.append(("the probe", probe))
        samples = [_sample(label, each, vectors, arrays, content) for label, each in named]
        alike = "true" if all_alike(real, vectors) else "false"
        found.append(_Samples(constants[variant.name], samples, alike))
    return found


def _probes(content: Content) -> list[GoldenSample]:
    found = [probe_of(variant.golden) for variant in content.variants]
    return [probe for probe in found if probe]


def _probe_bytes(content: Content) -> int:
    """Return the bytes of the probe's picture and of the inputs that are made of it."""
    vectors = content.assets[VECTORS]
    tensors = [one for probe in _probes(content) for one in (*probe.samples, *probe.inputs)]
    return sum(map(len, {one.data(vectors) for one in tensors}))


def _longest_side(content: Content, kept: int) -> int:
    """Return the longest side of the pictures that the self-test preprocesses."""
    if not content.takes_image:
        return 0
    real = (sample for variant in content.variants for sample in real_of(variant.golden)[:kept])
    pictures = (sample.samples[0] for sample in (*real, *_probes(content)))
    return max(max(picture.shape[:2]) for picture in pictures)


def _lines(labels: tuple[str, ...]) -> bytes:
    return "".join(f"{label}\n" for label in labels).encode()


def _sample(
    label: str, sample: GoldenSample, vectors: bytes, arrays: _Arrays, content: Content
) -> _Sample:
    def literal(tensor: GoldenTensor) -> str:
        return f"{{{arrays.name(tensor.data(vectors))}, {tensor.tolerance!r}}}"

    frame = ""
    values: tuple[str, ...] = ()
    if content.takes_image:
        first = sample.samples[0]
        pixels = first.array(vectors)
        form = "kGray8" if pixels.ndim == 2 else "kRgb888"
        turned = sample.orientation
        frame = _frame(pixels.tobytes(), pixels, form, first.tolerance, arrays, turned)
    else:
        values = tuple(arrays.name(each.data(vectors)) for each in sample.samples)
    return _Sample(
        name=label,
        frame=frame,
        values=values,
        inputs=tuple(map(literal, sample.inputs)),
        outputs=tuple(map(literal, sample.outputs)),
        reals=tuple(map(literal, sample.values)),
        top=-1 if sample.top is None else sample.top,
    )


def _frame(
    data: bytes, pixels: Array, form: str, tolerance: float, arrays: _Arrays, orientation: int = 1
) -> str:
    """Return a `GoldenFrame`: `data` in a pixel format, that must read as `pixels`."""
    height, width = pixels.shape[:2]
    frame = f"{{{arrays.name(data)}, {width}, {height}, PixelFormat::{form}, {orientation}}}"
    return f"{{{frame}, {arrays.name(pixels.tobytes())}, {float(tolerance)!r}}}"


def _formats(content: Content, arrays: _Arrays) -> list[str]:
    """Return a small colour picture in each of the pixel formats."""
    probe = _probes(content)[0].samples[0].array(content.assets[VECTORS])
    rows, columns = (
        np.linspace(0, n - 1, min(n, FORMAT_SIDE)).astype(int) for n in probe.shape[:2]
    )
    pixels = np.ascontiguousarray(probe[rows][:, columns])
    wide = pixels.astype(np.uint16)
    packed = wide[..., 0] >> 3 << 11 | wide[..., 1] >> 2 << 5 | wide[..., 2] >> 3
    four = np.concatenate([pixels, np.full_like(pixels[..., :1], 77)], axis=-1)
    made = (
        ("kRgb888", pixels.tobytes(), 0),
        ("kBgr888", pixels[..., ::-1].tobytes(), 0),
        ("kRgba8888", four.tobytes(), 0),
        ("kRgb565", packed.astype("<u2").tobytes(), LEVELS_OF_565),
        ("kRgb565BigEndian", packed.astype(">u2").tobytes(), LEVELS_OF_565),
    )
    return [_frame(data, pixels, form, tolerance, arrays) for form, data, tolerance in made]
