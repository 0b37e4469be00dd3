"""Normalizations."""

import math

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts


@converts("BatchNormalization")
def batch_normalization(g: Graph, n: Node) -> Value:
    """Convert BatchNormalization at inference: a factor and a summand per channel."""
    n.refuse("training_mode", 0)
    if any(n.outputs[1:]):
        raise Unsupported("it is in training mode: it gives running statistics")
    x, scale, bias, mean, variance = (n.tensor(i) for i in range(5))
    root = g.call("sqrt", g.call("add", variance, n.attr("epsilon", 1e-5)))
    factor = g.call("div", scale, root)
    summand = g.call("sub", bias, g.call("mul", mean, factor))
    shape = [1, -1, *(1,) * (x.ndim - 2)]
    scaled = g.call("mul", x, g.call("reshape", factor, shape))
    return g.call("add", scaled, g.call("reshape", summand, shape))


@converts("InstanceNormalization")
def instance_normalization(g: Graph, n: Node) -> Value:
    """Convert InstanceNormalization: a group per channel."""
    x = n.tensor(0)
    return g.call("nn.group_norm", x, x.shape[1], n.tensor(1), n.tensor(2), n.attr("epsilon", 1e-5))


@converts("GroupNormalization")
def group_normalization(g: Graph, n: Node) -> Value:
    """Convert GroupNormalization; before opset 21 scale and bias stand per group."""
    x, scale, bias = n.tensor(0), n.tensor(1), n.tensor(2)
    groups = n.attr("num_groups")
    if n.opset < 21:
        each = x.shape[1] // groups
        scale = g.call("repeat_interleave", scale, each)
        bias = g.call("repeat_interleave", bias, each)
    return g.call("nn.group_norm", x, groups, scale, bias, n.attr("epsilon", 1e-5))


@converts("LayerNormalization")
def layer_normalization(g: Graph, n: Node) -> Value:
    """Convert LayerNormalization over all axes from `axis` on."""
    x = n.tensor(0)
    shape = x.shape[n.attr("axis", -1) :]
    scale, bias = n.tensor(1), n.optional(2)
    if scale.shape != shape:
        scale = g.call("broadcast_to", scale, shape)
    if bias is not None and bias.shape != shape:
        bias = g.call("broadcast_to", bias, shape)
    return g.call("nn.layer_norm", x, list(shape), scale, bias, n.attr("epsilon", 1e-5))


@converts("LRN")
def local_response_normalization(g: Graph, n: Node) -> Value:
    """Convert LRN; ONNX Runtime has refused even sizes before."""
    alpha, beta, bias = n.attr("alpha", 1e-4), n.attr("beta", 0.75), n.attr("bias", 1.0)
    return g.call("nn.local_response_norm", n.tensor(0), n.attr("size"), alpha, beta, bias)


@converts("LpNormalization")
def lp_normalization(g: Graph, n: Node) -> Value:
    """Convert LpNormalization; zeros stay zeros."""
    x = n.tensor(0)
    norm = g.call("linalg.vector_norm", x, n.attr("p", 2), n.attr("axis", -1), keepdim=True)
    smallest = math.ldexp(1.0, -126)
    return g.call("div", x, g.call("clamp", norm, min=smallest))
