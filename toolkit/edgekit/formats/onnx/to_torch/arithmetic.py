"""Elementwise maths, activations, comparison and matrix products."""

import math
from typing import Any

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Product, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts

# Ops that are one call of torch, operands in the same order.
SAME = {
    **{name: name.lower() for name in (
        "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Exp",
        "Floor", "Log", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin",
        "Sinh", "Sqrt", "Tan", "Tanh", "Sub", "Less", "Greater", "IsNaN", "Where",
    )},
    "Softplus": "nn.softplus",
    "Softsign": "nn.softsign",
    "HardSwish": "nn.hardswish",
    "Mish": "nn.mish",
    "Equal": "eq",
    "LessOrEqual": "le",
    "GreaterOrEqual": "ge",
    "And": "logical_and",
    "Or": "logical_or",
    "Xor": "logical_xor",
    "Not": "logical_not",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
    "BitwiseNot": "bitwise_not",
}  # fmt: skip

VARIADIC = {"Max": "maximum", "Min": "minimum", "Sum": "add", "Mean": "add"}

# Constants arrive as float32, written by some exporters with six digits.
CLOSE = 1e-4


@converts(*SAME)
def same(g: Graph, n: Node) -> Value:
    """Convert an op that torch has too."""
    return g.call(SAME[n.op], *(n.tensor(i) for i in range(len(n.inputs))))


@converts(*VARIADIC)
def variadic(g: Graph, n: Node) -> Value:
    """Fold any number of operands pairwise."""
    result = n.tensor(0)
    for i in range(1, len(n.inputs)):
        result = g.call(VARIADIC[n.op], result, n.tensor(i))
    return g.call("div", result, len(n.inputs)) if n.op == "Mean" else result


@converts("Add")
def add(g: Graph, n: Node) -> Value:
    """Convert Add; a bias goes into the matrix product before it."""
    a, b = n.tensor(0), n.tensor(1)
    for left, right in ((a, b), (b, a)):
        if left.linear and right.is_constant and _is_bias(right, left):
            x, weight = left.linear
            return g.call("nn.linear", x, weight, g.constant(right.data.reshape(-1)))
        if left.erf_of is not None and right.scalar == 1.0:
            result = g.call("add", a, b)
            result.product = Product(left.erf_of, 1.0, 0, 1)
            return result
    return g.call("add", a, b)


def _is_bias(value: Value, product: Value) -> bool:
    features = product.shape[-1]
    return value.shape[-1:] == (features,) and value.data.numel() == features


@converts("Pow")
def power(g: Graph, n: Node) -> Value:
    """Convert Pow; a square is a product, which every backend has."""
    x, exponent = n.tensor(0), n.tensor(1)
    if exponent.scalar == 2:
        return g.call("mul", x, x)
    if exponent.scalar is not None and x.is_float:
        return g.call("pow", x, exponent.scalar)
    result = g.call("pow", x, exponent)
    return result if result.dtype == x.dtype else g.call("ops.aten.to.dtype", result, x.dtype)


@converts("Mul")
def mul(g: Graph, n: Node) -> Value:
    """Convert Mul; `x * (1 + erf(x / sqrt 2)) / 2`, in any order, is a GELU."""
    a, b = n.tensor(0), n.tensor(1)
    return _multiply(g, g.call("mul", a, b), _product(a), _product(b))


@converts("Div")
def div(g: Graph, n: Node) -> Value:
    """Convert Div; whole numbers are divided towards zero."""
    a, b = n.tensor(0), n.tensor(1)
    if not a.is_float:
        return g.call("div", a, b, rounding_mode="trunc")
    inverse = b.scalar and Product(b, 1 / b.scalar, 0, 0)
    return _multiply(g, g.call("div", a, b), _product(a), inverse or None)


def _product(value: Value) -> Product:
    if value.scalar is not None:
        return Product(value, value.scalar, 0, 0)
    return value.product or Product(value, 1.0, 1, 0)


def _multiply(g: Graph, result: Value, a: Product, b: Product | None) -> Value:
    """Note on `result` what it is a product of, and return it, or the GELU that it is."""
    is_number = b is not None and not (b.power or b.cdf)
    if b is None or (a.base is not b.base and not is_number and (a.power or a.cdf)):
        return result
    base = b.base if not (a.power or a.cdf) else a.base
    found = Product(base, a.factor * b.factor, a.power + b.power, a.cdf + b.cdf)
    if (found.power, found.cdf) == (1, 1) and math.isclose(found.factor, 0.5, rel_tol=CLOSE):
        return g.call("nn.gelu", base)
    result.product = found
    return result


