"""Reductions and softmax."""

import math

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Value
from edgekit.formats.onnx.to_torch.registry import converts
from edgekit.formats.onnx.to_torch.shapes import positive, reshaped

PLAIN = {"ReduceSum": "sum", "ReduceMean": "mean", "ReduceMax": "amax", "ReduceMin": "amin"}
DERIVED = ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")


@converts(*PLAIN, *DERIVED, "ReduceProd")
def reduce(g: Graph, n: Node) -> Value:
    """Convert a reduction.

    It keeps its dimensions first, the form that XNNPACK takes, and loses them by a reshape. With
    `noop_with_empty_axes` only what it does to each element is left.
    """
    x = n.tensor(0)
    axes = n.axes(since=13 if n.op == "ReduceSum" else 18)
    everything = [] if n.attr("noop_with_empty_axes", 0) else range(x.ndim)
    dims = sorted(positive(axes or everything, x.ndim))
    result = _reduce(g, n.op, x, dims)
    if n.attr("keepdims", 1):
        return result
    return reshaped(g, result, [size for i, size in enumerate(x.shape) if i not in dims])


def _reduce(g: Graph, op: str, x: Value, dims: list[int]) -> Value:
    if op == "ReduceProd":
        for dim in dims:
            x = g.call("prod", x, dim, keepdim=True)
        return x
    if op in PLAIN:
        return _over(g, PLAIN[op], x, dims)
    if op == "ReduceLogSumExp":
        return _over(g, "logsumexp", x, dims)
    if op == "ReduceL1":
        return _over(g, "sum", g.call("abs", x), dims)
    if op == "ReduceLogSum":
        return g.call("log", _over(g, "sum", x, dims))
    squares = _over(g, "sum", g.call("mul", x, x), dims)
    return g.call("sqrt", squares) if op == "ReduceL2" else squares


def _over(g: Graph, name: str, x: Value, dims: list[int]) -> Value:
    # torch takes no dims for all of them.
    return g.call(name, x, dims, keepdim=True) if dims else x


@converts("Softmax", "LogSoftmax")
def softmax(g: Graph, n: Node) -> Value:
    """Convert Softmax; before opset 13 it runs over all axes from `axis` on."""
    x, name = n.tensor(0), "softmax" if n.op == "Softmax" else "log_softmax"
    if n.opset >= 13:
        return g.call(name, x, n.attr("axis", -1))
    axis = n.attr("axis", 1) % max(x.ndim, 1)
    if axis == x.ndim - 1:
        return g.call(name, x, -1)
    rows = reshaped(g, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))
    return reshaped(g, g.call(name, rows, 1), x.shape)


@converts("GlobalAveragePool")
def global_average_pool(g: Graph, n: Node) -> Value:
    """Convert GlobalAveragePool to a mean, which XNNPACK takes."""
    x = n.tensor(0)
    return g.call("mean", x, list(range(2, x.ndim)), keepdim=True)


@converts("GlobalMaxPool")
def global_max_pool(g: Graph, n: Node) -> Value:
    """Convert GlobalMaxPool."""
    x = n.tensor(0)
    return g.call("amax", x, list(range(2, x.ndim)), keepdim=True)
