"""A PyTorch module to a float TFLite file, through litert-torch."""

from pathlib import Path
from typing import Any

from edgekit.core import layout as layouts
from edgekit.core.artifact import FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Layout
from edgekit.errors import ExportError
from edgekit.formats.tflite import file as tflite_file
from edgekit.system import packages


def convert(model: FloatModel, card: ModelCard) -> tuple[bytes, Layout]:
    """Return a float32 file for a batch of 1, and how its images lie.

    Images become NHWC, as phones hand them out. Raises `ExportError`.
    """
    packages.versions(("litert-torch",))
    import litert_torch
    import torch

    module, layout = model.native, model.layout
    shapes = [(1, *spec.shape[1:]) for spec in model.inputs]
    images = [i for i, s in enumerate(model.inputs) if layouts.is_image(s.name, len(s.shape), card)]
    if layout == "NCHW" and images:
        maps = [i for i, spec in enumerate(model.outputs) if len(spec.shape) == 4]
        module, layout = litert_torch.to_channel_last_io(module, args=images, outputs=maps), "NHWC"
        # Not by eval(), which an exported program inside refuses: it is what it was exported as.
        module.training = False
        shapes = [(s[0], *s[2:], s[1]) if i in images else s for i, s in enumerate(shapes)]
    types = [getattr(torch, spec.dtype) for spec in model.inputs]
    examples = tuple(torch.zeros(s, dtype=t) for s, t in zip(shapes, types, strict=True))
    try:
        edge = litert_torch.convert(module, examples)
        data = _exported_bytes(edge)
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from litert-torch: {str(error)[:1000]}",
            "the message names the op; replace it by one that TFLite has",
        ) from error
    return tflite_file.ordered(data, [], []), layout


def _exported_bytes(edge: Any) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.tflite")
        edge.export(str(file))
        return file.read_bytes()
