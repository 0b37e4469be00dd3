"""A C++17 library for TensorFlow Lite Micro, for Arduino and for CMake, with its self-test.

The door of `packagers` calls it. It never runs the file: the arena is measured before.
"""

import json
import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from edgekit.core.artifact import Artifact
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.errors import UsageError
from edgekit.packaging.nouns import Arena, Content, Dependency, Variant
from edgekit.packaging.packagers.microcontroller import golden as micro_golden
from edgekit.packaging.packagers.microcontroller.operators import METHODS
from edgekit.packaging.render import render

SUFFIX = ".zip"
FORMATS = ("tflite",)
TAKES = ("image", "tensors")
NEEDS_ARENA = True

KIND = "microcontroller"
TYPES = {
    "float32": "kFloat32",
    "int8": "kInt8",
    "uint8": "kUint8",
    "int16": "kInt16",
    "int32": "kInt32",
    "int64": "kInt64",
}
COLOURS = {None: "kNone", "L": "kGrey", "RGB": "kRgb", "BGR": "kBgr"}
# The longest side of a frame that the library takes, unless it is built for another.
MOST_SIDE = 640


def refusal(artifact: Artifact) -> str | None:
    """Return why TensorFlow Lite Micro cannot run a file, as far as its record tells."""
    recipe = artifact.recipe
    if recipe.method != "none" and recipe.activation != "int8":
        return (
            "TensorFlow Lite Micro refuses hybrid operators, which take quantized weights and "
            "float activations"
        )
    if recipe.weight == "float16":
        return "TensorFlow Lite Micro has no kernels for float16 weights"
    if unknown := sorted(set(artifact.op_histogram) - set(METHODS)):
        return f"no method of TensorFlow Lite Micro is known that adds {', '.join(unknown)}"
    for spec in (*artifact.inputs, *artifact.outputs):
        if spec.dtype not in TYPES:
            return f"{spec.name} is of {spec.dtype}, not one of {', '.join(TYPES)}"
        if any(size < 0 for size in spec.shape[1:]) or spec.shape[:1] > (1,):
            return f"{spec.name} has no fixed shape with a batch of 1: {spec.in_words()}"
    return None


def name(content: Content) -> str:
    """Return the archive's file name without suffix."""
    return content.stem


def home(content: Content) -> str:
    """Return the library's folder, named as Arduino wants it."""
    return f"{content.names.pascal}/"


def files(content: Content) -> dict[str, bytes]:
    """Return the library's sources, the self-test, and in `extras/` the assets."""
    library = _library(content)
    ns, api, values = library.ns, library.api, library.values()
    parts = ["types", "tensor", "frame", "preprocess", "crc32", "variants", "runner", "golden"]
    parts += ["selftest", api, *(["labels"] if library.labelled else [])]
    templates = {
        f"src/{ns}/{part}.{end}": f"{part}.{end}" for part in parts for end in ("h", "cpp")
    }
    models = {f"src/{ns}/model_{one.identifier}.cpp": one for one in library.variants}
    templates |= {
        f"src/{ns}.h": "umbrella.h",
        "selftest/main.cpp": "main.cpp",
        "examples/SelfTest/SelfTest.ino": "SelfTest.ino",
        "library.properties": "library.properties",
        "keywords.txt": "keywords.txt",
        "CMakeLists.txt": "CMakeLists.txt",
    }
    sources = sorted(p for p in (*templates, *models) if p.startswith("src/") and p[-1] == "p")
    made = {
        path: render(KIND, template, **values, sources=sources)
        for path, template in templates.items()
    }
    made |= {p: render(KIND, "model.cpp", ns=ns, variant=one) for p, one in models.items()}
    made |= {f"extras/{path}": data for path, data in content.assets.items()}
    return {f"{home(content)}{path}": data for path, data in made.items()}


def dependencies(content: Content) -> tuple[Dependency, ...]:
    """Return TensorFlow Lite Micro, in the version that the file was run in."""
    version = _arena(content.first).version
    commit = version.rpartition("-g")[2]
    return (
        Dependency(
            name="tflite-micro",
            version=version,
            purl=f"pkg:github/tensorflow/tflite-micro@{commit}",
            licence="Apache-2.0",
        ),
    )


def usage(content: Content) -> str:
    """Return how to add the library, call it and run its self-test, and what was not checked."""
    return render(KIND, "usage.md", **_library(content).values()).decode()


class _Spec(NamedTuple):
    """One input's `Spec`, as C++."""

    colour: str
    width: int
    height: int
    fit: str
    interpolation: str
    layout: str
    whole: str
    scale: str
    mean: str
    means: int
    std: str
    stds: int
    tensor: str


class _Model(NamedTuple):
    """One variant, as C++."""

    name: str
    identifier: str
    constant: str
    size: int
    crc32: str
    arena: Arena
    specs: tuple[_Spec, ...]
    outputs: tuple[str, ...]
    model: str


class _Library(NamedTuple):
    """All that the templates ask for, with what `proof` holds.

    `ns` is the namespace, `api` the name of what an app calls; `ops` are methods of the resolver.
    """

    ns: str
    macro: str
    pascal: str
    title: str
    version: str
    author: str
    sentence: str
    api: str
    labelled: bool
    labels: list[str]
    classes: int
    inputs: int
    outputs: int
    takes_image: bool
    value_types: list[str]
    whole: str | None
    channels: int
    least_side: int
    input_names: list[str]
    most_side: int
    tflm: str
    arena_bytes: int
    ops: list[str]
    variants: list[_Model]
    by_quality: list[_Model]
    large: int
    proof: micro_golden.Golden

    def values(self) -> dict[str, object]:
        """Return all of it by name."""
        return {**self._asdict(), **self.proof._asdict()}


