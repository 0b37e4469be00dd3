"""Quantized ONNX models as float32 ones: their weights dequantized, their roundings left out."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from edgekit.core.tensor import Array
from edgekit.errors import ModelLoadError
from edgekit.formats.onnx.file import graphs

# They move numbers about and compute none.
MOVING = {"MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather",
          "Concat", "Split", "Identity", "DepthToSpace", "SpaceToDepth",
          "Expand", "Tile"}  # fmt: skip
# What they give is never below 0.
NEVER_NEGATIVE = {"Relu", "Sigmoid", "Softmax", "HardSigmoid", "Abs"}
QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinear", "QAttention",
             "QGemm", "ConvInteger", "MatMulInteger", "MatMulNBits", "DynamicQuantize")  # fmt: skip


class _Rule(NamedTuple):
    """How a QLinear op is a float one: where its operands, each with scale and zero point, stand.

    `result` is where the output's scale stands, `bias` where a bias of int32, which has none.
    """

    op: str
    operands: tuple[int, ...]
    result: int
    bias: int | None = None


RULES = {
    "QLinearConv": _Rule("Conv", (0, 3), 6, 8),
    "QLinearMatMul": _Rule("MatMul", (0, 3), 6),
    "QGemm": _Rule("Gemm", (0, 3), 7, 6),
    "QLinearAdd": _Rule("Add", (0, 3), 6),
    "QLinearMul": _Rule("Mul", (0, 3), 6),
    "QLinearSigmoid": _Rule("Sigmoid", (0,), 3),
    "QLinearLeakyRelu": _Rule("LeakyRelu", (0,), 3),
    "QLinearGlobalAveragePool": _Rule("GlobalAveragePool", (0,), 3),
    "QLinearAveragePool": _Rule("AveragePool", (0,), 3),
}


class Undone(NamedTuple):
    """What was said of it, the `file` as it was, None where it was float, and scales by output.

    These have scale and zero point of each output that holds real numbers now, and in `file` none.
    """

    notes: tuple[str, ...] = ()
    file: Any = None
    scales: Mapping[str, tuple[Array, Array]] = MappingProxyType({})


def to_float(model: Any, path: Path) -> Undone:
    """Make a quantized model a float32 one, in place.

    Raises `ModelLoadError` naming the quantized operators that cannot be taken apart.
    """
    names = {node.op_type for graph in graphs(model) for node in graph.node}
    found = sorted(name for name in names if name.startswith(QUANTIZED))
    if not found:
        return Undone()
    file = type(model).FromString(model.SerializeToString())
    work = _Work(model.graph)
    for node in list(model.graph.node):
        work.take(node)
    work.finish()
    names = {node.op_type for graph in graphs(model) for node in graph.node}
    left = work.problems + [name for name in sorted(names) if name.startswith(QUANTIZED)]
    if left:
        raise ModelLoadError(
            f"got a model that is quantized already, and not by what can be undone: "
            f"{', '.join(left)}: {path}",
            "start from the float model",
        )
    note = (
        f"the file is quantized already ({', '.join(found)}): its weights were dequantized to "
        "float32 and its activations are no longer rounded, so that answers differ from the "
        "file's; a conversion from the float model loses less"
    )
    outputs = {item.name for item in model.graph.output}
    held = {name: pair for name, pair in work.scales.items() if name in outputs}
    return Undone((note,), file, held)


class _Work:
    """One graph, taken apart node by node.

    `scales` has, for each tensor that held quantized numbers and now holds real ones, by which
    scale and zero point it did.
    """

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.known = {tensor.name: tensor for tensor in graph.initializer}
        self.scales: dict[str, tuple[Array, Array]] = {}
        self.nodes: list[Any] = []
        self.made = 0
        self.by: dict[str, str] = {}
        self.problems: list[str] = []

    def take(self, node: Any) -> None:
        """Add what a node becomes in float32; a problem where it cannot be told."""
        take: Callable[[Any], None] | None = {
            "QuantizeLinear": self._quantize,
            "DequantizeLinear": self._dequantize,
            "DynamicQuantizeLinear": self._dynamic,
            "ConvInteger": self._integer,
            "MatMulInteger": self._integer,
            "QLinearConcat": self._concat,
        }.get(node.op_type)
        if take is None and node.op_type in RULES:
            take = self._by_rule
        try:
            (take or self._other)(node)
        except _Unclear as reason:
            self.problems.append(f"{node.op_type} at node '{node.name}' ({reason})")

    def finish(self) -> None:
        """Write the nodes, and what outputs have become, into the graph."""
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        for item in self.graph.output:
            if item.name in self.scales:
                item.type.tensor_type.elem_type = 1
        del self.graph.value_info[:]

    def _quantize(self, node: Any) -> None:
        x, y = node.input[0], node.output[0]
        if x in self.known:
            self.known[y] = self._constant(
                _quantized(self._value(x), *self._pair(node, 1), node), y
            )
        else:
            self._result(x, y, self._pair(node, 1))

    def _dequantize(self, node: Any) -> None:
        x, y = node.input[0], node.output[0]
        pair = self._pair(node, 1)
        if x in self.known:
            self._constant(_real(self._value(x), *pair, node), y)
        elif x in self.scales:
            self._check_scale(x, pair)
            self._add("Identity", [x], y)
        else:
            self._scaled(x, y, pair)

    def _scaled(self, x: str, y: str, pair: tuple[Array, Array]) -> None:
        """Spell out what a DequantizeLinear does, for numbers that come into the model."""
        if pair[0].size > 1:
            raise _Unclear("it has a scale for each channel of an input")
        real, moved = f"{y}/real", f"{y}/moved"
        self._add("Cast", [x], real, to=1)
        self._add("Sub", [real, self._number(pair[1].astype(np.float32))], moved)
        self._add("Mul", [moved, self._number(pair[0])], y)

    def _dynamic(self, node: Any) -> None:
        y, scale, zero = node.output
        self._add("Identity", [node.input[0]], y)
        self._constant(np.ones((), np.float32), scale)
        self._constant(np.zeros((), np.float32), zero)
        self.scales[y] = (np.ones(()), np.zeros(()))

    def _integer(self, node: Any) -> None:
        x, weight = node.input[:2]
        self._check_dynamic(x)
        if weight in self.known:
            zero = self._value(node.input[3]) if len(node.input) > 3 and node.input[3] else 0
            values = self._value(weight).astype(np.float32)
            zero = np.asarray(zero, np.float32)
            if node.op_type == "ConvInteger" and zero.ndim:
                zero = zero.reshape(-1, *(1,) * (values.ndim - 1))
            weight = self._number(values - zero)
        else:
            self._check_dynamic(weight)
        self._copy(node, node.op_type.removesuffix("Integer"), [x, weight], node.output[0])

    def _check_dynamic(self, name: str) -> None:
        """Refuse whole numbers but a DynamicQuantizeLinear's: the model itself multiplies these."""
        if name not in self.scales:
            raise _Unclear(f"'{name}' is not quantized by the model")
        scale, zero = self.scales[name]
        if (scale != 1).any() or zero.any():
            raise _Unclear(f"'{name}' is quantized by a scale that is fixed")

    def _check_scale(self, name: str, pair: tuple[Array, Array]) -> None:
        for written, read in zip(self.scales[name], pair, strict=True):
            if not np.array_equal(written.ravel(), read.ravel()):
                raise _Unclear("it reads by another scale than was written")

    def _by_rule(self, node: Any) -> None:
        rule = RULES[node.op_type]
        if any(item.name == "channels_last" and item.i for item in node.attribute):
            raise _Unclear("its channels are last")
        operands = [self._operand(node, i) for i in rule.operands]
        scale: Any = math.prod(self._pair(node, i + 1)[0] for i in rule.operands)
        if rule.bias is not None and len(node.input) > rule.bias and node.input[rule.bias]:
            alpha = next((item.f for item in node.attribute if item.name == "alpha"), 1.0)
            operands.append(self._number(self._value(node.input[rule.bias]) * scale * alpha))
        real = f"{node.output[0]}/exact"
        self._copy(node, rule.op, operands, real)
        if len(node.input) > rule.result and node.input[rule.result]:
            self._result(real, node.output[0], self._pair(node, rule.result))
        else:
            self._add("Identity", [real], node.output[0])

    def _operand(self, node: Any, index: int) -> str:
        """Return the real numbers of an operand whose scale and zero point stand behind it."""
        pair, name = self._pair(node, index + 1), str(node.input[index])
        if name in self.known:
            return self._number(_real(self._value(name), *pair, node, axis=_weight_axis(node)))
        if name in self.scales:
            self._check_scale(name, pair)
            return name
        real = f"{node.output[0]}/{index}"
        self._scaled(name, real, pair)
        return real

    def _concat(self, node: Any) -> None:
        parts = [self._operand(node, i) for i in range(2, len(node.input), 3)]
        self._copy(node, "Concat", parts, f"{node.output[0]}/exact")
        self._result(f"{node.output[0]}/exact", node.output[0], self._pair(node, 0))

    def _other(self, node: Any) -> None:
        held = [name for name in node.input if name in self.scales]
        if held and node.op_type not in MOVING:
            raise _Unclear(f"it reads the quantized numbers '{held[0]}'")
        for name in node.output if held else ():
            self.scales[name] = self.scales[held[0]]
        self._keep(node)

    def _result(self, x: str, y: str, pair: tuple[Array, Array]) -> None:
        """Note that `y` is `x`, once quantized; limit it where the quantizer took a ReLU in."""
        scale, zero = pair
        self.scales[y] = pair
        limits = np.iinfo(zero.dtype) if zero.dtype.kind in "iu" else None
        if (
            limits is None
            or zero.size > 1
            or zero != limits.min
            or self.by.get(x) in NEVER_NEGATIVE
        ):
            self._add("Identity", [x], y)
        else:
            top = np.asarray((limits.max - int(zero)) * scale, np.float32)
            self._add("Clip", [x, self._number(np.zeros((), np.float32)), self._number(top)], y)

    def _pair(self, node: Any, index: int) -> tuple[Array, Array]:
        """Return the scale and the zero point that stand at `index` of a node's operands."""
        scale = self._value(node.input[index])
        name = node.input[index + 1] if len(node.input) > index + 1 else ""
        if name:
            return scale, self._value(name)
        return scale, np.zeros_like(scale, np.uint8)

    def _value(self, name: str) -> Array:
        import onnx

        if name not in self.known:
            raise _Unclear(f"'{name}' is computed by the model")
        return np.asarray(onnx.numpy_helper.to_array(self.known[name]))

    def _number(self, values: Array) -> str:
        self.made += 1
        return str(self._constant(values, f"real/{self.made}").name)

    def _constant(self, values: Array, name: str) -> Any:
        import onnx

        values = np.asarray(values)
        values = values.astype(np.float32) if values.dtype == np.float64 else values
        self.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
        self.known[name] = self.graph.initializer[-1]
        return self.known[name]

    def _add(self, op: str, operands: list[str], result: str, **attributes: Any) -> None:
        import onnx

        self._keep(onnx.helper.make_node(op, operands, [result], **attributes))

    def _copy(self, node: Any, op: str, operands: list[str], result: str) -> None:
        """Add `op` with the attributes of `node`."""
        self._add(op, operands, result)
        self.nodes[-1].attribute.extend(a for a in node.attribute if a.name != "channels_last")

    def _keep(self, node: Any) -> None:
        if node.op_type == "Constant" and len(node.attribute) and node.attribute[0].HasField("t"):
            self.known[node.output[0]] = node.attribute[0].t
        self.nodes.append(node)
        self.by.update(dict.fromkeys(node.output, node.op_type))