@converts("Erf")
def erf(g: Graph, n: Node) -> Value:
    """Convert Erf, noting where it may become a GELU."""
    result = g.call("erf", n.tensor(0))
    found = _product(n.tensor(0))
    is_scaled = math.isclose(found.factor, math.sqrt(0.5), rel_tol=CLOSE)
    if is_scaled and (found.power, found.cdf) == (1, 0):
        result.erf_of = found.base
    return result


@converts("Gelu")
def gelu(g: Graph, n: Node) -> Value:
    """Convert Gelu, exact or by tanh."""
    return g.call("nn.gelu", n.tensor(0), approximate=n.attr("approximate", "none"))


@converts("Gelu", "FastGelu", "QuickGelu", domain="com.microsoft")
def runtime_gelu(g: Graph, n: Node) -> Value:
    """Convert ONNX Runtime's own fused activations."""
    x = n.tensor(0)
    if n.op == "QuickGelu":
        return g.call("mul", x, g.call("sigmoid", g.call("mul", x, n.attr("alpha", 1.702))))
    bias = n.optional(1)
    x = x if bias is None else g.call("add", x, bias)
    return g.call("nn.gelu", x, approximate="tanh" if n.op == "FastGelu" else "none")


@converts("Clip")
def clip(g: Graph, n: Node) -> Value:
    """Convert Clip: ReLU and hardtanh where it is one, for they fuse into what is before."""
    x = n.tensor(0)
    if any(value is not None and not value.is_constant for value in n.inputs[1:]):
        return _clip_to_computed(g, n)
    low, high = n.number(1, -math.inf), n.number(2, math.inf)
    if not x.is_float:
        limits = {k: int(v) for k, v in (("min", low), ("max", high)) if math.isfinite(v)}
        return g.call("clamp", x, **limits) if limits else x
    # Some exporters write the largest float for "no limit".
    is_open_above = high > 1e38
    if low == 0 and is_open_above:
        return g.call("relu", x)
    if low < -1e38 or is_open_above:
        return g.call("clamp", x, min=low, max=high)
    return g.call("nn.hardtanh", x, low, high)


def _clip_to_computed(g: Graph, n: Node) -> Value:
    """Limit by tensors: the upper limit last, for it wins where they cross."""
    result = n.tensor(0)
    for i, name in ((1, "maximum"), (2, "minimum")):
        limit = n.optional(i)
        if limit is not None:
            result = g.call(name, result, limit)
    return result


@converts("LeakyRelu")
def leaky_relu(g: Graph, n: Node) -> Value:
    """Convert LeakyRelu."""
    return g.call("nn.leaky_relu", n.tensor(0), n.attr("alpha", 0.01))


@converts("Elu", "Celu")
def elu(g: Graph, n: Node) -> Value:
    """Convert Elu and Celu."""
    return g.call(f"nn.{n.op.lower()}", n.tensor(0), n.attr("alpha", 1.0))


@converts("Selu")
def selu(g: Graph, n: Node) -> Value:
    """Convert Selu; other coefficients than the paper's are an Elu with a factor."""
    alpha, gamma = n.attr("alpha", 1.6732632), n.attr("gamma", 1.0507010)
    if math.isclose(alpha, 1.6732632, rel_tol=1e-6) and math.isclose(gamma, 1.050701, rel_tol=1e-6):
        return g.call("selu", n.tensor(0))
    return g.call("mul", g.call("nn.elu", n.tensor(0), alpha), gamma)


@converts("PRelu")
def prelu(g: Graph, n: Node) -> Value:
    """Convert PRelu; a slope per channel is torch's own."""
    x, slope = n.tensor(0), n.tensor(1)
    channels = x.shape[1] if x.ndim > 1 else 1
    per_channel = (channels, *(1,) * (x.ndim - 2))
    if slope.is_constant and slope.data.numel() == 1:
        return g.call("prelu", x, g.constant(slope.data.reshape(1)))
    if slope.is_constant and x.ndim > 1 and slope.shape in {per_channel, (1, *per_channel)}:
        return g.call("prelu", x, g.constant(slope.data.reshape(-1)))
    negative = g.call("mul", g.call("clamp", x, max=0.0), slope)
    return g.call("add", g.call("relu", x), negative)


