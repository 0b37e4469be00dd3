"""Inspecting what the frameworks really write: every suffix, folders, and what code builds."""

import json
import shutil
import zipfile

import pytest

from edgekit import formats
from edgekit.formats.inspection import inspect

pytestmark = [
    pytest.mark.tf,
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return one small model, or its weights, by suffix; folders by their names."""
    import keras
    import onnx
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("files")
    found = {}

    def at(suffix):
        found[suffix] = folder / f"m{suffix}"
        return str(found[suffix])

    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    sample = torch.zeros(2, 1, 8, 8)
    program = torch.export.export(
        module, (sample,), dynamic_shapes=({0: torch.export.Dim("batch", max=64)},)
    )
    torch.export.save(program, at(".pt2"))
    script = torch.jit.trace(module, sample)
    for suffix in (".ts", ".torchscript"):
        script.save(at(suffix))
    script._save_for_lite_interpreter(at(".ptl"))
    torch.save(module.state_dict(), at(".pt"))
    torch.save(module.state_dict(), at(".pth"), _use_new_zipfile_serialization=False)
    torch.save({"state_dict": module.state_dict(), "epoch": 3}, at(".ckpt"))
    torch.save(module.state_dict(), at(".pkl"))
    save_file(module.state_dict(), at(".safetensors"))
    with zipfile.ZipFile(at(".mar"), "w") as mar:
        manifest = {"model": {"serializedFile": "m.ts", "handler": "image_classifier"}}
        mar.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        mar.write(found[".ts"], "m.ts")

    image, facts = keras.Input((8, 8, 1), name="image"), keras.Input((3,), name="facts")
    both = keras.layers.Concatenate()([keras.layers.Flatten()(image), facts])
    model = keras.Model([image, facts], keras.layers.Dense(10)(both))
    for suffix in (".keras", ".h5", ".hdf5"):
        model.save(at(suffix))
    found["saved"], found[".pb"] = folder / "saved", folder / "saved" / "saved_model.pb"
    model.export(found["saved"], verbose=False)
    found["served"] = folder / "served"
    shutil.copytree(found["saved"], found["served"] / "7")

    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    borders = [[onnx.helper.make_tensor_value_info(name, 1, ["batch", 4])] for name in ("x", "y")]
    graph = onnx.helper.make_graph([node], "g", *borders)
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]),
        at(".onnx"),
    )
    return found


# By suffix or folder: format, input shapes, an operator, and something that only it tells.
SAID = {
    ".pt2": ("torch", [(-1, 1, 8, 8)], "aten.linear.default", ("members",)),
    ".ts": ("torchscript", [(2, 1, 8, 8)], "torch.linear", ("members", "pickle_globals")),
    ".torchscript": ("torchscript", [(2, 1, 8, 8)], "torch.linear", ("members",)),
    ".ptl": ("torchscript", [], "aten::flatten", ("bytecode_version",)),
    ".mar": ("torchscript", [(2, 1, 8, 8)], "torch.linear", ("archive", "serialized_file")),
    ".pt": ("torch", [], None, ("tensors", "elements")),
    ".pth": ("torch", [], None, ("tensors", "elements")),
    ".ckpt": ("torch", [], None, ("tensors", "elements")),
    ".pkl": ("torch", [], None, ("tensors", "elements")),
    ".safetensors": ("safetensors", [], None, ("tensors", "elements")),
    ".keras": ("keras", [(-1, 8, 8, 1), (-1, 3)], None, ("layers", "saved_by")),
    ".h5": ("keras", [(-1, 8, 8, 1), (-1, 3)], None, ("layers", "saved_by")),
    ".hdf5": ("keras", [(-1, 8, 8, 1), (-1, 3)], None, ("layers", "saved_by")),
    # A signature keeps its tensors by name.
    ".pb": ("savedmodel", [(-1, 3), (-1, 8, 8, 1)], "MatMul", ("signatures", "weights_bytes")),
    "saved": ("savedmodel", [(-1, 3), (-1, 8, 8, 1)], "MatMul", ("signatures", "saved_by")),
    "served": ("savedmodel", [(-1, 3), (-1, 8, 8, 1)], "MatMul", ("signatures", "saved_by")),
    ".onnx": ("onnx", [(-1, 4)], "Relu", ("opsets", "producer")),
    ".tflite": ("tflite", [(1, 8, 8, 1)], "CONV_2D", ("operator_versions", "min_runtime")),
}


def test_every_suffix_is_tried():
    assert set(formats.loaded_suffixes()) == {name for name in SAID if name.startswith(".")}


@pytest.mark.parametrize("name", SAID)
def test_a_file_says_what_it_holds(files, assets, tmp_path, name):
    file = {**files, ".tflite": assets / "tiny-fp32.tflite"}[name]
    if name.startswith(".") and name != ".pb":
        # Systems that do not tell case apart hand out names like this one.
        file = shutil.copy(file, tmp_path / f"M{name.upper()}")
    found = inspect(file)
    format_, shapes, operator, more = SAID[name]
    assert found.facts.format == format_
    assert [spec.shape for spec in found.facts.inputs] == shapes
    assert operator is None or found.facts.operators[operator] >= 1
    assert set(more) <= set(found.facts.more)
    if "elements" in more:
        assert found.facts.more["elements"] == 650
    assert len(found.sha256) == 64
    assert found.size_bytes > 50


def test_what_code_builds_is_built_to_be_looked_at(edgekit, assets, tmp_path):
    factory = f"{assets}/tiny_torch.py:build"
    for reference, options, format_, parameters in (
        ("mobilenet", (), "keras", 209034),
        ("mobilenet", ("--framework", "torch"), "torch", 209034),
        (factory, ("--input", "8,8,1"), "torch", 690),
    ):
        done = edgekit("inspect", reference, *options, "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert (found["format"], found["parameters"]) == (format_, parameters)
        assert found["outputs"][0]["shape"] == [-1, 10]
        assert (found["path"], found["size_bytes"]) == (reference, None)
        assert found["weights"] == "none"
    done = edgekit("inspect", factory)
    assert done.returncode == 4
    assert "give --input 28,28,1" in done.stderr


def test_weights_given_with_code_are_those_that_are_loaded(edgekit, assets, tmp_path, files):
    factory = f"{assets}/tiny_torch.py:build"
    done = edgekit("inspect", factory, "--input", "8,8,1", "--weights", files[".pt"])
    assert done.returncode == 4
    assert "weights that do not fit" in done.stderr