def _library(content: Content) -> _Library:
    snake = content.names.snake
    ns = snake if snake.endswith("_model") else f"{snake}_model"
    models = {variant.name: _model(variant, content) for variant in content.variants}
    first = content.first
    specs = models[first.name].specs
    golden = micro_golden.golden(content, {key: one.constant for key, one in models.items()})
    return _Library(
        ns=ns,
        macro=ns.upper(),
        pascal=content.names.pascal,
        title=json.dumps(content.card.name),
        version=content.version,
        author="unknown",
        sentence=" ".join(content.card.description.split()) or "A model for microcontrollers.",
        api="classifier" if content.is_classifier else "predictor",
        labelled=content.is_classifier and bool(content.labels),
        labels=[_text(label) for label in content.labels],
        classes=_elements(first.artifact.outputs[0]),
        inputs=len(first.artifact.inputs),
        outputs=len(first.artifact.outputs),
        takes_image=content.takes_image,
        value_types=[_value_type(each) for each in first.preprocesses],
        whole=_whole(first.preprocesses),
        channels=1 if specs[0].colour == "kGrey" else 3,
        least_side=max(1, min(specs[0].width, specs[0].height)),
        input_names=[_plain(spec.name) for spec in first.artifact.named_inputs],
        most_side=max(MOST_SIDE, golden.longest_side),
        tflm=models[first.name].arena.version,
        arena_bytes=max(one.arena.size_bytes for one in models.values()),
        ops=_ops(content.variants),
        variants=list(models.values()),
        by_quality=[models[variant.name] for variant in content.by_quality],
        large=micro_golden.GOLDEN_BYTES,
        proof=golden,
    )


def _model(variant: Variant, content: Content) -> _Model:
    data = content.assets[variant.file]
    identifier = variant.name.replace("-", "_")
    pascal = "".join(part.capitalize() for part in variant.name.split("-"))
    pairs = zip(variant.preprocesses, variant.artifact.inputs, strict=True)
    return _Model(
        name=variant.name,
        identifier=identifier,
        constant=f"kVariant{pascal}",
        size=len(data),
        crc32=f"0x{zlib.crc32(data):08X}U",
        arena=_arena(variant),
        specs=tuple(_spec(preprocess, tensor) for preprocess, tensor in pairs),
        outputs=tuple(map(_tensor, variant.artifact.outputs)),
        model=micro_golden.bytes_literal(data),
    )


def _spec(preprocess: Preprocess, tensor: TensorSpec) -> _Spec:
    axes = (2, 3) if preprocess.layout == "NCHW" else (1, 2)
    height, width = (tensor.shape[a] if preprocess.colour else 0 for a in axes)
    return _Spec(
        colour=COLOURS[preprocess.colour],
        width=preprocess.width or width,
        height=preprocess.height or height,
        fit=f"k{preprocess.fit.capitalize()}",
        interpolation=f"k{preprocess.interpolation.capitalize()}",
        layout=f"k{preprocess.layout.capitalize()}",
        whole="false" if preprocess.dtype == "float32" else "true",
        scale=repr(preprocess.scale),
        mean=_floats(preprocess.mean),
        means=len(preprocess.mean),
        std=_floats(preprocess.std),
        stds=len(preprocess.std),
        tensor=_tensor(tensor),
    )


def _floats(values: Iterable[float]) -> str:
    """Return doubles that C++ rounds to float as numpy does."""
    return ", ".join(f"static_cast<float>({value!r})" for value in values)


def _tensor(spec: TensorSpec) -> str:
    quantized = "false, 1.0, 0"
    if spec.scale is not None and spec.zero_point is not None:
        quantized = f"true, {spec.scale!r}, {spec.zero_point}"
    return f"{{Type::{TYPES[spec.dtype]}, {_elements(spec)}, {quantized}}}"


def _elements(spec: TensorSpec) -> int:
    """Return how many elements one sample has; an open batch is of 1."""
    return int(np.prod([abs(size) for size in spec.shape], dtype=np.int64))


def _value_type(preprocess: Preprocess) -> str:
    return {"float32": "float"}.get(preprocess.dtype, f"{preprocess.dtype}_t")


def _whole(preprocesses: tuple[Preprocess, ...]) -> str | None:
    """Return the C++ type of inputs of whole numbers, or None for real ones.

    Raises `UsageError` where the inputs are of several kinds: `Predict` takes one.
    """
    kinds = {_value_type(each) for each in preprocesses}
    if len(kinds) > 1:
        raise UsageError(
            f"got inputs of {' and '.join(sorted(kinds))}, expected one kind for all inputs of a "
            f"package of kind {KIND}",
            "package it --for zip",
        )
    kind = kinds.pop()
    return None if kind == "float" else kind


def _ops(variants: tuple[Variant, ...]) -> list[str]:
    """Return the resolver's methods for all variants: it is one type for all of them."""
    return sorted({METHODS[op] for each in variants for op in each.artifact.op_histogram})


def _plain(name: str) -> str:
    """Return a name as it may stand in Markdown between backquotes."""
    return " ".join(name.replace("`", "'").split())


def _text(text: str) -> str:
    """Return the inside of a C++ string: ASCII, and three octal digits for any other byte.

    Octal ends after three digits, where hexadecimal would take in the letters behind it; no
    question mark is left that could start a trigraph.
    """
    plain = re.compile(rb"[^\"\\?\x00-\x1f\x7f-\xff]")
    encoded = (bytes([byte]) for byte in text.encode())
    return "".join(b.decode() if plain.fullmatch(b) else f"\\{b[0]:03o}" for b in encoded)


def _arena(variant: Variant) -> Arena:
    assert variant.arena, "the content of a packager that allocates has arenas"
    return variant.arena
