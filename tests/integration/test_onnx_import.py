"""Every converter of ONNX ops, held against ONNX Runtime on small seeded graphs."""

import math
from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import ModelLoadError
from edgekit.formats.onnx import file as onnx_file
from edgekit.formats.onnx import prepare

pytestmark = pytest.mark.torch
onnx = pytest.importorskip("onnx")

F32 = np.float32


def rand(*shape, low=-2.0, high=2.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(F32)


class Const:
    """An operand known while building."""

    def __init__(self, value, dtype=np.int64):
        self.array = np.asarray(value, dtype)


def k(*values):
    return Const(values)


def w(*shape, seed=1):
    return Const(rand(*shape, seed=seed), F32)


def one_op(op, operands, opset, outputs=1, domain="", **attributes):
    """Return a model of one node: arrays are its inputs, Const its initializers, None left out."""
    helper = onnx.helper
    inputs, constants, names = [], [], []
    for i, operand in enumerate(operands):
        name = "" if operand is None else f"in_{i}"
        names.append(name)
        if isinstance(operand, Const):
            constants.append(onnx.numpy_helper.from_array(operand.array, name))
        elif operand is not None:
            kind = helper.np_dtype_to_tensor_dtype(operand.dtype)
            inputs.append(helper.make_tensor_value_info(name, kind, operand.shape))
    results = [f"out_{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, name="the node", domain=domain, **attributes)
    infos = [onnx.ValueInfoProto(name=name) for name in results]
    graph = helper.make_graph([node], "test", inputs, infos, constants)
    imports = [helper.make_opsetid("", opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 3 if domain == prepare.ML else 1))
    model = helper.make_model(graph, opset_imports=imports)
    model.ir_version = 8
    return _with_outputs(model)


def _with_outputs(model):
    inferred = onnx.shape_inference.infer_shapes(model)
    for item, found in zip(model.graph.output, inferred.graph.output, strict=True):
        kind = found.type.tensor_type.elem_type or onnx.TensorProto.FLOAT
        item.type.tensor_type.elem_type = kind
    return model


def build(model):
    from edgekit.formats.onnx import to_torch

    return to_torch.to_module(onnx_file.fold(model, Path("test")))


def agrees(model, *arrays, tolerance=1e-5):
    """Hold module and exported program against ONNX Runtime; return the module."""
    import torch

    session = onnx_file.session(model, Path("test"))
    names = [item.name for item in session.get_inputs()]
    expected = session.run(None, dict(zip(names, arrays, strict=True)))
    module = build(model)
    tensors = tuple(torch.from_numpy(array) for array in arrays)
    for run in (module, torch.export.export(module, tensors).module()):
        got = run(*tensors)
        got = [got] if isinstance(got, torch.Tensor) else list(got)
        assert len(got) == len(expected)
        for mine, theirs in zip(got, expected, strict=True):
            assert tuple(mine.shape) == theirs.shape
            assert mine.detach().numpy().dtype == theirs.dtype
            np.testing.assert_allclose(
                mine.detach().numpy(), theirs, rtol=tolerance, atol=tolerance
            )
    return module


def calls(module):
    return [n.target.__name__ for n in module.graph.nodes if n.op == "call_function"]


def check(op, operands, opset=17, outputs=1, domain="", **attributes):
    model = one_op(op, operands, opset, outputs, domain, **attributes)
    arrays = [o for o in operands if isinstance(o, np.ndarray)]
    return agrees(model, *arrays)


UNARY = {
    "Abs": {}, "Acos": {"low": -1, "high": 1}, "Acosh": {"low": 1.1},
    "Asin": {"low": -1, "high": 1}, "Asinh": {}, "Atan": {}, "Atanh": {"low": -0.9,
    "high": 0.9}, "Ceil": {}, "Cos": {}, "Cosh": {},
    "Elu": {}, "Erf": {}, "Exp": {}, "Floor": {}, "HardSigmoid": {}, "Identity": {},
    "LeakyRelu": {}, "Log": {"low": 0.1}, "Neg": {}, "Reciprocal": {"low": 0.5}, "Relu": {},
    "Round": {}, "Selu": {},
    "Sigmoid": {}, "Sign": {}, "Sin": {}, "Sinh": {}, "Softplus": {}, "Softsign": {},
    "Sqrt": {"low": 0.1}, "Tan": {"low": -1, "high": 1}, "Tanh": {}, "ThresholdedRelu": {},
    "Celu": {}, "HardSwish": {}, "Shrink": {}, "IsNaN": {}, "IsInf": {},
    "GlobalAveragePool": {}, "GlobalMaxPool": {},
}  # fmt: skip


@pytest.mark.parametrize("op", UNARY)
def test_unary(op):
    check(op, [rand(1, 3, 4, 4, **UNARY[op])])


@pytest.mark.parametrize(
    ("op", "opset", "attributes"),
    [
        ("Elu", 17, {"alpha": 0.5}),
        ("Celu", 17, {"alpha": 0.5}),
        ("Selu", 17, {"alpha": 1.2, "gamma": 0.9}),
        ("LeakyRelu", 17, {"alpha": 0.3}),
        ("HardSigmoid", 17, {"alpha": 1 / 6, "beta": 0.5}),
        ("HardSigmoid", 17, {"alpha": 0.3, "beta": 0.4}),
        ("ThresholdedRelu", 17, {"alpha": 0.7}),
        ("Shrink", 17, {"lambd": 0.7, "bias": 0.7}),
        ("Mish", 18, {}),
        ("Gelu", 20, {}),
        ("Gelu", 20, {"approximate": "tanh"}),
        ("IsInf", 20, {"detect_negative": 0}),
        ("LRN", 17, {"size": 3, "alpha": 0.1, "beta": 0.6, "bias": 1.5}),
        ("LpNormalization", 17, {"p": 1, "axis": 1}),
        ("LpNormalization", 17, {"p": 2, "axis": -1}),
        ("Flatten", 17, {"axis": 2}),
        ("Flatten", 17, {"axis": 0}),
        ("Transpose", 17, {"perm": [0, 2, 3, 1]}),
        ("Transpose", 17, {}),
        ("DepthToSpace", 17, {"blocksize": 2}),
        ("DepthToSpace", 17, {"blocksize": 2, "mode": "CRD"}),
        ("SpaceToDepth", 17, {"blocksize": 2}),
        ("ArgMax", 17, {"axis": 1}),
        ("ArgMin", 17, {"axis": -1, "keepdims": 0}),
        ("Cast", 17, {"to": 6}),
        ("Cast", 17, {"to": 1}),
    ],
)  # fmt: skip
def test_with_attributes(op, opset, attributes):
    check(op, [rand(1, 8, 4, 6)], opset, **attributes)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("axis", [None, 1, -1])
def test_softmax_before_13_runs_over_all_axes_behind(op, opset, axis):
    check(op, [rand(1, 3, 4)], opset, **({} if axis is None else {"axis": axis}))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Pow", "Less", "Greater",
                                "LessOrEqual", "GreaterOrEqual", "Equal", "Max", "Min",
                                "Mean", "Sum"])  # fmt: skip
