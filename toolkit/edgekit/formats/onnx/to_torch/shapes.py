"""Ops that move elements about, or tell of shapes."""

import math
from collections.abc import Sequence

import numpy as np

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts


def positive(axes: Sequence[int], ndim: int) -> list[int]:
    """Return axes counted from the front."""
    return [axis + ndim if axis < 0 else axis for axis in axes]


def reshaped(g: Graph, x: Value, shape: Sequence[int]) -> Value:
    """Return `x` in another shape; itself where it has it already."""
    return x if x.shape == tuple(shape) else g.call("reshape", x, list(shape))


@converts("Constant")
def constant(g: Graph, n: Node) -> Value:
    """Convert Constant, in whichever attribute its value stands."""
    if n.attr("value") is not None:
        return g.constant_of(n.attr("value"))
    for name, dtype in (("int", np.int64), ("float", np.float32)):
        for attribute in (f"value_{name}", f"value_{name}s"):
            if n.attr(attribute) is not None:
                return g.constant(np.array(n.attr(attribute), dtype))
    raise Unsupported("a constant that is text or sparse")


@converts("Shape")
def shape(g: Graph, n: Node) -> Value:
    """Convert Shape: known while building."""
    sizes = n.tensor(0).shape[n.attr("start", 0) : n.attr("end")]
    return g.constant(np.array(sizes, np.int64))


@converts("Size")
def size(g: Graph, n: Node) -> Value:
    """Convert Size: known while building."""
    return g.constant(np.array(math.prod(n.tensor(0).shape), np.int64))


@converts("ConstantOfShape")
def constant_of_shape(g: Graph, n: Node) -> Value:
    """Convert ConstantOfShape."""
    fill = n.attr("value")
    value = g.constant_of(fill).numpy() if fill is not None else np.zeros(1, np.float32)
    return g.constant(np.full(n.ints(0) or (), value.item(), value.dtype))


@converts("Range")
def range_(g: Graph, n: Node) -> Value:
    """Convert Range of constants."""
    limits = [n.tensor(i).numpy() for i in range(3)]
    return g.constant(np.arange(*(v.item() for v in limits)).astype(limits[0].dtype))


@converts("Reshape")
def reshape(g: Graph, n: Node) -> Value:
    """Convert Reshape; 0 keeps a size unless `allowzero`."""
    x, wanted = n.tensor(0), n.ints(1) or []
    if not n.attr("allowzero", 0):
        wanted = [x.shape[i] if item == 0 else item for i, item in enumerate(wanted)]
    if -1 in wanted:
        rest = math.prod(item for item in wanted if item != -1)
        wanted[wanted.index(-1)] = math.prod(x.shape) // max(rest, 1)
    return reshaped(g, x, wanted)