class _Unclear(Exception):  # noqa: N818
    """Why a node cannot be taken apart."""


def _weight_axis(node: Any) -> int:
    """Return where the channels of a weight are, each of which may have a scale of its own."""
    is_turned = any(item.name == "transB" and item.i for item in node.attribute)
    return 0 if node.op_type == "QLinearConv" or is_turned else -1


def _shaped(values: Array, node: Any, like: Array, axis: int | None) -> Array:
    """Return scales or zero points so that they stand beside the elements that they are for."""
    attributes = {item.name: item.i for item in node.attribute}
    if values.size == 1:
        return values.reshape(())
    axis = attributes.get("axis", 1) if axis is None else axis
    if attributes.get("block_size"):
        repeated = np.repeat(values, attributes["block_size"], axis)
        return np.take(repeated, range(like.shape[axis]), axis)
    sides = [1] * like.ndim
    sides[axis] = -1
    return values.reshape(sides)


def _real(values: Array, scale: Array, zero: Array, node: Any, axis: int | None = None) -> Array:
    """Return `(values - zero) * scale`."""
    parts = [_shaped(v.astype(np.float32), node, values, axis) for v in (zero, scale)]
    return np.asarray((values.astype(np.float32) - parts[0]) * parts[1])


def _quantized(values: Array, scale: Array, zero: Array, node: Any) -> Array:
    """Return `round(values / scale) + zero`, within what the zero point's type holds."""
    parts = [_shaped(v, node, values, None) for v in (scale, zero)]
    limits = np.iinfo(zero.dtype)
    rounded = np.rint(values / parts[0]) + parts[1].astype(np.float32)
    return np.asarray(np.clip(rounded, limits.min, limits.max), zero.dtype)
