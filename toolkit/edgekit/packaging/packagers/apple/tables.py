"""What is known of a package's model files, as Swift literals."""

import hashlib
import math
from typing import NamedTuple

from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.packaging.nouns import (
    LABELS,
    VECTORS,
    Content,
    GoldenSample,
    GoldenTensor,
    Variant,
    all_alike,
    told_apart,
)
from edgekit.packaging.render import render

COLOURS = {"L": ".grey", "RGB": ".rgb", "BGR": ".bgr"}


class _Input(NamedTuple):
    """How one input is made, as Swift."""

    tensor: str
    image: str
    scale: str
    mean: str
    std: str
    is_cast: str


class _Sample(NamedTuple):
    """One golden sample, as Swift."""

    image: str
    orientation: int
    is_probe: str
    samples: str
    inputs: str
    outputs: str
    values: str
    top: str


class _Variant(NamedTuple):
    """One variant, as Swift."""

    name: str
    file: str
    size_bytes: int
    inputs: list[_Input]
    outputs: list[str]
    files: list[str]
    golden: list[_Sample]
    is_alike: str


def string(text: str) -> str:
    """Return a Swift string literal: ASCII, so that no editor or font can change it."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    return f"\\u{{{ord(character):x}}}"


def number(value: float) -> str:
    """Return a Swift Double literal that reads back as the same number."""
    assert math.isfinite(value)
    return repr(float(value))


def variants_file(content: Content) -> bytes:
    """Return `Variants.swift`."""
    return render(
        "apple",
        "Variants.swift",
        has_labels=_truth(bool(content.labels)),
        labels_sha256=string(_labels_sha256(content)),
        by_quality=", ".join(string(variant.name) for variant in content.by_quality),
        variants=[_variant(variant, content) for variant in content.variants],
    )


def _labels_sha256(content: Content) -> str:
    return hashlib.sha256(content.assets[LABELS]).hexdigest() if content.labels else ""


def _truth(value: object) -> str:
    return "true" if value else "false"


def _variant(variant: Variant, content: Content) -> _Variant:
    artifact = variant.artifact
    return _Variant(
        name=string(variant.name),
        file=string(variant.file),
        size_bytes=artifact.size_bytes,
        inputs=[
            _input(preprocess, spec, takes_image=content.takes_image)
            for preprocess, spec in zip(variant.preprocesses, artifact.inputs, strict=True)
        ],
        outputs=list(map(_tensor, artifact.outputs)),
        files=[_file(path, content.assets[path]) for path in variant.files],
        golden=[
            _sample(sample, is_probe=is_probe) for sample, is_probe in told_apart(variant.golden)
        ],
        is_alike=_truth(all_alike(variant.golden, content.assets[VECTORS])),
    )


def _file(path: str, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    return f'ModelFile(path: {string(path)}, sha256: "{digest}")'


def _tensor(spec: TensorSpec) -> str:
    affine = "nil"
    if spec.scale is not None and spec.zero_point is not None:
        affine = f"Affine(scale: {number(spec.scale)}, zeroPoint: {spec.zero_point})"
    shape = ", ".join(map(str, spec.shape))
    return (
        f"TensorSpec(name: {string(spec.name)}, type: .{spec.dtype}, shape: [{shape}], "
        f"affine: {affine})"
    )


def _input(preprocess: Preprocess, spec: TensorSpec, *, takes_image: bool) -> _Input:
    return _Input(
        tensor=_tensor(spec),
        image=_image(preprocess) if takes_image else "nil",
        scale=number(preprocess.scale),
        mean=f"[{', '.join(map(number, preprocess.mean))}]",
        std=f"[{', '.join(map(number, preprocess.std))}]",
        is_cast=_truth(preprocess.dtype != "float32"),
    )


def _image(preprocess: Preprocess) -> str:
    assert preprocess.colour
    return (
        f"ImageSpec(colour: {COLOURS[preprocess.colour]}, width: {preprocess.width or 0}, "
        f"height: {preprocess.height or 0}, fit: .{preprocess.fit}, "
        f"interpolation: .{preprocess.interpolation}, layout: .{preprocess.layout.lower()})"
    )


def _sample(sample: GoldenSample, *, is_probe: bool) -> _Sample:
    return _Sample(
        image=string(sample.image or ""),
        orientation=sample.orientation,
        is_probe=_truth(is_probe),
        samples=", ".join(map(_golden, sample.samples)),
        inputs=", ".join(map(_golden, sample.inputs)),
        outputs=", ".join(map(_golden, sample.outputs)),
        values=", ".join(map(_golden, sample.values)),
        top="nil" if sample.top is None else str(sample.top),
    )


def _golden(tensor: GoldenTensor) -> str:
    shape = ", ".join(map(str, tensor.shape))
    return (
        f"GoldenTensor(type: .{tensor.dtype}, shape: [{shape}], offset: {tensor.offset}, "
        f"tolerance: {number(tensor.tolerance)})"
    )
