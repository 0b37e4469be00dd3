"""A `.tflite` file that somebody brings as today's quantizer reads it: plain float32, signed.

Older files keep operators in a field that the quantizer does not read (it then does nothing,
without a word), have no signature, and hold weights in float16, sparse or int8, each behind an
operator that unpacks it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgekit.core.tensor import Array
from edgekit.errors import ModelLoadError
from edgekit.formats.tflite import ranges
from edgekit.formats.tflite.patch import (
    inlined,
    operator_name,
    packed,
    refusing_broken_files,
    tensor_type,
    text,
    unpacked,
)

# Operators that only unpack a weight where that is what they read.
UNPACKING = {"DEQUANTIZE", "DENSIFY"}
# Custom operators that LiteRT brings.
OWN = {"AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess"}
QUANTIZED = {"int4", "int8", "uint8", "int16", "float16"}
KEY = "serving_default"


@refusing_broken_files()
def plain(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the file with float32 weights, operators where they are looked for, and a signature.

    Also notes on what was changed that a user sees. Raises `ModelLoadError` naming operators of
    other runtimes, and for a file whose activations are quantized.
    """
    model = unpacked(inlined(data))
    _check_custom(model)
    notes = [*_unpacked_weights(model, data), *_real_weights(model)]
    _check_float(model)
    for code in model.operatorCodes:
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    _sign(model)
    return packed(model), tuple(notes)


def _check_custom(model: Any) -> None:
    names = [operator_name(code) for code in model.operatorCodes]
    custom = {n.removeprefix("CUSTOM:") for n in names if n.startswith("CUSTOM:")} - OWN
    if custom:
        raise ModelLoadError(
            f"got a file with custom operators, which LiteRT does not have: "
            f"{', '.join(sorted(custom))}",
            "it runs only in the app that brings them (as MediaPipe does); start from the model "
            "that the file was made of",
        )


def _check_float(model: Any) -> None:
    """Refuse what is left of quantized numbers; bytes without a scale are plain numbers."""
    found = {
        tensor_type(tensor.type)
        for graph in model.subgraphs
        for tensor in graph.tensors
        if tensor_type(tensor.type) == "float16" or _scales(tensor) is not None
    }
    if found & QUANTIZED:
        raise ModelLoadError(
            f"got a quantized file: it holds {', '.join(sorted(found & QUANTIZED))} tensors, "
            "expected float32",
            "start from the fp32 file",
        )


def _unpacked_weights(model: Any, data: bytes) -> Iterator[str]:
    """Put in a weight's place what the operators behind it make of it: LiteRT computes it."""
    graph, names = model.subgraphs[0], [operator_name(code) for code in model.operatorCodes]
    constant = {i for i, tensor in enumerate(graph.tensors) if _held(model, tensor) is not None}
    folded = []
    for operator in graph.operators:
        if names[operator.opcodeIndex] in UNPACKING and {*operator.inputs} <= constant:
            folded.append(operator)
            constant |= {*operator.outputs}
    if not folded:
        return
    kinds = {_stored(graph, names, operator) for operator in folded}
    values = _computed(data, [int(i) for operator in folded for i in operator.outputs])
    for index, array in values.items():
        graph.tensors[index].buffer = _buffer(model, array)
    graph.operators = [o for o in graph.operators if all(o is not gone for gone in folded)]
    _drop_unused(model, graph)
    yield f"{len(values)} weights that were stored in {', '.join(sorted(kinds))} became float32"


def _stored(graph: Any, names: list[str], operator: Any) -> str:
    """Return how a weight is kept that an operator unpacks."""
    if names[operator.opcodeIndex] == "DENSIFY":
        return "sparse form"
    return tensor_type(graph.tensors[operator.inputs[0]].type)


def _computed(data: bytes, indices: list[int]) -> dict[int, Array]:
    """Return what these tensors hold when the file runs on zeros."""
    interpreter = ranges.without_delegate(data)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    interpreter.invoke()
    return {index: np.array(interpreter.get_tensor(index)) for index in indices}


