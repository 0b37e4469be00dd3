"""Int8 inputs and outputs for a graph that PT2E has quantized between float32 ones."""

import math
from typing import Any

import numpy as np

from edgekit.core.tensor import Array, Arrays, TensorSpec

Specs = tuple[TensorSpec, ...]
INT8 = (-128, 127)

# What only moves values: a delegate wants one range before and after it.
MOVES = ("contiguous", "dropout", "flatten", "permute", "reshape", "slice", "transpose", "view")


def make_int8(
    graph_module: Any, inputs: tuple[Specs, Arrays], outputs: tuple[Specs, Arrays]
) -> tuple[Specs, Specs]:
    """Give the graph int8 I/O in place; return their specs, with scale and zero point.

    Each side comes as its specs and the values seen there, samples first. The graph's own range
    is taken where it quantizes an input or output already; otherwise that of the values.

    In the graph, not around it: exported through a wrapper, its nodes lose what quantizers noted.
    """
    graph = graph_module.graph
    holders = [node for node in graph.nodes if node.op == "placeholder"]
    made_inputs = tuple(map(_input, holders, *inputs))
    end = graph.output_node()
    made = [_output(end, *each) for each in zip(end.args[0], *outputs, strict=True)]
    end.args = (tuple(value for value, _ in made),)
    graph.eliminate_dead_code()
    graph_module.recompile()
    return made_inputs, tuple(spec for _, spec in made)


def _input(node: Any, spec: TensorSpec, values: Array) -> TensorSpec:
    import torch

    if spec.dtype != "float32":
        return spec
    scaling = _scaling_after(node) or _scaling_of(values)
    users = list(node.users)
    with node.graph.inserting_after(node):
        real = node.graph.call_function(
            torch.ops.quantized_decomposed.dequantize_per_tensor.default,
            (node, *scaling, *INT8, torch.int8),
        )
    for user in users:
        user.replace_input_with(node, real)
    return _int8(spec, scaling)


def _output(end: Any, value: Any, spec: TensorSpec, values: Array) -> tuple[Any, TensorSpec]:
    """Return the node that gives this output as int8, and its spec."""
    import torch

    if spec.dtype != "float32":
        return value, spec
    operators = torch.ops.quantized_decomposed
    if value.target is operators.dequantize_per_tensor.default and _is_int8(value):
        return value.args[0], _int8(spec, value.args[1:3])
    scaling = _scaling_of(values)
    with end.graph.inserting_before(end):
        stored = end.graph.call_function(
            operators.quantize_per_tensor.default, (value, *scaling, *INT8, torch.int8)
        )
    return stored, _int8(spec, scaling)


def _is_int8(node: Any) -> bool:
    import torch

    return tuple(node.args[3:5]) == INT8 and node.args[5] is torch.int8


def _scaling_after(node: Any) -> tuple[float, int] | None:
    """Return the scale and zero point with which the graph quantizes what `node` gives."""
    import torch

    for user in node.users:
        if user.target is torch.ops.quantized_decomposed.quantize_per_tensor.default:
            if _is_int8(user):
                return user.args[1], user.args[2]
        elif str(user.target).removeprefix("aten.").split(".")[0] in MOVES:
            found = _scaling_after(user)
            if found:
                return found
    return None


def _scaling_of(values: Array) -> tuple[float, int]:
    """Return scale and zero point that cover the range of `values` and zero, asymmetric."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    # Kept as float32, as the file stores it, so that the host quantizes with the same number.
    scale = float(np.float32((high - low) / 255 or 1.0))
    return scale, max(-128, min(127, math.floor(-128 - low / scale + 0.5)))


def _int8(spec: TensorSpec, scaling: tuple[float, int]) -> TensorSpec:
    scale, zero_point = scaling
    update = {"dtype": "int8", "scale": scale, "zero_point": zero_point}
    return spec.model_copy(update=update)