@converts("Flatten")
def flatten(g: Graph, n: Node) -> Value:
    """Convert Flatten: always to a matrix."""
    x, axis = n.tensor(0), n.attr("axis", 1)
    return reshaped(g, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@converts("Squeeze")
def squeeze(g: Graph, n: Node) -> Value:
    """Convert Squeeze."""
    x, axes = n.tensor(0), n.axes(since=13)
    gone = positive(axes, x.ndim) if axes else [i for i, s in enumerate(x.shape) if s == 1]
    return reshaped(g, x, [s for i, s in enumerate(x.shape) if i not in gone])


@converts("Unsqueeze")
def unsqueeze(g: Graph, n: Node) -> Value:
    """Convert Unsqueeze: the axes count in the result."""
    x, axes = n.tensor(0), n.axes(since=13) or []
    sizes = list(x.shape)
    for axis in sorted(positive(axes, x.ndim + len(axes))):
        sizes.insert(axis, 1)
    return reshaped(g, x, sizes)


@converts("Transpose")
def transpose(g: Graph, n: Node) -> Value:
    """Convert Transpose."""
    x = n.tensor(0)
    order = n.attr("perm") or list(reversed(range(x.ndim)))
    return x if list(order) == list(range(x.ndim)) else g.call("permute", x, list(order))


@converts("Concat")
def concat(g: Graph, n: Node) -> Value:
    """Convert Concat, leaving out what has no elements."""
    parts = [n.tensor(i) for i in range(len(n.inputs))]
    parts = [part for part in parts if 0 not in part.shape] or parts[:1]
    return parts[0] if len(parts) == 1 else g.call("cat", parts, n.attr("axis"))


@converts("Split")
def split(g: Graph, n: Node) -> list[Value]:
    """Convert Split: by sizes, or into equal parts of which the last may be smaller."""
    x, axis = n.tensor(0), n.attr("axis", 0)
    sizes = n.ints(1) if n.opset >= 13 else n.attr("split")
    if not sizes:
        whole, count = x.shape[axis], n.attr("num_outputs", len(n.outputs))
        part = -(-whole // count)
        sizes = [min(part, whole - part * i) for i in range(count)]
    return g.calls("split", x, list(sizes), axis)


@converts("Slice")
def slice_(g: Graph, n: Node) -> Value:
    """Convert Slice; a negative step picks by index."""
    x = n.tensor(0)
    starts, ends = n.ints(1) or [], n.ints(2) or []
    axes = positive(n.ints(3) or list(range(len(starts))), x.ndim)
    steps = n.ints(4) or [1] * len(starts)
    index = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        length = x.shape[axis]
        picked = range(length)[start:end:step]
        if step < 0:
            x = g.call("index_select", x, axis, g.constant(np.array(picked, np.int64)))
        elif len(picked) < length:
            index[axis] = slice(picked.start, picked.stop, step)
    return g.item(x, tuple(index)) if any(i != slice(None) for i in index) else x


@converts("Expand")
def expand(g: Graph, n: Node) -> Value:
    """Convert Expand: both shapes are broadcast to each other."""
    x = n.tensor(0)
    wanted = np.broadcast_shapes(x.shape, tuple(n.ints(1) or ()))
    return x if x.shape == wanted else g.call("broadcast_to", x, list(wanted))


@converts("Tile")
def tile(g: Graph, n: Node) -> Value:
    """Convert Tile."""
    return g.call("tile", n.tensor(0), n.ints(1) or [])


@converts("Pad")
def pad(g: Graph, n: Node) -> Value:
    """Convert Pad: a constant around, or elements picked by index."""
    x, mode = n.tensor(0), n.attr("mode", "constant")
    axes = positive(n.ints(3) or list(range(x.ndim)), x.ndim)
    given = n.ints(1) or []
    pads = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        pads[axis] = (given[i], given[i + len(axes)])
    if mode == "constant":
        value = n.number(2, 0.0)
        return padded(g, x, pads, value if x.is_float else int(value))
    names = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    if mode not in names or min(min(pair) for pair in pads) < 0:
        raise Unsupported(f"got mode {mode!r} with pads {given}")
    for axis, pair in enumerate(pads):
        if any(pair):
            picked = np.pad(np.arange(x.shape[axis]), pair, mode=names[mode])  # type: ignore[call-overload]
            x = g.call("index_select", x, axis, g.constant(picked))
    return x


def padded(g: Graph, x: Value, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Value:
    """Return `x` with `pads` (before, after) around its last axes; less than 0 cuts off."""
    if not any(any(pair) for pair in pads):
        return x
    while not any(pads[0]):
        pads = pads[1:]
    flat = [amount for pair in reversed(pads) for amount in pair]
    return g.call("nn.pad", x, flat, value=value)


@converts("DepthToSpace")
def depth_to_space(g: Graph, n: Node) -> Value:
    """Convert DepthToSpace, in either order of depth."""
    x, block = n.tensor(0), n.attr("blocksize")
    batch, channels, height, width = x.shape
    depth = channels // block**2
    if n.attr("mode", "DCR") == "CRD":
        return g.call("pixel_shuffle", x, block)
    x = g.call("reshape", x, [batch, block, block, depth, height, width])
    x = g.call("permute", x, [0, 3, 4, 1, 5, 2])
    return g.call("reshape", x, [batch, depth, height * block, width * block])


@converts("SpaceToDepth")
def space_to_depth(g: Graph, n: Node) -> Value:
    """Convert SpaceToDepth."""
    x, block = n.tensor(0), n.attr("blocksize")
    batch, channels, height, width = x.shape
    x = g.call("reshape", x, [batch, channels, height // block, block, width // block, block])
    x = g.call("permute", x, [0, 3, 5, 1, 2, 4])
    return g.call("reshape", x, [batch, channels * block**2, height // block, width // block])
