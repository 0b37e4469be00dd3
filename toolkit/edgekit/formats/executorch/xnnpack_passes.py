"""Rewrites of an exported ATen graph into operators that XNNPACK takes, of the same values.

A single operator that the delegate refuses cuts the graph in two. Each rewrite here puts the same
arithmetic into a form that its partitioner accepts: `mean` over the last two of four dimensions
with dimensions kept, changes of shape as one `view`, attention without the guard for rows that
are masked as a whole. They work on the graph before it is quantized.
"""

import math
from collections.abc import Callable
from typing import Any

from edgekit.formats.aten import prepare

# Operator → a function that makes its replacement before a node, or None where it cannot.
Rewrites = dict[str, Callable[[Any, Any], Any]]


def rewrite(graph_module: Any) -> Any:
    """Rewrite a `torch.fx.GraphModule` of ATen operators in place, and return it."""
    # Shapes last: how they are best changed depends on how the new operators lay out memory.
    if _apply(graph_module, OPERATORS):
        prepare.propagate(graph_module)
    _apply(graph_module, SHAPES)
    return graph_module


def _apply(graph_module: Any, rewrites: Rewrites) -> bool:
    """Rewrite what can be; return whether anything was."""
    graph, changed = graph_module.graph, False
    for node in list(graph.nodes):
        make = rewrites.get(str(node.target)) if node.op == "call_function" else None
        if make is None or _shape(node) is None:
            continue
        with graph.inserting_before(node):
            made = make(graph, node)
        if made is not None:
            made.meta = made.meta or dict(node.meta)
            node.replace_all_uses_with(made)
            graph.erase_node(node)
            changed = True
    graph.lint()
    graph_module.recompile()
    return changed


def _shape(node: Any) -> tuple[Any, ...] | None:
    """Return the sizes of the tensor that a node gives; None where it gives none."""
    value = node.meta.get("val")
    return tuple(value.shape) if hasattr(value, "shape") else None


def _static(shape: tuple[Any, ...]) -> list[int] | None:
    """Return sizes for `view`, -1 for one that is open; None where more than one is."""
    sizes = [size if isinstance(size, int) else -1 for size in shape]
    return sizes if sizes.count(-1) <= 1 else None


def _call(graph: Any, packet: str, overload: str, *args: Any) -> Any:
    import torch

    return graph.call_function(getattr(getattr(torch.ops.aten, packet), overload), args)


def _reshape(graph: Any, value: Any, sizes: list[int]) -> Any:
    return _call(graph, "reshape", "default", value, sizes)


def _mean(graph: Any, node: Any) -> Any:
    """Return `mean` as a pool over the last two of four dimensions, or None."""
    value, shape, wanted = node.args[0], _shape(node.args[0]), _static(_shape(node) or ())
    if shape is None or wanted is None or node.kwargs.get("dtype") is not None:
        return None
    dims = sorted(dim % len(shape) for dim in (node.args[1] or range(len(shape))))
    sizes = _static(shape)
    if sizes is None or 0 in dims or any(sizes[dim] < 1 for dim in dims) or _is_pool(node, shape):
        return None
    if not (len(shape) == 4 and dims == [2, 3]):
        kept = [dim for dim in range(len(shape)) if dim not in dims]
        if kept + dims != list(range(len(shape))):
            value = _call(graph, "permute", "default", value, kept + dims)
        channels = math.prod(sizes[dim] for dim in kept[1:])
        flat = [sizes[0], channels, math.prod(sizes[dim] for dim in dims), 1]
        value = _reshape(graph, value, flat)
    keepdim = True
    pooled = _call(graph, "mean", "dim", value, [2, 3], keepdim)
    return _reshape(graph, pooled, wanted)


def _is_pool(node: Any, shape: tuple[Any, ...]) -> bool:
    """Tell whether XNNPACK takes this `mean` as it is."""
    keeps = len(node.args) > 2 and bool(node.args[2])
    return len(shape) == 4 and keeps and sorted(dim % 4 for dim in node.args[1]) == [2, 3]


def _shape_only(graph: Any, node: Any) -> Any:
    """Return a change of shape as one `view`, or `reshape` where values have to be moved.

    `view` keeps -1, where `reshape` would compute an open size, which XNNPACK refuses.
    """
    value, wanted = node.args[0], _static(_shape(node) or ())
    if wanted is None:
        return None
    lies_in_order = "val" in value.meta and value.meta["val"].is_contiguous()
    return _call(graph, "view" if lies_in_order else "reshape", "default", value, wanted)


def _contiguous(graph: Any, node: Any) -> Any:
    """Return the input where nothing is to be copied: a copy gets a quantized range of its own."""
    del graph
    value = node.args[0]
    is_plain = _shape(value) is not None and value.meta["val"].is_contiguous()
    return value if is_plain and len(node.args) == 1 and not node.kwargs else None


def _select(graph: Any, node: Any) -> Any:
    """Return `select` as a slice of one element, whose dimension a `view` then takes away."""
    value, dim, index = node.args
    shape, wanted = _shape(value), _static(_shape(node) or ())
    if shape is None or wanted is None or not isinstance(shape[dim], int):
        return None
    start = index % shape[dim]
    cut = _call(graph, "slice", "Tensor", value, dim % len(shape), start, start + 1)
    return _reshape(graph, cut, wanted)


def _attention(graph: Any, node: Any) -> Any:
    """Return plain attention as two batched products: without a mask no row is masked whole."""
    query, key, value, *more = node.args
    shapes = [_shape(part) for part in (query, key, value)]
    if more or set(node.kwargs) - {"scale"} or any(s is None or len(s) != 4 for s in shapes):
        return None
    sizes = [_static(shape[:1]) + _static(shape[1:]) for shape in shapes]  # type: ignore[index,operator]
    if any(-1 in size[1:] for size in sizes) or len({tuple(s[:2]) for s in sizes}) != 1:
        return None
    wanted, scale = _static(_shape(node) or ()), node.kwargs.get("scale")
    # Three dimensions: batched products of four would be expanded first, which XNNPACK refuses.
    heads = [
        _reshape(graph, part, [-1 if size[0] < 0 else size[0] * size[1], *size[2:]])
        for part, size in zip((query, key, value), sizes, strict=True)
    ]
    turned = _call(graph, "permute", "default", heads[1], [0, 2, 1])
    scores = _call(graph, "bmm", "default", heads[0], turned)
    # Divided, not multiplied: the quantizer would give a product a range of its own.
    divisor = 1 / scale if scale else math.sqrt(sizes[0][3])
    scaled = _call(graph, "div", "Tensor", scores, divisor)
    weights = _call(graph, "softmax", "int", scaled, -1)
    mixed = _call(graph, "bmm", "default", weights, heads[2])
    return _reshape(graph, mixed, wanted or [])


OPERATORS: Rewrites = {
    "aten.mean.dim": _mean,
    "aten.select.int": _select,
    "aten.scaled_dot_product_attention.default": _attention,
}
SHAPES: Rewrites = {
    "aten.contiguous.default": _contiguous,
    "aten.flatten.using_ints": _shape_only,
    "aten.reshape.default": _shape_only,
    "aten.squeeze.dim": _shape_only,
    "aten.squeeze.dims": _shape_only,
    "aten.unflatten.int": _shape_only,
    "aten.unsqueeze.default": _shape_only,
    "aten.view.default": _shape_only,
}
