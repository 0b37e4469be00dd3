"""The scales of a quantized `.tflite` file: what ai-edge-quantizer leaves wrong in it is mended.

A bias has the scale of its input times that of its weights. Where the weights of a channel are all
but zero, as batch normalization leaves them, the bias is more steps than int32 holds: it would be
cut off, without an error. A larger scale for these weights costs nothing, for they are nothing.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from edgekit.errors import ExportError
from edgekit.formats.tflite import patch
from edgekit.formats.tflite.ranges import LEAST_SCALE

# Where a bias stands among the inputs of what computes with weights, behind the weights.
BIASED = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
LARGEST = 2**31 - 1
# What a bias is made to fit into: its channel's weights get a scale for that.
ROOM = 2**30


def mended(data: bytes, floats: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the file with every output of an operator quantized, and every bias in range.

    `floats` is the file that it was made from. An output that nothing reads, as of a split in the
    first step of a recurrent layer, is left in float beside its int8 twins, which XNNPACK refuses.
    The notes name the operators of which channels got another scale.
    """
    model = patch.unpacked(data)
    wanted = {output: _floats(bias) for output, bias, _ in _biased(patch.unpacked(floats))}
    done = sum(_complete(graph) for graph in model.subgraphs)
    readers = Counter(id(weights.tensor) for _, _, (_, weights) in _biased(model))
    rescaled = [
        output
        for output, bias, (source, weights) in _biased(model)
        if output in wanted
        and readers[id(weights.tensor)] == 1
        and _rescale(model, source, (weights, bias), wanted[output])
    ]
    if not done and not rescaled:
        return data, ()
    note = f"gave channels of all but empty weights a scale that fits: {', '.join(rescaled)}"
    return patch.packed(model), (note,) if rescaled else ()


class _Held(NamedTuple):
    """A tensor and the buffer that holds it."""

    tensor: Any
    buffer: Any


def _biased(model: Any) -> Iterator[tuple[str, _Held, tuple[Any, _Held]]]:
    """Yield the output's name, the bias, and input and weights of each operator that has a bias."""
    names = [patch.operator_name(code) for code in model.operatorCodes]
    for graph in model.subgraphs:
        held = [_Held(tensor, model.buffers[tensor.buffer]) for tensor in graph.tensors]
        for operator in graph.operators:
            place = BIASED.get(names[operator.opcodeIndex])
            if place is None or place >= len(operator.inputs) or operator.inputs[place] < 0:
                continue
            bias = held[operator.inputs[place]]
            if bias.buffer.data is not None:
                output = patch.text(graph.tensors[operator.outputs[0]].name)
                source = graph.tensors[operator.inputs[2 if place == 3 else 0]]
                yield output, bias, (source, held[operator.inputs[1]])


def _complete(graph: Any) -> int:
    """Quantize outputs that nothing reads as their operator's first int8 one; return how many."""
    read = {int(i) for operator in graph.operators for i in operator.inputs}
    read |= {int(i) for i in graph.outputs}
    done = 0
    for operator in graph.operators:
        outputs = {int(i): patch.tensor_type(graph.tensors[i].type) for i in operator.outputs}
        whole = [graph.tensors[i] for i, kind in outputs.items() if kind == "int8"]
        unread = [i for i, kind in outputs.items() if kind == "float32" and i not in read]
        for each in [graph.tensors[i] for i in unread] if whole else ():
            each.type, each.quantization = whole[0].type, whole[0].quantization
            done += 1
    return done


def _rescale(model: Any, source: Any, held: tuple[_Held, _Held], wanted: Any) -> bool:
    """Give channels whose bias was cut off a scale that it fits; return whether there were any.

    `held` are the weights and the bias.
    """
    weights, bias = held
    cut, scales = _cut(bias), _scales(weights.tensor)
    if not cut.any() or len(scales) != len(cut) or not len(_scales(source)):
        return False
    step = float(_scales(source)[0])
    new = np.where(cut, np.abs(wanted) / (step * ROOM), scales).astype(np.float32)
    shape = tuple(weights.tensor.shape)
    along = [1] * len(shape)
    along[weights.tensor.quantization.quantizedDimension] = -1
    old = np.frombuffer(np.asarray(weights.buffer.data, np.uint8).tobytes(), np.int8).reshape(shape)
    coarse = np.round(old * (scales / new).reshape(along)).astype(np.int8)
    fitting = np.where(cut, np.round(wanted / (step * new)), _integers(bias.buffer.data))
    _fill(model, weights, coarse)
    _fill(model, bias, fitting.astype("<i4"))
    weights.tensor.quantization.scale = new
    bias.tensor.quantization.scale = (new * step).astype(np.float32)
    return True


def _fill(model: Any, held: _Held, values: Any) -> None:
    """Give a tensor other values, in a buffer of its own where others hold the same one."""
    from ai_edge_litert import schema_py_generated as schema

    data = np.frombuffer(values.tobytes(), np.uint8)
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    if sum(tensor.buffer == held.tensor.buffer for tensor in tensors) == 1:
        held.buffer.data = data
        return
    buffer = schema.BufferT()
    buffer.data = data
    model.buffers.append(buffer)
    held.tensor.buffer = len(model.buffers) - 1


def check(data: bytes) -> None:
    """Raise `ExportError` for a scale too small to run, or a bias that was cut off, by name."""
    model = patch.unpacked(data)
    for graph in model.subgraphs:
        for operator in graph.operators:
            for index in operator.outputs:
                _check_scale(graph.tensors[index])
    for output, bias, _ in _biased(model):
        cut = int(_cut(bias).sum())
        if cut:
            raise ExportError(
                f"got {cut} biases of {output} that do not fit int32: its inputs, or its weights, "
                "are too small for them",
                "calibrate on more samples, or choose fp16 or dynamic-int8, which need no ranges",
            )


def _check_scale(tensor: Any) -> None:
    scales = _scales(tensor)
    if len(scales) and 0 < scales.min() < LEAST_SCALE:
        raise ExportError(
            f"got a scale of {scales.min():.2g} for {patch.text(tensor.name)}, expected at least "
            f"{LEAST_SCALE:g}: the values there are too small for int8",
            "scale the model's inputs up, or choose fp16 or dynamic-int8, which need no ranges",
        )


def _cut(bias: _Held) -> Any:
    """Return which elements of a bias stand at an end of int32, as a mask; none of another type."""
    if patch.tensor_type(bias.tensor.type) != "int32":
        return np.zeros(0, bool)
    return np.abs(_integers(bias.buffer.data).astype(np.int64)) >= LARGEST


def _scales(tensor: Any) -> Any:
    quantization = tensor.quantization
    found = None if quantization is None else quantization.scale
    return np.asarray([] if found is None else found, np.float32)


def _floats(bias: _Held) -> Any:
    return np.frombuffer(np.asarray(bias.buffer.data, np.uint8).tobytes(), "<f4")


def _integers(held: Any) -> Any:
    return np.frombuffer(np.asarray(held, np.uint8).tobytes(), "<i4")
