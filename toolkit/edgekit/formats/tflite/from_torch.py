"""A PyTorch module to a float TFLite file, through litert-torch."""

import math
from collections import Counter
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
from edgekit.formats.tflite import patch
from edgekit.system import packages

# The number of the operator in the format's own schema.
TRANSPOSE_CONV = 67

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
    return tflite_file.ordered(_flat_biases(data), [], []), layout


def _flat_biases(data: bytes) -> bytes:
    """Return the file with every bias a vector: per channel, others cannot be quantized.

    That of a transposed convolution comes as `[1, 1, 1, n]` where batch normalization gave it.
    """
    model, changed = patch.unpacked(data), False
    for graph in model.subgraphs:
        readers = Counter(int(i) for operator in graph.operators for i in operator.inputs)
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex].builtinCode
            place = int(operator.inputs[3]) if len(operator.inputs) > 3 else -1
            if code != TRANSPOSE_CONV or place < 0 or readers[place] > 1:
                continue
            bias = graph.tensors[place]
            if len(bias.shape) > 1:
                bias.shape, changed = [math.prod(int(size) for size in bias.shape)], True
                bias.shapeSignature = None
    return patch.packed(model) if changed else data


def _prepared(model: FloatModel, shapes: list[tuple[int, ...]]) -> Any:
    """Return the model as a graph without writes in place, memory formats and padding by words."""
    try:
        graph = prepare.graph(prepare.program(model.native, _zeros(model, shapes)))
    except EdgekitError:
        raise
    except Exception as error:
        raise ExportError(
            f"got an error from torch.export: {reason(error)} ({type(error).__name__})",
            "replace this operation in the model by one that can be exported",
        ) from error
    if prepare.replace(graph, _transposed):
        graph.recompile()
    return graph


def _transposed(graph: Any, node: Any) -> Any:
    """Return a transposed convolution as TFLite has it, or None for other nodes.

    It knows no groups: each becomes one of its own. Nor all paddings: what is to be cut off is cut
    afterwards.
    """
    import torch

    if "conv_transpose" not in str(node.target):
        return None
    given: tuple[Any, ...] = (*node.args, *(None, [1], [0], [0], 1, [1])[len(node.args) - 2 :])
    value, weight, bias, *sized, groups, dilation = given
    sizes = node.meta["val"].shape[2:]
    stride, cut, extra, steps = (
        [*each] * len(sizes) if len(each) == 1 else [*each] for each in (*sized, dilation)
    )
    if any(b > a for a, b in zip(cut, extra, strict=True)) or (groups == 1 and not any(cut)):
        return None

    def part(tensor: Any, dim: int, place: int) -> Any:
        size = tensor.meta["val"].shape[dim] // groups
        bounds = (dim, place * size, (place + 1) * size)
        return graph.call_function(torch.ops.aten.slice.Tensor, (tensor, *bounds))

    zero, parts = [0] * len(sizes), []
    for i in range(groups):
        own = (part(value, 1, i), part(weight, 0, i), None if bias is None else part(bias, 0, i))
        parts.append(graph.call_function(node.target, (*own, stride, zero, zero, 1, steps)))
    whole = graph.call_function(torch.ops.aten.cat.default, (parts, 1)) if groups > 1 else parts[0]
    for dim, (start, size) in enumerate(zip(cut, sizes, strict=True), 2):
        bounds = (dim, start, start + size)
        whole = graph.call_function(torch.ops.aten.slice.Tensor, (whole, *bounds))
    return whole


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
