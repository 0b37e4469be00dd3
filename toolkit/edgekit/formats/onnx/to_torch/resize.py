"""Resize: by torch's interpolation where it is the same, nearest neighbours by any rule."""

import math

import numpy as np

from edgekit.core.tensor import Array
from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts
from edgekit.formats.onnx.to_torch.shapes import positive

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


@converts("Resize")
def resize(g: Graph, n: Node) -> Value:
    """Convert Resize of the spatial axes (for nearest: of any)."""
    n.refuse("antialias", 0)
    n.refuse("exclude_outside", 0)
    n.refuse("keep_aspect_ratio_policy", "stretch")
    x, mode = n.tensor(0), n.attr("mode", "nearest")
    sizes, scales = _target(n, x)
    if mode == "nearest":
        return _nearest(g, n, sizes, scales)
    return _smooth(g, n, sizes, scales)


def _target(n: Node, x: Value) -> tuple[list[int], list[float]]:
    """Return the size and the factor of every axis."""
    axes = positive(n.attr("axes") or range(x.ndim), x.ndim)
    scales, sizes = [1.0] * x.ndim, list(x.shape)
    given_sizes = n.ints(3)
    given = n.optional(2)
    for i, axis in enumerate(axes):
        if given_sizes:
            sizes[axis] = given_sizes[i]
            scales[axis] = sizes[axis] / x.shape[axis]
        elif given is not None:
            scales[axis] = float(given.numpy()[i])
            sizes[axis] = math.floor(x.shape[axis] * scales[axis])
    return sizes, scales


def _nearest(g: Graph, n: Node, sizes: list[int], scales: list[float]) -> Value:
    x = n.tensor(0)
    changed = [axis for axis in range(x.ndim) if sizes[axis] != x.shape[axis]]
    picks = {axis: _picks(n, x.shape[axis], sizes[axis], scales[axis]) for axis in changed}
    if x.ndim in {3, 4, 5} and all(axis > 1 for axis in changed):
        for mode, shift in (("nearest", 0.0), ("nearest-exact", 0.5)):
            if all(
                np.array_equal(_torch_picks(x.shape[axis], sizes[axis], shift), pick)
                for axis, pick in picks.items()
            ):
                return g.call("nn.interpolate", x, size=sizes[2:], mode=mode)
    for axis, pick in picks.items():
        x = g.call("index_select", x, axis, g.constant(pick))
    return x


def _torch_picks(length: int, size: int, shift: float) -> Array:
    steps = (np.arange(size, dtype=np.float32) + np.float32(shift)) * np.float32(length / size)
    return np.asarray(np.minimum(np.floor(steps), length - 1), np.int64)


def _picks(n: Node, length: int, size: int, scale: float) -> Array:
    """Return which element of an axis each output is, by the rules of the op."""
    place = _places(n.attr("coordinate_transformation_mode", "half_pixel"), length, size, scale)
    rule = n.attr("nearest_mode", "round_prefer_floor")
    rules = {
        "round_prefer_floor": lambda: np.ceil(place - 0.5),
        "round_prefer_ceil": lambda: np.floor(place + 0.5),
        "floor": lambda: np.floor(place),
        "ceil": lambda: np.ceil(place),
    }
    return np.asarray(np.clip(rules[rule](), 0, length - 1), np.int64)


def _places(mode: str, length: int, size: int, scale: float) -> Array:
    steps = np.arange(size, dtype=np.float64)
    if mode == "asymmetric":
        return steps / scale
    if mode == "align_corners":
        return steps * (length - 1) / (size - 1) if size > 1 else steps * 0
    if mode == "tf_half_pixel_for_nn":
        return (steps + 0.5) / scale
    if mode == "half_pixel_symmetric":
        offset = length / 2 * (1 - size / (length * scale))
        return offset + (steps + 0.5) / scale - 0.5
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and size > 1):
        return (steps + 0.5) / scale - 0.5
    if mode == "pytorch_half_pixel":
        return steps * 0
    raise Unsupported(f"got coordinate_transformation_mode {mode!r}")


def _smooth(g: Graph, n: Node, sizes: list[int], scales: list[float]) -> Value:
    """Interpolate linearly or by cubics, with torch's own two rules for coordinates."""
    x, mode = n.tensor(0), n.attr("mode")
    places = n.attr("coordinate_transformation_mode", "half_pixel")
    rank = x.ndim - 2
    if sizes[:2] != list(x.shape[:2]) or rank not in LINEAR or (mode == "cubic" and rank != 2):
        raise Unsupported(f"got {mode} from {x.shape} to {sizes}, expected spatial axes only")
    allowed = {"half_pixel", "align_corners"}
    if min(sizes[2:]) > 1:
        allowed |= {"pytorch_half_pixel"}
    if places not in allowed:
        raise Unsupported(f"got coordinate_transformation_mode {places!r} for {mode}")
    exact = [size / length for size, length in zip(sizes, x.shape, strict=True)]
    if places != "align_corners" and not np.allclose(exact, scales, rtol=1e-5):
        raise Unsupported(f"got scales {scales[2:]}, which do not give whole sizes")
    if mode == "cubic" and not math.isclose(n.attr("cubic_coeff_a", -0.75), -0.75):
        raise Unsupported(f"got cubic_coeff_a {n.attr('cubic_coeff_a')}, expected -0.75")
    name = "bicubic" if mode == "cubic" else LINEAR[rank]
    align = places == "align_corners"
    return g.call("nn.interpolate", x, size=sizes[2:], mode=name, align_corners=align)