@pytest.mark.parametrize("constant", [True, False])
def test_two_operands(op, constant):
    a, b = rand(1, 3, 4, low=0.5), rand(3, 1, low=0.5, seed=1)
    check(op, [a, Const(b, F32) if constant else b])


def test_three_operands():
    check("Max", [rand(1, 4), rand(1, 4, seed=1), rand(1, 4, seed=2)])
    check("Mean", [rand(1, 4), rand(1, 4, seed=1), rand(1, 4, seed=2)])


@pytest.mark.parametrize("exponent", [2.0, 0.5, 3.0, -1.0])
def test_power_of_a_number(exponent):
    check("Pow", [rand(1, 4, low=0.5), Const(exponent, F32)])


def test_whole_numbers():
    a = np.array([[-7, 7, 5, -5]], np.int64)
    b = np.array([[2, -2, 3, 3]], np.int64)
    check("Div", [a, b])
    check("Mod", [a, b])
    check("Mod", [a, b], fmod=1)
    check("Clip", [a, Const(-5), Const(5)])
    check("Pow", [a, Const(2)])
    check("Pow", [a, b * 0 + 3])


def test_logic():
    a, b = np.array([[True, False, True]]), np.array([[True, True, False]])
    for op in ("And", "Or", "Xor"):
        check(op, [a, b])
    check("Not", [a])
    check("Where", [a, rand(1, 3), Const(0.5, F32)])
    bits = np.array([[3, 5, 6]], np.int32)
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        check(op, [bits, Const([[1, 2, 3]], np.int32)], 18)
    check("BitwiseNot", [bits], 18)