@converts("HardSigmoid")
def hard_sigmoid(g: Graph, n: Node) -> Value:
    """Convert HardSigmoid: `clip(alpha x + beta, 0, 1)`."""
    alpha, beta = n.attr("alpha", 0.2), n.attr("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=CLOSE) and beta == 0.5:
        return g.call("nn.hardsigmoid", n.tensor(0))
    line = g.call("add", g.call("mul", n.tensor(0), alpha), beta)
    return g.call("nn.hardtanh", line, 0.0, 1.0)


@converts("ThresholdedRelu")
def thresholded_relu(g: Graph, n: Node) -> Value:
    """Convert ThresholdedRelu: `x` where above alpha, else 0."""
    return g.call("nn.threshold", n.tensor(0), n.attr("alpha", 1.0), 0.0)


@converts("Shrink")
def shrink(g: Graph, n: Node) -> Value:
    """Convert Shrink, hard or soft."""
    size, bias = n.attr("lambd", 0.5), n.attr("bias", 0.0)
    if bias not in {0.0, size}:
        raise Unsupported(f"got bias {bias}, expected 0 or lambd ({size})")
    return g.call("nn.softshrink" if bias else "nn.hardshrink", n.tensor(0), size)


@converts("IsInf")
def is_inf(g: Graph, n: Node) -> Value:
    """Convert IsInf."""
    signs = bool(n.attr("detect_positive", 1)), bool(n.attr("detect_negative", 1))
    name = {(True, True): "isinf", (True, False): "isposinf", (False, True): "isneginf"}.get(signs)
    if name is None:
        raise Unsupported("it detects neither sign")
    return g.call(name, n.tensor(0))


@converts("Mod")
def mod(g: Graph, n: Node) -> Value:
    """Convert Mod: the sign of the divisor, or with fmod that of the dividend."""
    return g.call("fmod" if n.attr("fmod", 0) else "remainder", n.tensor(0), n.tensor(1))


@converts("Identity", "Dropout")
def identity(g: Graph, n: Node) -> Value:
    """Pass the operand on: dropout does nothing at inference."""
    del g
    if n.op == "Dropout" and n.optional(2) is not None and n.tensor(2).scalar != 0.0:
        raise Unsupported("it is in training mode")
    return n.tensor(0)


@converts("Cast", "CastLike")
def cast(g: Graph, n: Node) -> Value:
    """Convert Cast."""
    dtype = g.dtype(n.attr("to")) if n.op == "Cast" else n.tensor(1).dtype
    x = n.tensor(0)
    return x if x.dtype == dtype else g.call("ops.aten.to.dtype", x, dtype)


@converts("MatMul")
def matmul(g: Graph, n: Node) -> Value:
    """Convert MatMul; by a constant matrix it is a linear layer."""
    x, weight = n.tensor(0), n.tensor(1)
    if not weight.is_constant or weight.ndim != 2 or x.ndim < 2 or x.is_constant:
        return g.call("matmul", x, weight)
    turned = g.constant(weight.data.t())
    result = g.call("nn.linear", x, turned)
    result.linear = (x, turned)
    return result


@converts("Gemm")
def gemm(g: Graph, n: Node) -> Value:
    """Convert Gemm: `alpha A B + beta C`; by a constant matrix it is a linear layer."""
    a = g.call("t", n.tensor(0)) if n.attr("transA", 0) else n.tensor(0)
    b = n.tensor(1) if n.attr("transB", 0) else g.call("t", n.tensor(1))
    b = _scaled(g, b, n.attr("alpha", 1.0))
    c = n.optional(2)
    c = None if c is None else _scaled(g, c, n.attr("beta", 1.0))
    features = b.shape[0]
    if c is not None and c.is_constant and c.data.numel() in {1, features} and c.ndim < 3:
        is_row = c.data.numel() == 1 or c.shape[-1] == features
        if is_row:
            return g.call("nn.linear", a, b, g.constant(c.data.reshape(-1).expand(features)))
    result = g.call("nn.linear", a, b)
    return result if c is None else g.call("add", result, c)


def _scaled(g: Graph, value: Value, factor: Any) -> Value:
    return value if factor == 1.0 else g.call("mul", value, factor)


@converts("Einsum")
def einsum(g: Graph, n: Node) -> Value:
    """Convert Einsum."""
    operands = [n.tensor(i) for i in range(len(n.inputs))]
    return g.call("einsum", n.attr("equation"), *operands)
