"""Ops that pick elements by index or order."""

import numpy as np

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts
from edgekit.formats.onnx.to_torch.shapes import reshaped


@converts("Gather")
def gather(g: Graph, n: Node) -> Value:
    """Convert Gather; rows of a table picked by the input are an embedding."""
    x, indices = n.tensor(0), n.tensor(1)
    axis = n.attr("axis", 0) % x.ndim
    if indices.is_constant:
        numbers = indices.numpy().astype(np.int64)
        numbers = np.where(numbers < 0, numbers + x.shape[axis], numbers)
        if numbers.ndim == 0:
            return g.call("select", x, axis, int(numbers))
        indices = g.constant(numbers)
    elif axis == 0 and x.ndim == 2:
        return g.call("nn.embedding", indices, x)
    flat = indices if indices.ndim == 1 else g.call("reshape", indices, [-1])
    picked = g.call("index_select", x, axis, flat)
    return reshaped(g, picked, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


@converts("GatherElements")
def gather_elements(g: Graph, n: Node) -> Value:
    """Convert GatherElements."""
    x, indices = n.tensor(0), n.tensor(1)
    axis = n.attr("axis", 0)
    if indices.is_constant:
        numbers = indices.numpy().astype(np.int64)
        indices = g.constant(np.where(numbers < 0, numbers + x.shape[axis], numbers))
    return g.call("gather", x, axis, indices)


@converts("ScatterElements")
def scatter_elements(g: Graph, n: Node) -> Value:
    """Convert ScatterElements without a reduction."""
    n.refuse("reduction", "none")
    return g.call("scatter", n.tensor(0), n.attr("axis", 0), n.tensor(1), n.tensor(2))


@converts("ArgMax", "ArgMin")
def arg_extreme(g: Graph, n: Node) -> Value:
    """Convert ArgMax and ArgMin: the first of equals."""
    n.refuse("select_last_index", 0)
    keep = bool(n.attr("keepdims", 1))
    return g.call(n.op.lower(), n.tensor(0), dim=n.attr("axis", 0), keepdim=keep)


@converts("TopK")
def top_k(g: Graph, n: Node) -> list[Value]:
    """Convert TopK with a constant k."""
    count = (n.ints(1) or [0])[0]
    is_largest, is_sorted = bool(n.attr("largest", 1)), bool(n.attr("sorted", 1))
    return g.calls("topk", n.tensor(0), count, n.attr("axis", -1), is_largest, is_sorted)


@converts("CumSum")
def cum_sum(g: Graph, n: Node) -> Value:
    """Convert CumSum, inclusive and forward."""
    n.refuse("exclusive", 0)
    n.refuse("reverse", 0)
    return g.call("cumsum", n.tensor(0), (n.ints(1) or [0])[0])


@converts("Trilu")
def trilu(g: Graph, n: Node) -> Value:
    """Convert Trilu with a constant diagonal."""
    diagonal = int(n.number(1, 0))
    return g.call("triu" if n.attr("upper", 1) else "tril", n.tensor(0), diagonal)


@converts("OneHot")
def one_hot(g: Graph, n: Node) -> Value:
    """Convert OneHot on the last axis: indices compared with 0, 1, 2, ..."""
    if n.attr("axis", -1) not in {-1, n.tensor(0).ndim}:
        raise Unsupported(f"got axis {n.attr('axis')}, expected the last")
    indices, depth = n.tensor(0), (n.ints(1) or [0])[0]
    off, on = n.tensor(2).numpy()
    classes = g.constant(np.arange(depth))
    wide = reshaped(g, indices, (*indices.shape, 1))
    wide = g.call("remainder", wide, depth) if indices.is_constant else wide
    return g.call("where", g.call("eq", wide, classes), g.constant(on), g.constant(off))