@pytest.mark.parametrize(
    ("low", "high", "becomes"),
    [(0, 6, "hardtanh"), (0, None, "relu"), (None, 1, "clamp"), (-1, 1, "hardtanh"),
     (0, 3.4028235e38, "relu")],
)  # fmt: skip
@pytest.mark.parametrize("opset", [11, 13])
def test_clip(low, high, becomes, opset):
    limits = [None if v is None else Const(v, F32) for v in (low, high)]
    limits = limits[:1] if limits[1] is None else limits
    module = check("Clip", [rand(1, 8, low=-8, high=8), *limits], opset)
    assert becomes in calls(module)[0]


@pytest.mark.parametrize("slope", [(1,), (3, 1, 1), (1, 3, 1, 1), (4,)])
def test_prelu(slope):
    check("PRelu", [rand(1, 3, 4, 4), w(*slope)])


@pytest.mark.parametrize("c", [None, w(5), w(1, 5), w(1), rand(2, 5, seed=3)])
@pytest.mark.parametrize(("trans_a", "trans_b"), [(0, 0), (0, 1), (1, 0)])
def test_gemm(c, trans_a, trans_b):
    a = rand(3, 2) if trans_a else rand(2, 3)
    b = w(5, 3) if trans_b else w(3, 5)
    operands = [a, b] if c is None else [a, b, c]
    module = check("Gemm", operands, transA=trans_a, transB=trans_b, alpha=0.5, beta=2.0)
    assert "linear" in calls(module)


@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (3, 5)), ((1, 4, 3), (3, 5)), ((3,), (3, 5)), ((2, 4, 3), (2, 3, 5))]
)
@pytest.mark.parametrize("constant", [True, False])
def test_matmul(a, b, constant):
    right = rand(*b, seed=1)
    module = check("MatMul", [rand(*a), Const(right, F32) if constant else right])
    assert calls(module) == ["linear" if constant and len(b) == 2 and len(a) > 1 else "matmul"]


def test_einsum():
    check("Einsum", [rand(2, 3, 4), rand(2, 4, 5)], equation="bij,bjk->bik")


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "attributes",
    [{}, {"strides": 2, "dilations": 2}, {"auto_pad": "SAME_UPPER", "strides": 2},
     {"auto_pad": "SAME_LOWER", "strides": 2}, {"auto_pad": "VALID"}, {"pads": (1, 1)},
     {"pads": (0, 1)}, {"group": 2}],
)  # fmt: skip
def test_conv(rank, attributes):
    attributes = dict(attributes)
    for name in ("strides", "dilations"):
        if name in attributes:
            attributes[name] = [attributes[name]] * rank
    if "pads" in attributes:
        before, after = attributes["pads"]
        attributes["pads"] = [before] * rank + [after] * rank
    weight = w(6, 4 // attributes.get("group", 1), *(3,) * rank)
    check("Conv", [rand(1, 4, *(8, 7, 6)[:rank]), weight, w(6)], **attributes)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "attributes",
    [{}, {"strides": 2, "output_padding": 1}, {"strides": 2, "pads": (1, 1)},
     {"strides": 2, "pads": (0, 1)}, {"strides": 2, "auto_pad": "SAME_UPPER"},
     {"strides": 2, "auto_pad": "SAME_LOWER"}, {"group": 2}, {"dilations": 2}],
)  # fmt: skip
def test_conv_transpose(rank, attributes):
    attributes = dict(attributes)
    for name in ("strides", "dilations", "output_padding"):
        if name in attributes:
            attributes[name] = [attributes[name]] * rank
    if "pads" in attributes:
        before, after = attributes["pads"]
        attributes["pads"] = [before] * rank + [after] * rank
    check("ConvTranspose", [rand(1, 4, *(5, 4, 3)[:rank]), w(4, 3, *(3,) * rank)], **attributes)


