"""`.onnx` files, run by ONNX Runtime; exporters that need PyTorch get the graph rebuilt."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core import layout as layouts
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Arrays, Layout, TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.onnx import file as onnx_file
from edgekit.formats.onnx import limits, prepare

SUFFIXES = (".onnx",)
HUB = "onnx"
LAYOUT: Layout = "NCHW"
PACKAGES = ("onnx", "onnxruntime")

# An entry `location` of a tensor's external data: the length of its value comes behind, and that.
LOCATION = re.compile(rb"\n\x08location\x12")
MAX_NAME = 4096


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the file. `predict` runs it in ONNX Runtime; `native` is its graph of batch 1, folded.

    Raises `ModelLoadError` where it is broken, unsafe or unfit.
    """
    del trust, seed  # nothing in the file runs, and its weights are its own
    path = Path(source.path)
    prepared = prepare.prepare(path, _sample_shapes(card))
    session = onnx_file.session(prepared.original, path)
    return FloatModel(
        source=source,
        hub=HUB,
        native=prepared.static,
        inputs=prepared.inputs,
        outputs=prepared.outputs,
        predict=lambda arrays: _predict(session, prepared.inputs, arrays),
        layout=_layout(prepared.inputs, card),
        notes=prepared.notes,
        limits=limits.of(prepared.static),
    )


def companions(path: Path) -> tuple[Path, ...]:
    """Return the files of weights that the model names, where they lie in its folder.

    They are found by how protobuf writes their names, without the model being parsed.
    """
    data, folder = path.read_bytes(), path.parent.resolve()
    names = {
        _text(data[found.end() : found.end() + MAX_NAME]) for found in LOCATION.finditer(data[:-2])
    }
    found = [(folder / name).resolve() for name in sorted(names) if "\0" not in name]
    behind = path.resolve().parent  # where Hugging Face's cache has what it links to
    places = [f for f in found if f.is_relative_to(folder) or f.parent == behind]
    return tuple(f for f in places if f.is_file())


def _text(data: bytes) -> str:
    """Return the text that begins `data`, behind its length, as protobuf writes them."""
    size, start = (data[0], 1) if data[0] < 0x80 else (data[0] & 0x7F | data[1] << 7, 2)
    return data[start : start + size].decode(errors="replace")


def _sample_shapes(card: ModelCard) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Return, for each of the card's inputs, its shape as PyTorch lays it out, and as it stands."""
    given = card.input_shapes or ((card.input_shape,) if card.input_shape else ())
    return tuple(zip(card.sample_shapes("torch"), given, strict=True))


def _layout(inputs: tuple[TensorSpec, ...], card: ModelCard) -> Layout:
    shape = inputs[0].shape
    if not layouts.is_image(inputs[0].name, len(shape), card) or card.layout:
        return card.layout or LAYOUT
    found = layouts.layout_of(shape)
    if found is None:
        raise ModelLoadError(
            f"got an image input of shape {shape}, which may be NHWC or NCHW",
            "say which in the card: layout = 'NHWC'",
        )
    return found


def _predict(session: Any, inputs: tuple[TensorSpec, ...], arrays: Arrays) -> Arrays:
    """Return the outputs for all samples; a file of fixed batch is fed one by one."""
    count = len(arrays[0])
    size = count if inputs[0].shape[0] == -1 else 1
    parts = []
    for start in range(0, count, size):
        fed = {
            spec.name: np.ascontiguousarray(array[start : start + size], dtype=spec.dtype)
            for spec, array in zip(inputs, arrays, strict=True)
        }
        parts.append(session.run(None, fed))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
