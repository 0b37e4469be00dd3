"""Quantized ONNX files as float32 models: held against the file in ONNX Runtime."""

import numpy as np
import pytest

from edgekit.errors import ModelLoadError
from edgekit.formats.onnx import file as onnx_file
from edgekit.formats.onnx import prepare

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore")
RNG = np.random.default_rng(0)


def node(op, ins, outs, **attributes):
    return onnx.helper.make_node(op, ins.split(), outs.split(), **attributes)


def made(path, nodes, shape, outputs, constants, opset=17):
    helper = onnx.helper
    known = [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    border = (
        [helper.make_tensor_value_info("x", 1, shape)],
        [helper.make_tensor_value_info(name, kind, ["n", None]) for name, kind in outputs.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "g", *border, known)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """Write a net with a residual, pools, a concatenation, a ReLU and a ReLU6."""

    def normal(*shape):
        return RNG.normal(0, 0.3, shape).astype(np.float32)

    nodes = [node("Conv", "x w1 b1", "c1", pads=[1] * 4), node("Relu", "c1", "r1"),
             node("Conv", "r1 w2 b2", "c2", pads=[1] * 4, group=4),
             node("Clip", "c2 low high", "k2"), node("Add", "r1 k2", "a"),
             node("MaxPool", "a", "m", kernel_shape=[2, 2], strides=[2, 2]),
             node("Concat", "m m", "cc", axis=1), node("GlobalAveragePool", "cc", "p"),
             node("Flatten", "p", "f"), node("Gemm", "f w3 b3", "y", transB=1)]  # fmt: skip
    constants = {"w1": normal(4, 3, 3, 3), "b1": normal(4), "w2": normal(4, 1, 3, 3),
                 "b2": normal(4) + 3, "w3": normal(5, 8), "b3": normal(5),
                 "low": np.float32(0), "high": np.float32(6)}  # fmt: skip
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    return made(path, nodes, ["n", 3, 8, 8], {"y": 1}, constants)


def samples(n=16):
    return np.random.default_rng(1).normal(size=(n, 3, 8, 8)).astype(np.float32)


def snr(path, x):
    """Return how far the float32 model is from the file that it was made of, in dB."""
    found = prepare.prepare(path)
    mine = onnx_file.session(found.static, path)
    theirs = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got, want = (np.concatenate([s.run(None, {"x": row[None]})[0] for row in x])
                 for s in (mine, theirs))  # fmt: skip
    assert any("quantized already" in note for note in found.notes)
    return 10 * np.log10((want**2).sum() / ((got - want) ** 2).sum())


@pytest.mark.parametrize("kind", ["QDQ", "QOperator"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("activations", ["QUInt8", "QInt8"])
def test_static(net, tmp_path, kind, per_channel, activations):
    from onnxruntime import quantization as q

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.rows = iter({"x": row[None]} for row in samples())

        def get_next(self):
            return next(self.rows, None)

    path = tmp_path / "m.onnx"
    q.quantize_static(
        net, path, Reader(), quant_format=getattr(q.QuantFormat, kind), per_channel=per_channel,
        activation_type=getattr(q.QuantType, activations), weight_type=q.QuantType.QInt8,
        extra_options={"ActivationSymmetric": activations == "QInt8"},
    )  # fmt: skip
    assert snr(path, samples()) > 30


@pytest.mark.parametrize("weights", ["QUInt8", "QInt8"])
def test_dynamic(net, tmp_path, weights):
    from onnxruntime import quantization as q

    path = tmp_path / "m.onnx"
    q.quantize_dynamic(net, path, weight_type=getattr(q.QuantType, weights))
    assert snr(path, samples()) > 35


def test_a_relu_inside_a_quantizer_stays(tmp_path):
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    constants = {"s": np.float32(0.1), "z": np.uint8(0)}
    found = prepare.prepare(made(tmp_path / "m.onnx", nodes, [1, 4], {"y": 1}, constants))
    x = np.array([[-3, 0.26, 7, 99]], np.float32)
    got = onnx_file.session(found.static, None).run(None, {"x": x})[0]
    np.testing.assert_allclose(got, [[0, 0.26, 7, 25.5]], rtol=1e-6)


def test_weights_in_blocks(tmp_path):
    numbers = RNG.integers(-8, 8, (6, 4)).astype(np.int8)
    scales = RNG.uniform(0.1, 1, (2, 4)).astype(np.float32)
    nodes = [node("DequantizeLinear", "w s", "r", axis=0, block_size=3), node("MatMul", "x r", "y")]
    path = made(tmp_path / "m.onnx", nodes, [1, 6], {"y": 1}, {"w": numbers, "s": scales}, opset=21)
    found = prepare.prepare(path)
    x = np.eye(6, dtype=np.float32)[2:3]
    got = onnx_file.session(found.static, path).run(None, {"x": x})[0]
    np.testing.assert_allclose(got[0], numbers[2] * scales[0], rtol=1e-6)


def test_an_input_of_quantized_numbers_stays_what_it_is(tmp_path):
    nodes = [node("DequantizeLinear", "x s z", "r"), node("Relu", "r", "y")]
    constants = {"s": np.float32(0.5), "z": np.uint8(3)}
    path = made(tmp_path / "m.onnx", nodes, [1, 4], {"y": 1}, constants)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = 2
    onnx.save(model, path)
    found = prepare.prepare(path)
    assert found.inputs[0].dtype == "uint8"
    x = np.array([[0, 3, 5, 255]], np.uint8)
    got = onnx_file.session(found.static, path).run(None, {"x": x})[0]
    np.testing.assert_array_equal(got, [[0, 0, 1, 126]])


def test_an_output_of_quantized_numbers_becomes_real(tmp_path):
    nodes = [node("QuantizeLinear", "x s z", "y")]
    constants = {"s": np.float32(0.1), "z": np.uint8(9)}
    found = prepare.prepare(made(tmp_path / "m.onnx", nodes, [1, 4], {"y": 2}, constants))
    assert found.outputs[0].dtype == "float32"


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([node("QuantizeLinear", "x s z", "q"), node("Cast", "q", "y", to=1)],
         "Cast at node '' (it reads the quantized numbers 'q')"),
        ([node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q t z", "y")],
         "it reads by another scale"),
        ([node("MatMulNBits", "x n s", "y", domain="com.microsoft", K=32, N=4, bits=4,
               block_size=32)], "MatMulNBits"),
    ],
)  # fmt: skip
def test_what_cannot_be_undone_is_refused_by_name(tmp_path, nodes, text):
    constants = {"s": np.float32(0.1), "t": np.float32(0.2), "z": np.uint8(9),
                 "n": np.zeros((4, 1, 16), np.uint8)}  # fmt: skip
    path = made(tmp_path / "m.onnx", nodes, [1, 32], {"y": 1}, constants)
    with pytest.raises(
        ModelLoadError, match="quantized already, and not by what can be undone"
    ) as e:
        prepare.prepare(path)
    assert text in e.value.message


def quantized_product(path, op, operands, constants, **attributes):
    """Write a product with weights of int8 behind a QuantizeLinear of scale 0.02."""
    nodes = [node("QuantizeLinear", "x s z", "q"), node(op, operands, "p", **attributes)]
    known = {"s": np.float32(0.02), "z": np.uint8(128),
             "w": np.arange(-10, 10, dtype=np.int8).reshape(4, 5)}  # fmt: skip
    return path, nodes, known | constants


def test_whole_numbers_of_a_fixed_scale_that_the_model_multiplies_are_refused(tmp_path):
    path, nodes, known = quantized_product(
        tmp_path / "m.onnx", "MatMulInteger", "q w z", {"k": np.float32(0.002)}
    )
    nodes += [node("Cast", "p", "c", to=1), node("Mul", "c k", "y")]
    made(path, nodes, [1, 4], {"y": 1}, known)
    with pytest.raises(ModelLoadError, match="'q' is quantized by a scale that is fixed"):
        prepare.prepare(path)


def test_an_operand_that_is_read_by_another_scale_is_refused(tmp_path):
    constants = {"t": np.float32(0.04), "v": np.float32(0.1), "n": np.int8(0)}
    path, nodes, known = quantized_product(
        tmp_path / "m.onnx", "QLinearMatMul", "q t z w v n s z", constants
    )
    made(path, [*nodes, node("DequantizeLinear", "p s z", "y")], [1, 4], {"y": 1}, known)
    with pytest.raises(ModelLoadError, match="it reads by another scale than was written"):
        prepare.prepare(path)


@pytest.mark.parametrize("alpha", [1.0, 0.25])
def test_the_bias_of_a_qgemm_is_scaled_by_its_alpha(tmp_path, alpha):
    bias = np.arange(-2, 3, dtype=np.int32) * 600
    constants = {"b": bias, "v": np.float32(0.1), "n": np.int8(0)}
    path, nodes, known = quantized_product(
        tmp_path / "m.onnx", "QGemm", "q s z w v n b", constants,
        domain="com.microsoft", alpha=alpha,
    )  # fmt: skip
    nodes[-1].output[0] = "y"
    found = prepare.prepare(made(path, nodes, [1, 4], {"y": 1}, known))
    x = np.array([[1, -0.5, 0.24, 0]], np.float32)
    got = onnx_file.session(found.static, path).run(None, {"x": x})[0]
    want = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    np.testing.assert_allclose(got, want[0], rtol=1e-4, atol=1e-5)


def test_a_float_model_that_answers_otherwise_is_refused(net, tmp_path, monkeypatch):
    from onnxruntime import quantization as q

    from edgekit.formats.onnx import dequantize

    path = tmp_path / "m.onnx"
    q.quantize_dynamic(net, path, weight_type=q.QuantType.QInt8)
    prepare.prepare(path)
    right = dequantize._Work._number

    def wrong(self, values):
        return right(self, values * 50 if values.ndim == 4 else values)

    monkeypatch.setattr(dequantize._Work, "_number", wrong)
    with pytest.raises(ModelLoadError, match=r"at output 'y' .* dB from noise, expected at least"):
        prepare.prepare(path)
