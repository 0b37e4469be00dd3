"""Golden vectors: real samples on their way through a validated file, and how near is near enough.

They come from what `measure` kept in the run; nothing is inferred again.
"""

import io
from dataclasses import dataclass, field

import numpy as np

from edgekit.core.artifact import Artifact
from edgekit.core.preprocess import Preprocess
from edgekit.core.recipe import UNKNOWN
from edgekit.core.tensor import Array, Arrays, TensorSpec, dequantize, quantize
from edgekit.errors import UsageError
from edgekit.packaging.nouns import VECTORS, GoldenSample, GoldenTensor

# Decoders and colour management of other systems may round.
PIXEL_LEVELS = 2.0
# Preprocessing is the same arithmetic everywhere, bit for bit. A step of a quantized input is not
# allowed: a wrong zero point, 1/256 for 1/255 or another interpolation are no more than that.
INPUT_TOLERANCE = 1e-6
INPUT_STEPS = 0.0
# Optimized integer kernels of other CPUs differ by up to 3 quantization steps from x86's.
OUTPUT_STEPS = 3.0
# Of the largest of all golden outputs: float sums in another order differ by about 1e-6,
# half-precision ones by about 1e-3. How a file of an unknown recipe computes is not known.
OUTPUT_TOLERANCE = {"fp32": 1e-5, "fp16": 5e-3, UNKNOWN: 5e-3}
LEAST_TOLERANCE = 1e-7
# Of the span of all golden outputs, and at least so much of the largest: a float output of a
# quantized net moves in the steps of its last layer.
QUANTIZED_SPAN, QUANTIZED_LARGEST = 0.05, 0.005
# Dequantizing is one multiplication.
VALUE_TOLERANCE = 1e-6

VECTOR_BYTES = 4 * 2**20
PROBE_SIZE = (23, 37)
PROBE_ORIENTATION = 6


@dataclass
class Assets:
    """The golden files of one package: pictures by name, and one file of vectors."""

    images: dict[str, bytes] = field(default_factory=dict)
    vectors: bytearray = field(default_factory=bytearray)

    def files(self) -> dict[str, bytes]:
        """Return them by their names inside the package."""
        return {**self.images, VECTORS: bytes(self.vectors)}

    def tensor(self, values: Array, tolerance: float) -> GoldenTensor:
        """Add an array and return where it stands."""
        data = np.ascontiguousarray(values, np.dtype(values.dtype).newbyteorder("<")).tobytes()
        # Aligned to 8 bytes, so that any language may look at the elements in place.
        self.vectors.extend(b"\0" * (-len(self.vectors) % 8))
        found = GoldenTensor(
            dtype=values.dtype.name,
            shape=values.shape,
            offset=len(self.vectors),
            size_bytes=len(data),
            tolerance=tolerance,
        )
        self.vectors.extend(data)
        return found

    def image(self, pixels: Array) -> str:
        """Add a picture as PNG and return its name; the same picture is kept once."""
        data = _png(pixels)
        known = {content: name for name, content in self.images.items()}
        name = known.get(data, f"golden/{len(self.images):02d}.png")
        self.images[name] = data
        return name


def takes_image(kept: dict[str, Array], preprocesses: tuple[Preprocess, ...]) -> bool:
    """Whether the one input is an image of 8 bits a channel, as an app's pictures are."""
    first = kept["sample_0"]
    return (
        len(preprocesses) == 1
        and preprocesses[0].colour is not None
        and first.dtype == np.uint8
        and first.ndim in {2, 3}
    )


def samples_of(
    kept: dict[str, Array],
    artifact: Artifact,
    preprocesses: tuple[Preprocess, ...],
    assets: Assets,
) -> tuple[GoldenSample, ...]:
    """Return the real samples that a run kept, and for images a probe, added to `assets`.

    As many as fit into `VECTOR_BYTES`, at least one.
    """
    is_image = takes_image(kept, preprocesses)
    found: list[GoldenSample] = []
    start = len(assets.vectors)
    for k in range(sum(name.startswith("sample_") and name.count("_") == 1 for name in kept)):
        if found and (len(assets.vectors) - start) * (k + 1) / k > VECTOR_BYTES:
            break
        found.append(_sample(kept, k, artifact, preprocesses, assets))
    if is_image:
        found.append(_probe(artifact, preprocesses[0], assets))
    return tuple(found)


def _sample(
    kept: dict[str, Array],
    k: int,
    artifact: Artifact,
    preprocesses: tuple[Preprocess, ...],
    assets: Assets,
) -> GoldenSample:
    """Return sample `k` at each of its stages. Outputs are those of the run, or none."""
    raw = _numbered(kept, f"sample_{k}", len(preprocesses))
    if takes_image(kept, preprocesses):
        pixels = _squeezed(raw[0])
        image: str | None = assets.image(pixels)
        before: tuple[GoldenTensor, ...] = (assets.tensor(pixels, PIXEL_LEVELS),)
    else:
        plain = map(_plain, raw, preprocesses)
        image, before = None, tuple(assets.tensor(values, 0.0) for values in plain)
    inputs = _rows(kept, "inputs", k, len(preprocesses)) or tuple(
        map(_prepared, raw, preprocesses, artifact.inputs)
    )
    outputs = _rows(kept, "outputs", k, len(artifact.outputs))
    _check_finite(outputs, artifact)
    allowed = [
        output_tolerance(values, artifact.recipe.scheme)
        for values in _numbered(kept, "outputs", len(outputs))
    ]
    return GoldenSample(
        image=image,
        samples=before,
        inputs=tuple(map(assets.tensor, inputs, map(_input_tolerance, inputs, artifact.inputs))),
        outputs=tuple(map(assets.tensor, outputs, allowed)),
        values=_values(outputs, artifact, assets),
        top=_top(outputs, artifact),
    )


