"""Reading `.onnx` files: what is refused, and what is made of the rest."""

import numpy as np
import pytest

from edgekit.errors import ModelLoadError
from edgekit.formats.onnx import file as onnx_file
from edgekit.formats.onnx import inspector, loader, prepare

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def make(path, nodes=None, inputs=None, opset=17, constants=(), outputs=None):
    helper = onnx.helper
    nodes = [helper.make_node("Relu", ["x"], ["y"])] if nodes is None else nodes
    inputs = inputs or {"x": ["batch", 4]}
    # The checker wants a rank at the border, whatever the sizes.
    outputs = outputs or {"y": [None] * len(next(iter(inputs.values())))}
    infos = [
        helper.make_tensor_value_info(n, 1, s) if not isinstance(s, tuple)
        else helper.make_tensor_value_info(n, s[0], s[1])
        for group in (inputs, outputs) for n, s in group.items()
    ]  # fmt: skip
    graph = helper.make_graph(nodes, "g", infos[: len(inputs)], infos[len(inputs) :], constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="test"
    )
    onnx.save(model, path)
    return path


def refused(path, *texts, shape=None):
    with pytest.raises(ModelLoadError) as caught:
        prepare.prepare(path, ((shape,),) if shape else ())
    for text in texts:
        assert text in caught.value.message
    assert caught.value.hint


def test_the_batch_becomes_one_and_stays_open_in_the_original(tmp_path):
    found = prepare.prepare(make(tmp_path / "m.onnx"))
    assert found.inputs[0].shape == found.outputs[0].shape == (-1, 4)
    assert onnx_file.inputs_of(found.static)[0].shape == (1, 4)
    assert found.notes == ()


def test_a_batch_that_is_only_declared_is_fed_one_by_one(tmp_path):
    node = onnx.helper.make_node("Reshape", ["x", "s"], ["y"])
    shape = onnx.numpy_helper.from_array(np.array([1, 2, 2]), "s")
    path = make(tmp_path / "m.onnx", [node], constants=[shape], outputs={"y": [None] * 3})
    found = prepare.prepare(path)
    assert found.inputs[0].shape == (1, 4)
    assert found.outputs[0].shape == (1, 2, 2)


def test_constants_are_folded_to_standard_ops(tmp_path):
    helper = onnx.helper
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Reshape", ["x", "s"], ["r"]),
        helper.make_node("Relu", ["r"], ["y"]),
    ]
    found = prepare.prepare(make(tmp_path / "m.onnx", nodes))
    assert set(onnx_file.op_histogram(found.static)) <= {"Reshape", "Relu"}


def test_open_sizes_are_refused_by_name_or_closed_by_a_shape(tmp_path):
    path = make(tmp_path / "m.onnx", inputs={"x": ["n", 3, "height", "width"]})
    refused(path, "'x': height, width")
    refused(path, "--input 4,4 for input 'x' of shape (3, -1, -1)", shape=(4, 4))
    assert prepare.prepare(path, (((3, 8, 9),),)).inputs[0].shape == (-1, 3, 8, 9)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"x": [1, 0]}, "open dimensions in input 'x': number 1"),
        ({"x": [8, 4]}, "batch is fixed to 8"),
        ({"x": [1, 2**30]}, "expected at most"),
    ],
)
def test_inputs_that_cannot_be_fed(tmp_path, inputs, text):
    refused(make(tmp_path / "m.onnx", inputs=inputs), text)


def test_an_input_of_another_type(tmp_path):
    path = make(tmp_path / "m.onnx", inputs={"x": (13, [1, 4])}, outputs={"y": (13, [1, 4])})
    refused(path, "got inputs x: uint64", "expected float32, int32")