def _real_weights(model: Any) -> Iterator[str]:
    """Make int8 weights float32, where only the weights are quantized."""
    graph = model.subgraphs[0]
    quantized = [tensor for tensor in graph.tensors if _scales(tensor) is not None]
    if not quantized or any(_held(model, tensor) is None for tensor in quantized):
        return
    if {tensor_type(tensor.type) for tensor in quantized} - {"int8", "uint8"}:
        return
    for tensor in quantized:
        held = np.asarray(_held(model, tensor)).view(tensor_type(tensor.type))
        tensor.buffer = _buffer(model, _real(held.reshape(tensor.shape), tensor.quantization))
        tensor.type, tensor.quantization = 0, None
    yield (
        f"{len(quantized)} weights of int8 were dequantized to float32, so that answers differ "
        "from the file's; a conversion from the float model loses less"
    )


def _real(values: Array, quantization: Any) -> Array:
    sides = [1] * values.ndim
    if len(quantization.scale) > 1:
        sides[quantization.quantizedDimension] = -1
    parts = [np.asarray(v, np.float32) for v in (quantization.zeroPoint, quantization.scale)]
    zero, scale = (part.reshape(sides) if part.size > 1 else part.item() for part in parts)
    return np.asarray((values.astype(np.float32) - zero) * scale, np.float32)


def _scales(tensor: Any) -> Array | None:
    quantization = tensor.quantization
    scale = None if quantization is None else quantization.scale
    return None if scale is None or not len(scale) else np.asarray(scale)


def _held(model: Any, tensor: Any) -> Array | None:
    """Return the bytes of a constant; None where the tensor is computed."""
    data = model.buffers[tensor.buffer].data if tensor.buffer else None
    return None if data is None or not len(data) else data


def _buffer(model: Any, values: Array) -> int:
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _drop_unused(model: Any, graph: Any) -> None:
    """Leave out tensors that nothing reads or writes any more, and what they held."""
    lists = [*(o.inputs for o in graph.operators), *(o.outputs for o in graph.operators)]
    lists += [o.intermediates for o in graph.operators if o.intermediates is not None]
    used = {int(i) for part in (*lists, graph.inputs, graph.outputs) for i in part if i >= 0}
    place = {old: new for new, old in enumerate(sorted(used))} | {-1: -1}
    for operator in graph.operators:
        operator.inputs = [place[int(i)] for i in operator.inputs]
        operator.outputs = [place[int(i)] for i in operator.outputs]
        if operator.intermediates is not None:
            operator.intermediates = [place[int(i)] for i in operator.intermediates]
    own = [each for each in model.signatureDefs or () if each.subgraphIndex == 0]
    for definition in own:
        for entry in (*(definition.inputs or ()), *(definition.outputs or ())):
            entry.tensorIndex = place[entry.tensorIndex]
    graph.inputs = [place[int(i)] for i in graph.inputs]
    graph.outputs = [place[int(i)] for i in graph.outputs]
    graph.tensors = [graph.tensors[i] for i in sorted(used)]
    kept = {tensor.buffer for every in model.subgraphs for tensor in every.tensors}
    kept |= {entry.buffer for entry in model.metadata or ()}
    for i, buffer in enumerate(model.buffers):
        if i not in kept:
            buffer.data = None


def _sign(model: Any) -> None:
    """Give the file a signature, by which ranges are recorded, where it has none."""
    from ai_edge_litert import schema_py_generated as schema

    if model.signatureDefs:
        return
    graph, definition = model.subgraphs[0], schema.SignatureDefT()
    definition.signatureKey, definition.subgraphIndex = KEY, 0
    definition.inputs, definition.outputs = [], []
    for indices, entries in (
        (graph.inputs, definition.inputs),
        (graph.outputs, definition.outputs),
    ):
        for i in indices:
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = text(graph.tensors[i].name) or f"tensor_{i}", int(i)
            entries.append(entry)
    model.signatureDefs = [definition]