def _values(outputs: Arrays, artifact: Artifact, assets: Assets) -> tuple[GoldenTensor, ...]:
    if all(spec.scale is None for spec in artifact.outputs) or not outputs:
        return ()
    real = map(dequantize, outputs, artifact.outputs)
    return tuple(
        assets.tensor(each, max(LEAST_TOLERANCE, VALUE_TOLERANCE * _largest(each))) for each in real
    )


def _top(outputs: Arrays, artifact: Artifact) -> int | None:
    """Return the class that a classifier gives, the first of equals."""
    task = artifact.card.task if artifact.card else None
    if task != "classification" or not outputs or outputs[0].ndim != 2:
        return None
    return int(dequantize(outputs[0], artifact.outputs[0])[0].argmax())


def _check_finite(outputs: Arrays, artifact: Artifact) -> None:
    """Refuse outputs that nothing can be compared with: no device would pass."""
    if not all(np.isfinite(values).all() for values in outputs):
        raise UsageError(
            f"got golden outputs of {artifact.label} that are infinite or no numbers",
            "correct the model: edgekit report RUN shows what it gives",
        )


def _rows(kept: dict[str, Array], name: str, k: int, count: int) -> Arrays:
    """Return row `k`, its batch dimension kept, of what is there under `name`; () for nothing."""
    if name not in kept:
        return ()
    return tuple(values[k : k + 1] for values in _numbered(kept, name, count))


def _numbered(kept: dict[str, Array], name: str, count: int) -> Arrays:
    return tuple(kept[f"{name}_{i}" if i else name] for i in range(count))


def _prepared(raw: Array, preprocess: Preprocess, spec: TensorSpec) -> Array:
    return quantize(preprocess.apply(raw[None]), spec)


def _squeezed(pixels: Array) -> Array:
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels


def _plain(values: Array, preprocess: Preprocess) -> Array:
    return values.astype(preprocess.dtype)


def _input_tolerance(values: Array, spec: TensorSpec) -> float:
    if spec.scale is not None:
        return INPUT_STEPS
    if not np.issubdtype(values.dtype, np.floating):
        return 0.0
    least = max(INPUT_TOLERANCE, float(np.finfo(values.dtype).eps))
    return least * max(1.0, _largest(values))


def output_tolerance(values: Array, recipe: str) -> float:
    """Return how far a device's outputs may be from golden `values`: in steps for integers."""
    if np.issubdtype(values.dtype, np.integer):
        return OUTPUT_STEPS
    if recipe in OUTPUT_TOLERANCE:
        return max(LEAST_TOLERANCE, OUTPUT_TOLERANCE[recipe] * _largest(values))
    span = float(np.ptp(values.astype(np.float64))) if values.size else 0.0
    return max(LEAST_TOLERANCE, QUANTIZED_SPAN * span, QUANTIZED_LARGEST * _largest(values))


def _largest(values: Array) -> float:
    return float(np.abs(values.astype(np.float64)).max(initial=0))


def _probe(artifact: Artifact, preprocess: Preprocess, assets: Assets) -> GoldenSample:
    """Return a drawn colour picture, on its side, and what the reference makes of it upright."""
    spec = artifact.inputs[0]
    size = PROBE_SIZE
    if preprocess.height and preprocess.width:
        # It must shrink, also where it is cropped: only then do antialias and bilinear differ.
        size = (
            max(size[0], preprocess.height * 5 // 4 + 1),
            max(size[1], preprocess.width * 3 // 2 + 1),
        )
    if preprocess.fit == "exact":
        axes = (2, 3) if preprocess.layout == "NCHW" else (1, 2)
        size = (spec.shape[axes[0]], spec.shape[axes[1]])
    upright = drawn(*size)
    # As a camera held on its side stores it: orientation 6 is turned clockwise to be upright.
    pixels = np.ascontiguousarray(np.rot90(upright))
    values = _prepared(upright, preprocess, spec)
    return GoldenSample(
        image=assets.image(pixels),
        orientation=PROBE_ORIENTATION,
        samples=(assets.tensor(pixels, PIXEL_LEVELS),),
        inputs=(assets.tensor(values, _input_tolerance(values, spec)),),
    )


def drawn(height: int, width: int) -> Array:
    """Return a picture `(height, width, 3)` whose channels and corners are all unlike."""
    down, across = np.mgrid[0:height, 0:width]
    red = 255 * across // max(1, width - 1)
    green = 160 * down // max(1, height - 1)
    blue = np.where((across // 3 + down // 5) % 2 == 0, 40, 90)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def _png(pixels: Array) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
