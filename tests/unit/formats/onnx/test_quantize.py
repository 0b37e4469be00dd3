"""What ONNX Runtime's quantizer cannot take as it is, and what it does not take at all."""

import numpy as np
import pytest

from edgekit.errors import ExportError
from edgekit.formats.onnx import quantize
from edgekit.pipeline import recipes

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore")
RNG = np.random.default_rng(0)


def net(path, opset, bias):
    """Write a convolution and a matrix product whose bias has this shape."""
    helper = onnx.helper
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"]),
             helper.make_node("Flatten", ["c"], ["f"]),
             helper.make_node("Gemm", ["f", "k", "e"], ["y"])]  # fmt: skip
    values = {"w": (4, 3, 3, 3), "b": (4,), "k": (16, 5), "e": bias}
    known = [onnx.numpy_helper.from_array(RNG.normal(size=v).astype(np.float32), k)
             for k, v in values.items()]  # fmt: skip
    border = [
        helper.make_tensor_value_info(n, 1, s) for n, s in (("x", [1, 3, 4, 4]), ("y", [1, 5]))
    ]
    graph = helper.make_graph(nodes, "g", border[:1], border[1:], known)
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def run(model, x):
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"x": row[None]})[0] for row in x])


@pytest.mark.parametrize(("opset", "bias"), [(11, (5,)), (12, (1, 5)), (17, (1, 5))])
@pytest.mark.parametrize("name", ["int8", "dynamic-int8"])
def test_older_opsets_and_biases_of_one_row(tmp_path, opset, bias, name):
    path = net(tmp_path / "m.onnx", opset, bias)
    x = RNG.normal(size=(16, 3, 4, 4)).astype(np.float32)
    recipe = recipes.parse(name, calibration_n=16)
    made = quantize.quantized(path, recipe, (x,), full_range=False)
    got, want = run(made.SerializeToString(), x), run(str(path), x)
    assert 10 * np.log10((want**2).sum() / ((got - want) ** 2).sum()) > 25


def test_a_bias_of_one_row_that_others_read_stays_theirs(tmp_path):
    path = net(tmp_path / "m.onnx", 17, (1, 5))
    model = onnx.load(path)
    model.graph.node.append(onnx.helper.make_node("Concat", ["y", "e"], ["z"], axis=0))
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("z", 1, [2, 5]))
    x = RNG.normal(size=(1, 3, 4, 4)).astype(np.float32)
    want = run(model.SerializeToString(), x)
    ready = quantize._ready(model, path)
    shapes = {tensor.name: [*tensor.dims] for tensor in ready.graph.initializer}
    assert (shapes["e"], shapes[ready.graph.node[2].input[2]]) == ([1, 5], [5])
    np.testing.assert_array_equal(run(ready.SerializeToString(), x), want)


def test_what_the_tools_raise_is_one_sentence_of_the_recipe(tmp_path, monkeypatch):
    def fails(*_, **__):
        msg = "ambiguous"
        raise ValueError(msg)

    monkeypatch.setattr("onnxruntime.quantization.quantize_dynamic", fails)
    path = net(tmp_path / "m.onnx", 17, (5,))
    with pytest.raises(
        ExportError, match="ValueError from ONNX Runtime's tools for dynamic-int8: amb"
    ):
        quantize.quantized(path, recipes.parse("dynamic-int8"), None, full_range=False)