def test_conv_transpose_to_a_shape():
    check("ConvTranspose", [rand(1, 2, 4, 4), w(2, 3, 3, 3)], strides=[2, 2], output_shape=[8, 8])


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize(
    "attributes",
    [{}, {"stride": 2}, {"stride": 2, "ceil_mode": 1}, {"stride": 2, "pads": (1, 1)},
     {"stride": 2, "pads": (0, 1)}, {"stride": 2, "pads": (1, 1), "ceil_mode": 1},
     {"stride": 2, "auto_pad": "SAME_UPPER"}, {"stride": 2, "auto_pad": "SAME_LOWER"},
     {"stride": 3, "pads": (1, 0), "ceil_mode": 1}],
)  # fmt: skip
def test_pools(op, rank, size, attributes):
    attributes = dict(attributes)
    attributes["strides"] = [attributes.pop("stride", 1)] * rank
    if "pads" in attributes:
        before, after = attributes["pads"]
        attributes["pads"] = [before] * rank + [after] * rank
    x = rand(1, 2, *(size, 6, 5)[:rank], low=-3, high=-1)
    check(op, [x], kernel_shape=[3] * rank, **attributes)
    if op == "AveragePool":
        check(op, [x], kernel_shape=[3] * rank, count_include_pad=1, **attributes)


def test_max_pool_padding_is_finite_where_it_meets_a_quantizer():
    helper = onnx.helper
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node(
            "MaxPool", ["r"], ["y"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]
        ),
    ]
    info = helper.make_tensor_value_info("x", 1, [1, 2, 8, 8])
    graph = helper.make_graph(nodes, "t", [info], [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    module = agrees(_with_outputs(model), rand(1, 2, 8, 8))
    assert calls(module)[:2] == ["relu", "pad"]
    check("MaxPool", [rand(1, 2, 9, 9)], kernel_shape=[3, 3], dilations=[2, 2], pads=[0, 0, 1, 1])


def test_lp_pool():
    check("LpPool", [rand(1, 2, 8, 8)], kernel_shape=[2, 2], strides=[2, 2])


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd",
                                "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
                                "ReduceSumSquare"])  # fmt: skip
@pytest.mark.parametrize("opset", [11, 13, 17, 18, 20])
def test_reductions(op, opset):
    x = rand(1, 3, 4, 5, low=0.1)
    since = 13 if op == "ReduceSum" else 18
    for axes, keep in (([2, 3], 1), ([-1], 0), ([1, 2], 0)):
        if opset < since:
            check(op, [x], opset, axes=axes, keepdims=keep)
        else:
            check(op, [x, k(*axes)], opset, keepdims=keep)
    check(op, [x], opset)
    if opset >= since:
        check(op, [-x if "Log" not in op else x], opset, noop_with_empty_axes=1)


