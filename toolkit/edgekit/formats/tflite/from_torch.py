"""A PyTorch module to a float TFLite file, through litert-torch."""

from pathlib import Path
from typing import Any

from edgekit.core import layout as layouts
from edgekit.core.artifact import FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.tensor import Layout
from edgekit.errors import EdgekitError, ExportError
from edgekit.formats.aten import prepare
from edgekit.formats.tflite import file as tflite_file
from edgekit.system import packages

# Whole numbers of 64 bits become such of 32: most delegates know no others.
NARROWED = {"int64": "int32"}


def narrowed(model: FloatModel) -> tuple[str, ...]:
    """Return what to say of inputs and outputs that a file has in fewer bits than the model."""
    return tuple(
        f"{spec.name} is {NARROWED[spec.dtype]} in the file, {spec.dtype} in the model"
        for spec in (*model.inputs, *model.outputs)
        if spec.dtype in NARROWED
    )


def convert(model: FloatModel, card: ModelCard) -> tuple[bytes, Layout]:
    """Return a float32 file for a batch of 1, and how its images lie.

    Images become NHWC, as phones hand them out. Raises `ExportError`.
    """
    packages.versions(("litert-torch",))
    import litert_torch

    layout = model.layout
    shapes = [(1, *spec.shape[1:]) for spec in model.inputs]
    module = _prepared(model, shapes)
    images = [i for i, s in enumerate(model.inputs) if layouts.is_image(s.name, len(s.shape), card)]
    if layout == "NCHW" and images:
        maps = [i for i, spec in enumerate(model.outputs) if len(spec.shape) == 4]
        module, layout = litert_torch.to_channel_last_io(module, args=images, outputs=maps), "NHWC"
        # Not by eval(), which an exported program inside refuses: it is what it was exported as.
        module.training = False
        shapes = [(s[0], *s[2:], s[1]) if i in images else s for i, s in enumerate(shapes)]
    examples = _zeros(model, shapes)
    try:
        edge = litert_torch.convert(module, examples)
        data = _exported_bytes(edge)
    except Exception as error:
        raise ExportError(
            f"got an error from litert-torch: {reason(error)} ({type(error).__name__})",
            "the message names the op; replace it by one that TFLite has",
        ) from error
    return tflite_file.ordered(data, [], []), layout


def _prepared(model: FloatModel, shapes: list[tuple[int, ...]]) -> Any:
    """Return the model as a graph without writes in place, memory formats and padding by words."""
    try:
        return prepare.graph(prepare.program(model.native, _zeros(model, shapes)))
    except EdgekitError:
        raise
    except Exception as error:
        raise ExportError(
            f"got an error from torch.export: {reason(error)} ({type(error).__name__})",
            "replace this operation in the model by one that can be exported",
        ) from error


def _zeros(model: FloatModel, shapes: list[tuple[int, ...]]) -> tuple[Any, ...]:
    import torch

    return tuple(
        torch.zeros(shape, dtype=getattr(torch, spec.dtype))
        for shape, spec in zip(shapes, model.inputs, strict=True)
    )


def _exported_bytes(edge: Any) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.tflite")
        edge.export(str(file))
        return file.read_bytes()
