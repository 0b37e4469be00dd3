"""Pools."""

import math
from collections.abc import Sequence

import numpy as np

from edgekit.formats.onnx.to_torch.convolution import Window
from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts
from edgekit.formats.onnx.to_torch.shapes import padded

# What comes out of these is never below 0.
NEVER_NEGATIVE = {"relu", "sigmoid", "softmax", "abs", "hardsigmoid"}


@converts("MaxPool")
def max_pool(g: Graph, n: Node) -> Value:
    """Convert MaxPool. Padding must never win, and must not be infinite: it would be quantized."""
    x, window, rank, extra = _opened(n)
    is_plain = window.is_symmetric and not any(extra)
    padding = [before for before, _ in window.pads]
    if not is_plain or any(2 * p > k for p, k in zip(padding, window.kernel, strict=True)):
        x, padding = _padded_for_max(g, x, window, _with_extra(window, extra)), [0] * rank
    return g.call(f"max_pool{rank}d", x, window.kernel, window.strides, padding, window.dilations)


def _padded_for_max(g: Graph, x: Value, window: Window, pads: Sequence[tuple[int, int]]) -> Value:
    """Pad with 0 where nothing is below it, else with the edge: each window has it inside."""
    name = getattr(x.node.target, "__name__", "")
    is_clipped = name == "hardtanh" and x.node.args[1] >= 0
    if name in NEVER_NEGATIVE or is_clipped:
        return padded(g, x, pads)
    if set(window.dilations) != {1}:
        return padded(g, x, pads, -math.inf)
    for i, pair in enumerate(pads):
        if any(pair):
            picked = np.pad(np.arange(x.shape[i + 2]), pair, mode="edge")
            x = g.call("index_select", x, i + 2, g.constant(picked))
    return x


@converts("AveragePool")
def average_pool(g: Graph, n: Node) -> Value:
    """Convert AveragePool; where the count differs by window it is a known table."""
    x, window, rank, extra = _opened(n)
    if set(window.dilations) != {1}:
        raise Unsupported(f"got dilations {window.dilations}, expected 1")
    name, counts_pads = f"nn.avg_pool{rank}d", bool(n.attr("count_include_pad", 0))
    padding = [before for before, _ in window.pads]
    fits = all(2 * p <= k for p, k in zip(padding, window.kernel, strict=True))
    if window.is_symmetric and not any(extra) and fits:
        return g.call(name, x, window.kernel, window.strides, padding, False, counts_pads)  # noqa: FBT003
    counted = g.constant(np.ones((1, 1, *x.shape[2:]), np.float32))
    if counts_pads:
        counted = padded(g, counted, window.pads, 1.0)
        counted = padded(g, counted, [(0, more) for more in extra])
    else:
        counted = padded(g, counted, _with_extra(window, extra))
    shares = g.call(name, counted, window.kernel, window.strides)
    x = padded(g, x, _with_extra(window, extra))
    return g.call(
        "mul", g.call(name, x, window.kernel, window.strides), g.call("reciprocal", shares)
    )


@converts("LpPool")
def lp_pool(g: Graph, n: Node) -> Value:
    """Convert LpPool of norm 2: the root of a sum of squares."""
    n.refuse("p", 2)
    x, window, rank, extra = _opened(n)
    x = padded(g, x, _with_extra(window, extra))
    mean = g.call(f"nn.avg_pool{rank}d", g.call("mul", x, x), window.kernel, window.strides)
    return g.call("sqrt", g.call("mul", mean, float(math.prod(window.kernel))))


def _opened(n: Node) -> tuple[Value, Window, int, list[int]]:
    """Return input, window, rank, and how much `ceil_mode` adds behind each axis."""
    n.refuse("storage_order", 0)
    x = n.tensor(0)
    window, rank = Window(n, x.shape[2:], list(n.attr("kernel_shape"))), x.ndim - 2
    extra = [0] * rank
    if n.attr("ceil_mode", 0):
        for i, size in enumerate(x.shape[2:]):
            before, after = window.pads[i]
            room, stride = size + before + after - window.reach[i], window.strides[i]
            steps = -(-room // stride)
            # A last window that would start in the padding behind is left out.
            steps -= steps * stride >= size + before
            extra[i] = max(steps * stride - room, 0)
    return x, window, rank, extra


def _with_extra(window: Window, extra: list[int]) -> list[tuple[int, int]]:
    return [
        (before, after + more) for (before, after), more in zip(window.pads, extra, strict=True)
    ]
