"""What is made of ONNX files that are not float32, samples first, of the opsets that are known."""

import numpy as np
import pytest
from onnx_graphs import made, node

from edgekit.errors import ModelLoadError
from edgekit.formats.onnx import file as onnx_file
from edgekit.formats.onnx import limits, opsets, prepare

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FLOAT, UINT8, INT32, INT64 = 1, 2, 6, 7


def one(path, op, opset=17, size=4, **attributes):
    nodes = [node(op, "x", "y", **attributes)]
    return made(path, nodes, {"x": (FLOAT, ["n", size])}, {"y": (FLOAT, ["n", None])}, opset=opset)


def run(found, **fed):
    return onnx_file.session(found.original, None).run(None, fed)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.onnx"


@pytest.mark.parametrize(("opset", "declared"), [(9, 11), (6, 11), (21, 21), (28, 26)])
def test_an_opset_in_which_nothing_differs_is_taken(path, opset, declared):
    found = prepare.prepare(one(path, "Relu", opset))
    assert found.static.opset_import[0].version == declared
    assert found.notes == ()


def test_an_older_opset_is_brought_up_and_said(path):
    found = prepare.prepare(one(path, "Pad", 9, pads=[0, 1, 0, 1]))
    assert found.static.opset_import[0].version == 11
    assert found.notes == ("opset 9 was brought to 11 by ONNX's version converter: Pad",)
    assert found.outputs[0].shape == (-1, 6)


