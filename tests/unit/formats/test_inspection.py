"""Looking at files, none of which needs a framework here: hand-made ones, whole, odd and broken."""

import importlib.metadata
import io
import json
import pickle
import zipfile

import pytest

from edgekit import formats
from edgekit.errors import MissingExtraError, ModelLoadError
from edgekit.formats import inspection


class Payload:
    """What a pickle would run when it is loaded."""

    def __reduce__(self):
        return open, ("payload-ran", "w")


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "payload-ran").exists()


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as out:
        for name, data in members.items():
            out.writestr(name, data)
    return path


def described(path):
    """Return the facts, found in this process, without a child."""
    kind = inspection.suffixes()[path.suffix.lower()]
    return formats.inspector(kind).inspect(path)


def safetensors():
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "I8", "shape": [4], "data_offsets": [24, 28]},
    }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(28)


@pytest.mark.parametrize("suffix", formats.loaded_suffixes())
def test_what_can_be_loaded_can_be_inspected(suffix):
    assert suffix in inspection.suffixes()


def test_upper_case_suffixes_and_copies_are_the_same(assets, tmp_path):
    data = (assets / "tiny-fp32.tflite").read_bytes()
    for name in ("m.tflite", "M.TFLITE"):
        (tmp_path / name).write_bytes(data)
    small, large = (inspection.inspect(tmp_path / name) for name in ("m.tflite", "M.TFLITE"))
    assert small.model_copy(update={"path": large.path}) == large
    assert large.facts.inputs[0].shape == (1, 8, 8, 1)
    assert large.size_bytes == len(data)


def test_weights_are_counted_by_their_header(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors())
    facts = described(path)
    assert facts.format == "safetensors"
    assert facts.more == {"tensors": 2, "elements": 10, "tensor_types": {"F32": 1, "I8": 1}}
    path.write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(ModelLoadError, match="a header of 1099511627776 bytes"):
        described(path)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt"])
def test_a_checkpoint_says_what_it_would_look_up_and_runs_nothing(tmp_path, suffix):
    data = pickle.dumps({"epoch": 3, "evil": Payload(), "list": [1, Payload()]}, protocol=2)
    facts = described(zipped(tmp_path / f"w{suffix}", {"w/data.pkl": data, "w/data/0": b"x"}))
    assert facts.more["pickle_globals"] in {("io open",), ("_io open",)}
    assert (facts.more["members"], facts.more["tensors"]) == (2, 0)
    assert facts.operators is None


def test_pickles_in_a_row_are_a_checkpoint_from_before_zips(tmp_path):
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"evil": Payload()}, [])
    path = tmp_path / "old.pth"
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts) + bytes(9))
    assert described(path).more["pickle_globals"] in {("io open",), ("_io open",)}
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(ModelLoadError, match="no whole PyTorch archive"):
        described(path)


def test_a_torchserve_archive_is_looked_through(tmp_path):
    manifest = {"model": {"serializedFile": "w.safetensors", "handler": "evil.py"}}
    members = {"MAR-INF/MANIFEST.json": json.dumps(manifest), "w.safetensors": safetensors()}
    facts = described(zipped(tmp_path / "m.mar", {**members, "evil.py": "open('payload-ran','w')"}))
    assert facts.format == "safetensors"
    assert (facts.more["archive"], facts.more["serialized_file"]) == ("TorchServe", "w.safetensors")
    with pytest.raises(ModelLoadError, match="no whole TorchServe archive"):
        described(zipped(tmp_path / "x.mar", {"a": "b"}))


@pytest.mark.parametrize("name", ["m.ts", "m.torchscript", "m.ptl", "m.pt"])
def test_torchscript_is_known_under_every_suffix(tmp_path, name):
    code = b"def forward(self, x):\n  return torch.relu(torch.relu(ops.quantized.add(x, x)))\n"
    members = {
        "m/code/__torch__/net.py": code,
        "m/constants.pkl": pickle.dumps((), protocol=2),
        "m/data.pkl": pickle.dumps(Payload(), protocol=2),
    }
    facts = described(zipped(tmp_path / name, members))
    assert facts.format == "torchscript"
    assert facts.operators == {"ops.quantized.add": 1, "torch.relu": 2}
    assert facts.more["pickle_globals"] in {("io open",), ("_io open",)}


