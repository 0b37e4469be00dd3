"""Images of odd sizes, orientations and colour modes with what the reference makes of them.

Every language's preprocessing is held to these: a harness reads the folder that `write` makes and
writes an array for each case, which `check` compares. `cases.tsv` has a line for each case, its
columns as in `COLUMNS`; `ID.raw` holds the pixels as stored, uint8, `height` x `width` x `channels`
(1 grey, 3 RGB, 4 RGBA, whose alpha is dropped) before the EXIF orientation (1 to 8) turns them
upright. The harness writes `ID.out`: the elements of the model's input as `dtype`, little-endian.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec, quantize

COLUMNS = (
    "id width height channels orientation colour out_height out_width fit interpolation scale mean "
    "std layout dtype q_scale q_zero_point"
).split()
N = 240
NORMALIZATIONS = (
    {},
    {"scale": 1 / 255},
    {"scale": 2 / 255, "mean": (1.0,)},
    {"mean": (127.5,), "std": (127.5,)},
    {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
)
QUANTIZED = (("float32", None, None), ("int8", 0.0078431377, -1), ("uint8", 0.0186584, 114))


@dataclass(frozen=True)
class Case:
    """One image, how it is stored, and what the model must get."""

    name: str
    pixels: np.ndarray
    orientation: int
    preprocess: Preprocess
    spec: TensorSpec
    expected: np.ndarray

    def line(self) -> str:
        height, width, channels = self.pixels.shape
        p, s = self.preprocess, self.spec
        fields = (
            self.name, width, height, channels, self.orientation, p.colour, p.height, p.width,
            p.fit, p.interpolation, repr(p.scale), ",".join(map(repr, p.mean)),
            ",".join(map(repr, p.std)), p.layout, s.dtype,
            "-" if s.scale is None else repr(s.scale),
            "-" if s.zero_point is None else s.zero_point,
        )  # fmt: skip
        return "\t".join(map(str, fields))


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels upright: EXIF 2.3, 4.6.4, tag 274."""
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels, 1),
    }
    return np.ascontiguousarray(turned[orientation])


def _picture(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """Return noise, a ramp or blocks: rounding ties, smooth areas and edges."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    if kind == 1:
        ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 5)[..., None]
        return ((ramp + rng.integers(0, 256, channels)) % 256).astype(np.uint8)
    blocks = rng.choice(np.array([0, 1, 127, 128, 254, 255], np.uint8), (4, 4, channels))
    return np.ascontiguousarray(
        blocks[np.arange(height)[:, None] * 4 // height, np.arange(width) * 4 // width]
    )


def _case(rng: np.random.Generator, number: int) -> Case:
    height, width = (int(side) for side in rng.integers(1, 98, 2))
    channels = (1, 3, 4)[number % 3]
    orientation = number % 8 + 1
    colour = ("L", "RGB", "BGR")[int(rng.integers(3))]
    pixels = _picture(rng, height, width, channels)
    raised = upright(pixels, orientation)
    fit = ("stretch", "crop", "exact")[number % 5 % 3]
    out = raised.shape[:2] if fit == "exact" else tuple(map(int, rng.integers(1, 65, 2)))
    normalization = NORMALIZATIONS[int(rng.integers(len(NORMALIZATIONS) - (colour == "L")))]
    layout = ("NHWC", "NCHW")[int(rng.integers(2))]
    preprocess = Preprocess(
        colour=colour, height=out[0], width=out[1], fit=fit, layout=layout,
        interpolation=("antialias", "bilinear", "nearest")[int(rng.integers(3))], **normalization,
    )  # fmt: skip
    dtype, scale, zero_point = QUANTIZED[int(rng.integers(3))]
    bare = raised[..., :3] if channels == 4 else raised
    values = preprocess.apply(bare[None])
    spec = TensorSpec(
        name="image", shape=values.shape, dtype=dtype, scale=scale, zero_point=zero_point
    )
    return Case(f"{number:03d}", pixels, orientation, preprocess, spec, quantize(values, spec))


def cases() -> list[Case]:
    """Return the same seeded cases every time."""
    rng = np.random.default_rng(20261123)
    return [_case(rng, number) for number in range(N)]


def write(folder: Path) -> list[Case]:
    """Write `cases.tsv` (no header) and the pixels of each case; return the cases."""
    made = cases()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.tsv").write_text("".join(case.line() + "\n" for case in made))
    for case in made:
        (folder / f"{case.name}.raw").write_bytes(case.pixels.tobytes())
    return made


def check(folder: Path, made: list[Case]) -> None:
    """Hold every `ID.out` to the reference: 1 step of an integer, 1e-6 of a float's size."""
    assert len(made) >= 200
    for case in made:
        data = (folder / f"{case.name}.out").read_bytes()
        got = np.frombuffer(data, np.dtype(case.spec.dtype).newbyteorder("<"))
        expected = case.expected.reshape(-1)
        assert got.shape == expected.shape, case.line()
        difference = np.abs(got.astype(np.float64) - expected.astype(np.float64)).max()
        largest = max(1.0, float(np.abs(expected.astype(np.float64)).max()))
        allowed = 1.0 if case.spec.scale else 1e-6 * largest
        assert difference <= allowed, f"{difference} > {allowed}: {case.line()}"