@pytest.mark.parametrize("opset", [11, 13, 20])
def test_squeeze_unsqueeze_and_split(opset):
    x = rand(1, 3, 1, 4)
    if opset < 13:
        check("Squeeze", [x], opset, axes=[2])
        check("Unsqueeze", [x], opset, axes=[0, -1])
        check("Split", [x], opset, outputs=2, axis=-1, split=[1, 3])
    else:
        check("Squeeze", [x, k(-2)], opset)
        check("Unsqueeze", [x, k(0, -1)], opset)
        check("Split", [x, k(1, 3)], opset, outputs=2, axis=-1)
    check("Squeeze", [x], opset)
    if opset < 18:
        check("Split", [x], opset, outputs=2, axis=-1)
    else:
        check("Split", [x], opset, outputs=2, axis=1, num_outputs=2)


def test_shapes():
    x = rand(1, 3, 4, 5)
    check("Reshape", [x, k(0, -1, 10)])
    check("Reshape", [x, k(60)])
    check("Expand", [rand(1, 3, 1), k(2, 1, 4)])
    check("Tile", [x, k(1, 2, 1, 3)])
    check("Concat", [x, x + 1, w(1, 2, 4, 5)], axis=1)
    check("Trilu", [rand(1, 4, 4)], upper=0)
    check("Trilu", [rand(1, 4, 4), Const(1)])
    check("CumSum", [x, Const(2)])
    check("Dropout", [x])


@pytest.mark.parametrize(
    "operands",
    [(k(1, 1), k(3, 4)), (k(0), k(2**62), k(-1)), (k(-1), k(-(2**62)), k(2), k(-1)),
     (k(1, 0), k(-1, 9), k(2, 3), k(2, 2)), (k(-3), k(-1), k(1))],
)  # fmt: skip
def test_slice(operands):
    x = rand(1, 4, 5, 6)
    check("Slice", [x, *operands])


def test_gather():
    x = rand(1, 4, 5)
    check("Gather", [x, Const(-1)], axis=1)
    check("Gather", [x, k(2, 0, -1)], axis=1)
    check("Gather", [x, Const([[0, 1], [2, 3]])], axis=2)
    check("Gather", [w(6, 3), np.array([[0, 5, 2]])])
    check("Gather", [w(2, 6, 3), np.array([[0, 5, 2]])], axis=1)
    check("GatherElements", [x, Const([[[0, -1], [2, 3], [1, 1]]])], axis=2)
    check("ScatterElements", [x, Const([[[0, 1]]]), w(1, 1, 2)], axis=2)
    check("TopK", [x, k(2)], outputs=2, axis=2)
    check("OneHot", [np.array([[0, 2, 1]]), k(3), Const([0, 5], F32)])


@pytest.mark.parametrize("opset", [11, 13, 18, 19])
def test_pad(opset):
    x = rand(1, 2, 5, 6)
    check("Pad", [x, k(0, 0, 1, 2, 0, 0, 0, 1)], opset)
    check("Pad", [x, k(0, 0, 1, 2, 0, 0, -1, 1), Const(0.5, F32)], opset)
    check("Pad", [x, k(0, 0, 1, 2, 0, 0, 0, 1)], opset, mode="reflect")
    check("Pad", [x, k(0, 1, 1, 2, 0, 0, 0, 1)], opset, mode="edge")
    if opset >= 18:
        check("Pad", [x, k(1, 2), None, k(-1)], opset, mode="edge")
    if opset >= 19:
        check("Pad", [x, k(0, 0, 1, 2, 0, 0, 0, 1)], opset, mode="wrap")


@pytest.mark.parametrize("opset", [11, 13, 18, 19])
@pytest.mark.parametrize("places", ["half_pixel", "asymmetric", "align_corners",
                                    "pytorch_half_pixel"])  # fmt: skip
