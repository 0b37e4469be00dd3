"""Joins of tensors whose ranges lie far apart: one int8 scale would leave the smaller nothing.

A detector joins boxes of hundreds of pixels with scores of 0 to 1. What a join is made of keeps
scales of its own where the join, and all that follows, stays in float.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from edgekit.formats.tflite import patch
from edgekit.formats.tflite.ranges import Ranges, span

# With ranges this far apart the smaller has 16 of 256 levels left.
APART = 16.0
JOINS = {"CONCATENATION", "PACK"}
# What scales channels by factors of their own, where these are constants.
SCALING = {"DIV", "MUL"}
# What computes with weights, and what it gives has a new range: not worth leaving in float.
COMPUTING = {
    "BATCH_MATMUL", "CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
}  # fmt: skip


class Join(NamedTuple):
    """A join, with the tensors it gives, the range of each that it joins, and all that follows.

    `scopes` are the output tensors of it and of each operator behind it; `ends` whether one of them
    is an output of the file.
    """

    name: str
    spans: tuple[float, ...]
    scopes: tuple[tuple[str, ...], ...]
    ends: bool

    def in_words(self) -> str:
        """Say what is joined."""
        return f"{self.name} joins ranges of {' and '.join(f'{each:.3g}' for each in self.spans)}"


def apart(data: bytes, ranges: Ranges) -> tuple[Join, ...]:
    """Return the joins of a float file whose ranges lie too far apart for one scale.

    Left out are those in the middle of a model, in front of what computes with weights: the scale
    of its input would be the same.
    """
    model = patch.unpacked(data)
    names = [patch.operator_name(code) for code in model.operatorCodes]
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        spans = _spans(model, operator, names[operator.opcodeIndex], ranges)
        lasting = [each for each in spans if each > 0]
        if not lasting or max(lasting) <= APART * min(lasting):
            continue
        behind = _behind(graph, operator)
        if any(names[each.opcodeIndex] in COMPUTING for each in behind):
            continue
        scopes = tuple(_names(graph, each.outputs) for each in behind)
        given = {int(i) for each in behind for i in each.outputs}
        ends = bool(given & {int(i) for i in graph.outputs})
        found.append(Join(scopes[0][0], spans, scopes, ends))
    return tuple(found)


def _spans(model: Any, operator: Any, name: str, ranges: Ranges) -> tuple[float, ...]:
    """Return the ranges that an operator joins: of its inputs, or of factors for each channel."""
    tensors = [model.subgraphs[0].tensors[i] for i in operator.inputs if i >= 0]
    if name in JOINS:
        found = [patch.text(tensor.name) for tensor in tensors]
        return tuple(span(ranges[each]) for each in found if each in ranges)
    if name not in SCALING:
        return ()
    held = [(tensor, model.buffers[tensor.buffer].data) for tensor in tensors]
    factors = [
        np.abs(np.frombuffer(np.asarray(data, np.uint8).tobytes(), "<f4"))
        for tensor, data in held
        if data is not None and patch.tensor_type(tensor.type) == "float32"
    ]
    return (float(factors[0].min()), float(factors[0].max())) if factors else ()


def _behind(graph: Any, first: Any) -> list[Any]:
    """Return an operator and all that its results reach, in the file's order."""
    reached = {int(i) for i in first.outputs}
    found = [first]
    for operator in graph.operators:
        if operator is not first and reached & {int(i) for i in operator.inputs}:
            found.append(operator)
            reached |= {int(i) for i in operator.outputs}
    return found


def _names(graph: Any, tensors: Iterable[int]) -> tuple[str, ...]:
    return tuple(patch.text(graph.tensors[i].name) for i in tensors)