def test_a_programs_graph_is_read_and_an_odd_one_is_no_bug(tmp_path):
    size = {"as_expr": {"expr_str": "__import__('os').system('touch payload-ran')"}}
    tensors = {
        "x": {"dtype": 7, "sizes": [size, {"as_int": 3}]},
        "y": {"dtype": 5, "sizes": [{"as_int": 1}]},
    }
    argument = {"arg": {"as_tensor": {"name": "x"}}}
    graph = {"nodes": [{"target": "torch.ops.aten.relu.default"}], "tensor_values": tensors}
    signature = {
        "input_specs": [{"parameter": {"arg": {"name": "w"}}}, {"user_input": argument}],
        "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": "y"}}}}],
    }
    document = {"graph_module": {"graph": graph, "signature": signature}, "torch_version": "9.9"}
    path = zipped(tmp_path / "m.pt2", {"m/models/model.json": json.dumps(document)})
    facts = described(path)
    assert [(spec.name, spec.shape, spec.dtype) for spec in facts.inputs + facts.outputs] == [
        ("x", (-1, 3), "float32"),
        ("y", (1,), "int64"),
    ]
    assert facts.operators == {"aten.relu.default": 1}
    assert facts.more["saved_by"] == "torch 9.9"
    tensors["x"]["dtype"] = 999
    with pytest.raises(ModelLoadError, match="no whole PyTorch archive"):
        described(zipped(path, {"m/models/model.json": json.dumps(document)}))


def keras(path, config):
    metadata = json.dumps({"keras_version": "3.0.0"})
    return zipped(path, {"config.json": json.dumps(config), "metadata.json": metadata})


def layer(name, shape, dtype="float32", key="batch_shape"):
    config = {"name": name, key: shape, "dtype": dtype}
    return {"class_name": "InputLayer", "config": config}


def test_a_keras_files_inputs_come_in_the_models_order(tmp_path):
    policy = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    layers = [layer("b", [None, 3]), layer("a", [None, 8, 8, 1], policy, "batch_input_shape")]
    inner = {"layers": layers, "input_layers": [["a", 0, 0], ["b", 0, 0]]}
    facts = described(keras(tmp_path / "m.keras", {"class_name": "Functional", "config": inner}))
    assert [(spec.name, spec.shape, spec.dtype) for spec in facts.inputs] == [
        ("a", (-1, 8, 8, 1), "float16"),
        ("b", (-1, 3), "float32"),
    ]
    assert facts.outputs == ()
    assert facts.more["layers"] == {"InputLayer": 2}
    subclassed = {"class_name": "Mine", "config": {}, "build_config": {"input_shape": [None, 4]}}
    facts = described(keras(tmp_path / "m.keras", subclassed))
    assert (facts.inputs, facts.more["input_shape"]) == ((), (None, 4))


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "Functional", "config": {"layers": "none"}},
        {"class_name": "Functional", "config": {"layers": [{"class_name": "InputLayer"}]}},
        {"class_name": "Functional", "config": {"layers": [layer("x", [1], "\x1b[2J")]}},
        {"class_name": "X", "build_config": 3},
    ],
)
def test_an_odd_file_is_the_files_fault(tmp_path, config):
    path = keras(tmp_path / "m.keras", config)
    with pytest.raises(ModelLoadError, match=r"got a broken \.keras file"):
        inspection.describe(inspection._File(path=path, kind="keras"))


@pytest.mark.parametrize(
    ("name", "kind", "package"),
    [
        ("m.onnx", "onnx", "onnx"),
        ("m.ort", "ort", "onnxruntime"),
        ("m.mlpackage", "coreml", "coremltools"),
        ("m.h5", "keras", "h5py"),
        ("saved_model.pb", "savedmodel", "tensorflow"),
        ("tiny-fp32.pte", "executorch", "executorch"),
    ],
)
def test_a_missing_package_is_refused_by_name(assets, tmp_path, monkeypatch, name, kind, package):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    path = assets / name if (assets / name).exists() else tmp_path / name
    if not path.exists():
        path.write_bytes(b"x")
    with pytest.raises(MissingExtraError, match=f"'{package}'") as caught:
        inspection.describe(inspection._File(path=path, kind=kind))
    assert "pip install 'edgekit[" in caught.value.hint


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "m.bin").write_bytes(b"x")
    (tmp_path / "photos").mkdir()
    with pytest.raises(ModelLoadError, match=r"unknown kind '\.bin'") as caught:
        inspection.inspect(tmp_path / "m.bin")
    assert ".tflite" in caught.value.hint
    with pytest.raises(ModelLoadError, match="got a folder that is no model"):
        inspection.inspect(tmp_path / "photos")
    with pytest.raises(ModelLoadError, match="got no file"):
        inspection.inspect(tmp_path / "none.tflite")


def test_an_inert_reader_takes_whatever_a_pickle_does():
    from edgekit.formats.torchscript import pickles

    class Odd(dict):
        def __init__(self):
            super().__init__(a=1)
            self.attribute = {1, 2}

        def __reduce__(self):
            return list, ((1, 2),), {"attribute": 3}, iter([4]), iter([("k", 5)])

    reader = pickles.Inert(io.BytesIO(pickle.dumps({"odd": Odd()}, protocol=4)))
    assert list(reader.load()) == ["odd"]