@pytest.mark.parametrize("rule", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_resize_nearest(opset, places, rule):
    x = rand(1, 2, 6, 5)
    more = {"coordinate_transformation_mode": places, "nearest_mode": rule}
    empty = Const([], F32)
    check("Resize", [x, empty, Const([1, 1, 2, 2], F32)], opset, **more)
    check("Resize", [x, empty, empty, k(1, 2, 3, 7)], opset, **more)


@pytest.mark.parametrize("opset", [11, 13, 18, 19])
@pytest.mark.parametrize("places", ["half_pixel", "align_corners", "pytorch_half_pixel"])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_resize_smooth(opset, places, mode):
    more = {"coordinate_transformation_mode": places, "mode": mode}
    empty = Const([], F32)
    check("Resize", [rand(1, 2, 6, 5), empty, Const([1, 1, 2, 2], F32)], opset, **more)
    if opset >= 13:
        check("Resize", [rand(1, 2, 6, 5), None, None, k(1, 2, 9, 13)], opset, **more)
    if opset >= 18:
        check("Resize", [rand(1, 2, 6, 5), None, None, k(9, 13)], opset, axes=[2, 3], **more)


def test_nearest_by_whole_factors_is_torchs_own():
    more = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    module = check("Resize", [rand(1, 2, 6, 5), None, Const([1, 1, 2, 2], F32)], 13, **more)
    assert calls(module) == ["interpolate"]


@pytest.mark.parametrize("opset", [11, 14, 15])
def test_batch_normalization(opset):
    channels = [w(3), w(3, seed=2), w(3, seed=3), Const(rand(3, low=0.5), F32)]
    check("BatchNormalization", [rand(1, 3, 4, 4), *channels], opset, epsilon=1e-3)
    check("BatchNormalization", [rand(2, 3), *channels], opset)


def test_normalizations():
    x = rand(1, 4, 5, 6)
    check("InstanceNormalization", [x, w(4), w(4, seed=2)], 17, epsilon=1e-3)
    check("LayerNormalization", [x, w(6), w(6, seed=2)], 17)
    check("LayerNormalization", [x, w(5, 6)], 17, axis=-2)
    check("GroupNormalization", [x, w(2), w(2, seed=2)], 18, num_groups=2)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("opset", [11, 14])
@pytest.mark.parametrize("has_state", [True, False])
def test_recurrent(op, direction, opset, has_state):
    steps, batch, features, hidden = 4, 1, 3, 5
    count = 2 if direction == "bidirectional" else 1
    rows = {"LSTM": 4, "GRU": 3, "RNN": 1}[op] * hidden
    operands = [rand(steps, batch, features), w(count, rows, features), w(count, rows, hidden)]
    if has_state:
        operands += [w(count, 2 * rows), None, w(count, batch, hidden, seed=4)]
        operands += [w(count, batch, hidden, seed=5)] if op == "LSTM" else []
    more = {"linear_before_reset": 1} if op == "GRU" else {}
    outputs = 3 if op == "LSTM" else 2
    check(op, operands, opset, outputs, hidden_size=hidden, direction=direction, **more)


def test_the_other_gru_and_rnn():
    operands = [rand(4, 2, 3), w(1, 15, 3), w(1, 15, 5), w(1, 30)]
    check("GRU", operands, outputs=2, hidden_size=5)
    check("GRU", operands, outputs=2, hidden_size=5, direction="reverse")
    operands = [rand(4, 1, 3), w(1, 5, 3), w(1, 5, 5)]
    check("RNN", operands, outputs=2, hidden_size=5, activations=["Relu"])


def test_classical():
    ml = prepare.ML
    x = rand(1, 3)
    check("Scaler", [x], domain=ml, offset=[1.0, 2.0, 3.0], scale=[0.5, 1.0, 2.0])
    for norm in ("MAX", "L1", "L2"):
        check("Normalizer", [np.abs(x)], domain=ml, norm=norm)
    weights = [0.1, 0.2, 0.3, -0.4, 0.5, 0.6]
    check("LinearRegressor", [x], domain=ml, coefficients=weights, intercepts=[1.0, 2.0], targets=2)
    for transform in ("NONE", "SOFTMAX", "LOGISTIC"):
        check(
            "LinearClassifier", [x], outputs=2, domain=ml, coefficients=weights,
            intercepts=[1.0, 2.0], classlabels_ints=[0, 1], post_transform=transform,
        )  # fmt: skip


def gelu_graph(order):
    helper = onnx.helper
    scalar = {"half": 0.5, "one": 1.0, "root": math.sqrt(2), "inverse": math.sqrt(0.5)}
    constants = [onnx.numpy_helper.from_array(np.array(v, F32), n) for n, v in scalar.items()]
    steps = {
        "torch": [("Div", "x root a"), ("Erf", "a b"), ("Add", "b one c"), ("Mul", "x c d"),
                  ("Mul", "d half y")],
        "half first": [("Mul", "inverse x a"), ("Erf", "a b"), ("Add", "one b c"),
                       ("Mul", "x half d"), ("Mul", "d c y")],
        "half inside": [("Mul", "x inverse a"), ("Erf", "a b"), ("Add", "b one c"),
                        ("Mul", "half c d"), ("Mul", "x d y")],
    }[order]  # fmt: skip
    nodes = [helper.make_node(op, text.split()[:-1], text.split()[-1:]) for op, text in steps]
    info = [helper.make_tensor_value_info(name, 1, [1, 7]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "gelu", info[:1], info[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("order", ["torch", "half first", "half inside"])
def test_a_spelled_out_gelu_is_found(order):
    assert calls(agrees(gelu_graph(order), rand(1, 7))) == ["gelu"]


@pytest.mark.parametrize(
    "text", ["x half a;a x b;b x y", "x one a;a half b;x b y", "x x a;a half b;b half y"]
)
def test_what_only_looks_like_a_gelu_stays_what_it_is(text):
    helper = onnx.helper
    model = gelu_graph("torch")
    nodes = [helper.make_node("Mul", p.split()[:-1], p.split()[-1:]) for p in text.split(";")]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert "gelu" not in calls(agrees(model, rand(1, 7)))


def test_a_bias_goes_into_the_matrix_product():
    helper = onnx.helper
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["b", "m"], ["y"]),
    ]
    info = [helper.make_tensor_value_info("x", 1, [1, 4, 3]),
            helper.make_tensor_value_info("y", 1, [1, 4, 5])]  # fmt: skip
    constants = [onnx.numpy_helper.from_array(c.array, n) for n, c in (("w", w(3, 5)), ("b", w(5)))]
    graph = helper.make_graph(nodes, "t", info[:1], info[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    assert calls(agrees(model, rand(1, 4, 3))) == ["linear"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: one_op("NonZero", [rand(1, 3)], 17), "NonZero (ai.onnx opset 17) at node"),
        (lambda: one_op("Reshape", [rand(1, 4), np.array([2, 2])], 17), "must be constant"),
        (lambda: one_op("Resize", [rand(1, 1, 4, 4), None, Const([1, 1, 2, 2], F32)], 13,
                        mode="linear", coordinate_transformation_mode="asymmetric"), "asymmetric"),
        (lambda: one_op("CumSum", [rand(1, 4), Const(1)], 17, reverse=1), "got reverse 1"),
    ],
)  # fmt: skip
def test_what_has_no_converter_is_refused_by_name(model, message):
    with pytest.raises(ModelLoadError) as caught:
        build(model())
    assert message in caught.value.message
    assert "out_0" in caught.value.message
    assert caught.value.hint


def test_all_that_is_unsupported_is_named_at_once():
    helper = onnx.helper
    nodes = [
        helper.make_node("NonZero", ["x"], ["a"], name="first"),
        helper.make_node("Cast", ["a"], ["b"], to=1),
        helper.make_node("Unique", ["x"], ["c"], name="second"),
    ]
    info = helper.make_tensor_value_info("x", 1, [1, 3])
    outputs = [helper.make_tensor_value_info(n, 1, None) for n in ("b", "c")]
    graph = helper.make_graph(nodes, "t", [info], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    with pytest.raises(ModelLoadError) as caught:
        build(model)
    for text in ("got 2 ONNX nodes", "'first'", "'second'", "giving c"):
        assert text in caught.value.message