def test_operators_of_the_newest_opsets_are_spelt_out(path):
    nodes = [node("RMSNormalization", "x s", "r"), node("Swish", "r", "w"),
             node("Attention", "w w w", "y", q_num_heads=1, kv_num_heads=1)]  # fmt: skip
    border = {"x": (FLOAT, [1, 3, 4])}, {"y": (FLOAT, [1, 3, 4])}
    made(path, nodes, *border, {"s": np.full(4, 2, np.float32)}, opset=24)
    found, x = prepare.prepare(path), np.random.default_rng(0).normal(size=(1, 3, 4))
    assert not set(opsets.SPELT_OUT) & set(onnx_file.op_histogram(found.static))
    got = onnx_file.session(found.static, path).run(None, {"x": x.astype(np.float32)})[0]
    np.testing.assert_allclose(got, run(found, x=x.astype(np.float32))[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("op", "opset"), [("Celu", 28), ("Dropout", 6)])
def test_other_opsets_are_refused_by_the_operators_that_differ(path, op, opset):
    with pytest.raises(ModelLoadError, match=f"got opset {opset} .* 7 to 26, .* differ: {op}:"):
        prepare.prepare(one(path, op, opset))


def test_what_the_version_converter_stops_at_is_named(path, monkeypatch):
    def stops(*_):
        msg = "No Adapter From Version 9 for Pad"
        raise RuntimeError(msg)

    monkeypatch.setattr("onnx.version_converter.convert_version", stops)
    with pytest.raises(ModelLoadError, match=r"where Pad differ: .*: No Adapter From Version 9"):
        prepare.prepare(one(path, "Pad", 9, pads=[0, 1, 0, 1]))


@pytest.mark.parametrize(("kind", "name"), [(10, "float16"), (16, "bfloat16"), (11, "float64")])
def test_other_precisions_become_float32(path, kind, name):
    half = onnx.helper.make_tensor("w", kind, [4, 4], np.eye(4, dtype=np.float32).ravel() / 2)
    nodes = [node("MatMul", "x w", "h"), node("Cast", "h", "y", to=kind)]
    made(path, nodes, {"x": (kind, ["n", 4])}, {"y": (kind, ["n", 4])})
    model = onnx.load(path)
    model.graph.initializer.append(half)
    onnx.save(model, path)
    found = prepare.prepare(path)
    assert found.inputs[0].dtype == found.outputs[0].dtype == "float32"
    assert found.notes[0].startswith(f"{name} became float32")
    np.testing.assert_array_equal(
        run(found, x=np.ones((2, 4), np.float32))[0], np.full((2, 4), 0.5)
    )


def test_nodes_in_another_order_are_put_in_order_and_a_cycle_is_refused(path):
    border = {"x": (FLOAT, ["n", 4])}, {"y": (FLOAT, ["n", 4])}
    found = prepare.prepare(made(path, [node("Relu", "h", "y"), node("Neg", "x", "h")], *border))
    assert found.notes == (onnx_file.SORTED_NOTE,)
    made(path, [node("Add", "h x", "y"), node("Neg", "y", "h")], *border)
    with pytest.raises(ModelLoadError, match=r"broken \.onnx file.*topologically sorted"):
        prepare.prepare(path)


def test_a_state_and_a_number_are_given_a_batch(path):
    nodes = [node("Mul", "x k", "h"), node("Add", "s h", "y")]
    inputs = {"x": (FLOAT, ["n", 4]), "s": (FLOAT, [2, "n", 4]), "k": (FLOAT, [])}
    found = prepare.prepare(made(path, nodes, inputs, {"y": (FLOAT, [2, "n", 4])}))
    assert [spec.shape for spec in found.inputs] == [(1, 4), (1, 2, 1, 4), (1,)]
    assert found.outputs[0].shape == (1, 2, 1, 4)
    assert "'s', 'k' had none" in found.notes[0]
    assert "output 'y' does not begin with it" in found.notes[1]


def test_one_row_of_numbers_is_one_sample(path):
    nodes = [node("MatMul", "x w", "y")]
    border = {"x": (FLOAT, [6])}, {"y": (FLOAT, [4])}
    found = prepare.prepare(made(path, nodes, *border, {"w": np.ones((6, 4), np.float32)}))
    assert (found.inputs[0].shape, found.outputs[0].shape) == ((1, 6), (1, 4))


def test_the_samples_of_an_output_come_first(path):
    found = prepare.prepare(one(path, "Transpose"))
    assert (found.inputs[0].shape, found.outputs[0].shape) == ((1, 4), (1, 4, 1))


def test_an_output_of_open_size_is_refused_by_its_operator_and_the_cut_helps(path):
    nodes = [node("Mul", "x x", "b"), node("Unsqueeze", "b z", "boxes"), node("Abs", "x", "a"),
             node("Unsqueeze", "a t", "scores"),
             node("NonMaxSuppression", "boxes scores m", "y")]  # fmt: skip
    constants = {"z": [1], "t": [2], "m": [3]}
    made(path, nodes, {"x": (FLOAT, [1, 4])}, {"y": (INT64, ["k", 3])}, constants)
    with pytest.raises(ModelLoadError, match="by NonMaxSuppression at node") as caught:
        prepare.prepare(path)
    call = caught.value.hint.partition("app: ")[2].replace("'m.onnx', 'cut.onnx'", "old, new")
    cut = path.with_name("cut.onnx")
    eval(call, {"onnx": onnx, "old": str(path), "new": str(cut)})
    assert [spec.name for spec in prepare.prepare(cut).outputs] == ["boxes", "scores"]


def test_what_picks_rows_says_which_there_are(path):
    nodes = [node("Cast", "x", "c", to=INT64), node("Gather", "w c", "g"),
             node("Unsqueeze", "z a", "u"), node("Equal", "u r", "e"),
             node("Cast", "e", "f", to=FLOAT), node("Cast", "b", "h", to=FLOAT)]  # fmt: skip
    constants = {"w": np.ones((9, 2), np.float32), "a": [-1], "r": np.arange(5, dtype=np.int32)}
    inputs = {"x": (INT32, [1, 3]), "z": (INT32, [1, 3]), "b": (UINT8, [1, 3])}
    outputs = {"g": (FLOAT, [1, 3, 2]), "f": (FLOAT, [1, 3, 5]), "h": (FLOAT, [1, 3])}
    found = prepare.prepare(made(path, nodes, inputs, outputs, constants))
    assert limits.of(found.static) == {"x": (0, 8), "z": (0, 4), "b": (0, 255)}


def test_an_output_that_only_one_sample_lacks_the_batch_of_fixes_it_to_1(path):
    nodes = [node("MatMul", "x w", "h"), node("Squeeze", "h", "y")]
    border = {"x": (FLOAT, ["n", 4])}, {"y": (FLOAT, ["n"])}
    found = prepare.prepare(made(path, nodes, *border, {"w": np.ones((4, 1), np.float32)}))
    assert (found.inputs[0].shape, found.outputs[0].shape) == ((1, 4), (1,))
    assert "output 'y' does not begin with it" in found.notes[0]
    np.testing.assert_array_equal(run(found, x=np.ones((1, 4), np.float32))[0], [4])


def test_numbers_far_apart_are_no_rows(path):
    far = np.array([0, 2**62], np.int64)
    nodes = [node("Equal", "x f", "e"), node("Cast", "e", "y", to=FLOAT)]
    border = {"x": (INT64, [1, 2])}, {"y": (FLOAT, [1, 2])}
    found = prepare.prepare(made(path, nodes, *border, {"f": far}))
    assert limits.of(found.static) == {}
