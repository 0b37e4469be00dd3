"""The simple ops of ai.onnx.ml: linear models and what scales their input. Labels are dropped."""

import numpy as np

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts

ML = "ai.onnx.ml"
TRANSFORMS = {"NONE": None, "SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}


@converts("LinearClassifier", domain=ML)
def linear_classifier(g: Graph, n: Node) -> list[Value]:
    """Convert LinearClassifier; the label is the place of the largest score."""
    labels = n.attr("classlabels_ints") or n.attr("classlabels_strings") or []
    scores = _linear(g, n, len(labels))
    return [g.call("argmax", scores, 1), scores]


@converts("LinearRegressor", domain=ML)
def linear_regressor(g: Graph, n: Node) -> Value:
    """Convert LinearRegressor."""
    return _linear(g, n, n.attr("targets", 1))


def _linear(g: Graph, n: Node, rows: int) -> Value:
    x, transform = n.tensor(0), n.attr("post_transform", "NONE")
    weights = np.array(n.attr("coefficients"), np.float32)
    bias = np.array(n.attr("intercepts") or [0.0] * rows, np.float32)
    if transform not in TRANSFORMS:
        raise Unsupported(f"got post_transform {transform}")
    if weights.size != rows * x.shape[-1] or bias.size != rows:
        raise Unsupported(f"got {weights.size} coefficients, expected a row for each of {rows}")
    result = g.call("nn.linear", x, g.constant(weights.reshape(rows, -1)), g.constant(bias))
    name = TRANSFORMS[transform]
    if name is None:
        return result
    return g.call(name, result, -1) if name == "softmax" else g.call(name, result)


@converts("Scaler", domain=ML)
def scaler(g: Graph, n: Node) -> Value:
    """Convert Scaler: `(x - offset) * scale`."""
    offset, scale = (np.array(n.attr(name), np.float32) for name in ("offset", "scale"))
    shifted = g.call("sub", n.tensor(0), g.constant(offset))
    return g.call("mul", shifted, g.constant(scale))


@converts("Normalizer", domain=ML)
def normalizer(g: Graph, n: Node) -> Value:
    """Convert Normalizer: by the largest, the sum of sizes, or the length; zeros stay zeros."""
    x, kind = n.tensor(0), n.attr("norm", "MAX")
    if kind == "MAX":
        norm = g.call("amax", g.call("abs", x), [-1], keepdim=True)
    else:
        order = {"L1": 1, "L2": 2}[kind]
        norm = g.call("linalg.vector_norm", x, order, -1, keepdim=True)
    return g.call(
        "div", x, g.call("where", g.call("eq", norm, 0.0), g.constant(np.float32(1)), norm)
    )