def test_a_quantized_model_is_inspected_as_it_is(tmp_path):
    scale = onnx.numpy_helper.from_array(np.array(0.1, np.float32), "s")
    nodes = [
        onnx.helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        onnx.helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    path = make(tmp_path / "m.onnx", nodes, constants=[scale])
    assert inspector.inspect(path).operators["QuantizeLinear"] == 1


def test_ops_of_other_domains(tmp_path):
    node = onnx.helper.make_node("Secret", ["x"], ["y"], domain="com.acme")
    path = tmp_path / "m.onnx"
    make(path, [node])
    model = onnx.load(path)
    model.opset_import.append(onnx.helper.make_opsetid("com.acme", 1))
    onnx.save(model, path)
    refused(path, "com.acme:Secret")


@pytest.mark.parametrize(
    "data", [b"\x00" * 40, b"not a model at all", b"\x08\x08", b"PK\x03\x04" * 20]
)
def test_what_is_no_model(tmp_path, data):
    (tmp_path / "m.onnx").write_bytes(data)
    refused(tmp_path / "m.onnx", "m.onnx")


def test_every_truncation_is_refused_or_read_never_a_raw_error(tmp_path):
    path = tmp_path / "m.onnx"
    weight = onnx.numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    data = make(path, [node], constants=[weight]).read_bytes()
    refusals = 0
    for keep in range(len(data)):
        path.write_bytes(data[:keep])
        try:
            prepare.prepare(path)
        except ModelLoadError as error:
            refusals += 1
            assert "m.onnx" in error.message
    assert refusals > 0.9 * len(data)


def external(folder, location, **entries):
    folder.mkdir()
    weight = onnx.numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=str(value))
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    return make(folder / "m.onnx", [node], constants=[weight])


def test_external_weights_in_the_folder(tmp_path):
    path = external(tmp_path / "m", "w.bin")
    (tmp_path / "m" / "w.bin").write_bytes(np.ones((4, 4), np.float32).tobytes())
    found = prepare.prepare(path)
    session = onnx_file.session(found.original, path)
    assert session.run(None, {"x": np.ones((1, 4), np.float32)})[0].tolist() == [[4, 4, 4, 4]]


@pytest.mark.parametrize("location", ["../w.bin", "a/../../w.bin", "link.bin", ""])
def test_external_weights_outside_the_folder(tmp_path, location):
    (tmp_path / "w.bin").write_bytes(bytes(64))
    path = external(tmp_path / "m", location)
    (tmp_path / "m" / "link.bin").symlink_to(tmp_path / "w.bin")
    refused(path, "outside the model's folder")


def test_external_weights_in_the_cache_of_hugging_face(tmp_path):
    path = external(tmp_path / "m", "w.bin")
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "rev"
    snapshot.mkdir(parents=True)
    path.parent.rename(blobs)
    (blobs / "0d1f").write_bytes(np.ones((4, 4), np.float32).tobytes())
    (blobs / "m.onnx").rename(blobs / "7ac3")
    (snapshot / "m.onnx").symlink_to(blobs / "7ac3")
    (snapshot / "w.bin").symlink_to(blobs / "0d1f")
    model = onnx_file.parse(snapshot / "m.onnx")
    assert (
        onnx.numpy_helper.to_array(model.graph.initializer[0]).tolist() == np.ones((4, 4)).tolist()
    )
    assert loader.companions(snapshot / "m.onnx") == (blobs / "0d1f",)
    (snapshot / "w.bin").unlink()
    (tmp_path / "w.bin").write_bytes(bytes(64))
    (snapshot / "w.bin").symlink_to(tmp_path / "w.bin")
    refused(snapshot / "m.onnx", "outside the model's folder")


def test_the_files_of_external_weights_are_named_without_parsing(tmp_path):
    for name in ("w.bin", "long" * 40):
        path = external(tmp_path / name[:4], name)
        assert loader.companions(path) == ()
        weights = tmp_path / name[:4] / name
        weights.write_bytes(bytes(64))
        assert loader.companions(path) == (weights,)
    assert loader.companions(external(tmp_path / "out", "../w.bin/w.bin")) == ()
    assert loader.companions(make(tmp_path / "m.onnx")) == ()


def test_external_weights_by_absolute_path_missing_or_cut(tmp_path):
    refused(external(tmp_path / "a", str(tmp_path / "a" / "w.bin")), "outside the model's folder")
    refused(external(tmp_path / "b", "w.bin"), "got no file w.bin")
    path = external(tmp_path / "c", "w.bin", length=64)
    (tmp_path / "c" / "w.bin").write_bytes(bytes(63))
    refused(path, "got 63 bytes in w.bin, expected 64")
    path = external(tmp_path / "d", "w.bin", offset="x")
    (tmp_path / "d" / "w.bin").write_bytes(bytes(64))
    refused(path, "broken .onnx file")


def test_what_a_file_says_about_itself(tmp_path):
    found = inspector.inspect(make(tmp_path / "m.onnx", outputs={"y": ["batch", 4]}))
    assert found.inputs[0].shape == (-1, 4)
    assert found.outputs[0].model_dump() == {
        "name": "y", "shape": (-1, 4), "dtype": "float32", "scale": None, "zero_point": None,
    }  # fmt: skip
    assert (found.operators, found.more["opsets"]) == ({"Relu": 1}, {"ai.onnx": 17})
    assert found.more["producer"] == "test"
