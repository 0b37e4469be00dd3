"""ONNX files as people have them: other opsets and types, quantized, open sizes, foreign ends."""

import json
import subprocess
import sys

import numpy as np
import pytest
from onnx_graphs import made, node

pytestmark = pytest.mark.torch
onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytest.importorskip("litert_torch")

FLOAT, UINT8, INT32, INT64, HALF = 1, 2, 6, 7, 10
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(0, 0.5, shape).astype(np.float32)


def old(path):
    """Write opset 8: a Slice and an Upsample of attributes, a Softmax over all axes behind."""
    nodes = [node("Conv", "x w", "c", pads=[1] * 4),
             node("Slice", "c", "s", starts=[0], ends=[3], axes=[1]),
             node("Upsample", "s", "u", mode="nearest", scales=[1.0, 1.0, 2.0, 2.0]),
             node("GlobalAveragePool", "u", "p"), node("Flatten", "p", "f"),
             node("Softmax", "f", "y", axis=1)]  # fmt: skip
    border = {"x": (FLOAT, ["n", 2, 8, 8])}, {"y": (FLOAT, ["n", 3])}
    return made(path, nodes, *border, {"w": normal(4, 2, 3, 3)}, opset=8)


def new(path):
    nodes = [node("Conv", "x w", "c"), node("Gelu", "c", "g"),
             node("ReduceMean", "g a", "y", keepdims=0)]  # fmt: skip
    border = {"x": (FLOAT, ["n", 2, 8, 8])}, {"y": (FLOAT, ["n", 4])}
    constants = {"w": normal(4, 2, 3, 3), "a": np.array([2, 3])}
    return made(path, nodes, *border, constants, opset=24)


def half(path):
    """Write float16 inside, its casts last, as ONNX Runtime's converter leaves them."""
    nodes = [node("MatMul", "h w", "m"), node("Relu", "m", "r"), node("Cast", "x", "h", to=HALF),
             node("Cast", "r", "y", to=FLOAT)]  # fmt: skip
    border = {"x": (FLOAT, ["n", 6])}, {"y": (FLOAT, ["n", 4])}
    return made(path, nodes, *border, {"w": normal(6, 4).astype(np.float16)})


def quantized(path):
    from onnxruntime.quantization import quantize_dynamic

    nodes = [node("MatMul", "x w", "m"), node("Relu", "m", "y")]
    border = {"x": (FLOAT, ["n", 6])}, {"y": (FLOAT, ["n", 4])}
    quantize_dynamic(made(path.with_name("f.onnx"), nodes, *border, {"w": normal(6, 4)}), path)
    return path


def limited(path):
    """Write a Clip between limits that the model computes."""
    nodes = [node("ReduceMax", "x", "m", keepdims=0), node("Sub", "m e", "low"),
             node("Clip", "x low m", "y")]  # fmt: skip
    return made(path, nodes, {"x": (FLOAT, [1, 9])}, {"y": (FLOAT, [1, 9])}, {"e": np.float32(1)})


def stateful(path):
    """Write a step of a stream: a state that begins with its layers, and a number."""
    nodes = [node("MatMul", "x w", "m"), node("Unsqueeze", "m z", "u"), node("Add", "u s", "a"),
             node("Mul", "a k", "t"),
             node("ReduceMean", "t", "y", axes=[0, 2], keepdims=0)]  # fmt: skip
    inputs = {"x": (FLOAT, ["n", 6]), "s": (FLOAT, [2, "n", 4]), "k": (FLOAT, [])}
    outputs = {"y": (FLOAT, ["n"]), "t": (FLOAT, [2, "n", 4])}
    return made(path, nodes, inputs, outputs, {"w": normal(6, 4), "z": np.array([0])})


def words(path):
    """Write a table of 300 rows; rows of equal words give nothing but rounding."""
    nodes = [node("Gather", "t x", "e"), node("ReduceMean", "e", "mu", axes=[1], keepdims=1),
             node("Sub", "e mu", "c"), node("Mul", "c c", "q"),
             node("ReduceMean", "q", "v", axes=[1], keepdims=1), node("Add", "v k", "ve"),
             node("Sqrt", "ve", "sd"), node("Div", "c sd", "d"),
             node("ReduceMax", "d", "y", axes=[1], keepdims=0)]  # fmt: skip
    border = {"x": (INT32, ["n", 32])}, {"y": (FLOAT, ["n", 8])}
    return made(path, nodes, *border, {"t": normal(300, 8), "k": np.float32(1e-6)})


CASES = {
    old: "opset 8 was brought to 11 by ONNX's version converter: Conv, Flatten, Slice, Softmax",
    new: None,
    half: "float16 became float32",
    quantized: "the file is quantized already",
    limited: None,
    stateful: "the batch is 1, for 's', 'k' had none",
    words: None,
}


def convert(edgekit, *arguments):
    done = edgekit("convert", *arguments, "--json")
    answer = json.loads(done.stdout)
    return done, answer


@pytest.mark.parametrize("make", CASES)
def test_it_converts_and_what_was_changed_is_said(edgekit, make):
    make(edgekit.cwd / "m.onnx")
    done, answer = convert(edgekit, "m.onnx", "-t", "tflite", "-t", "onnx")
    assert done.returncode == 0, done.stderr
    assert len(answer["files"]) == 2
    for file in answer["files"]:
        assert file["artifact"]["parity"]["sqnr_db"] > 80
        notes = " ".join(file["artifact"]["notes"])
        assert CASES[make] is None or CASES[make] in notes


def test_bytes_stay_bytes_in_every_file(edgekit):
    nodes = [node("Cast", "x", "f", to=FLOAT), node("Div", "f s", "d"),
             node("Transpose", "d", "t", perm=[0, 3, 1, 2]), node("Conv", "t w", "c"),
             node("GlobalAveragePool", "c", "p"), node("Flatten", "p", "y")]  # fmt: skip
    border = {"x": (UINT8, ["n", 8, 8, 3])}, {"y": (FLOAT, ["n", 4])}
    constants = {"s": np.float32(255), "w": normal(4, 3, 3, 3)}
    made(edgekit.cwd / "m.onnx", nodes, *border, constants)
    pixels = RNG.integers(0, 256, (80, 8, 8, 3)).astype(np.uint8)
    np.savez(edgekit.cwd / "d.npz", inputs=pixels, labels=RNG.integers(0, 4, 80))
    done, answer = convert(
        edgekit, "m.onnx", "-t", "tflite", "-t", "onnx", "-q", "fp32", "-q", "int8",
        "--data", "d.npz", "--calibration", "7",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [file["artifact"]["inputs"][0]["dtype"] for file in answer["files"]] == ["uint8"] * 4


def test_the_cost_of_channels_first_is_said_and_the_hint_takes_it_away(edgekit):
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("GlobalAveragePool", "r", "p"),
             node("Flatten", "p", "y")]  # fmt: skip
    border = {"x": (FLOAT, ["n", 3, 8, 8])}, {"y": (FLOAT, ["n", 4])}
    made(edgekit.cwd / "m.onnx", nodes, *border, {"w": normal(4, 3, 3, 3)})
    done, answer = convert(edgekit, "m.onnx", "-t", "tflite")
    artifact = answer["files"][0]["artifact"]
    moves = artifact["op_histogram"]["TRANSPOSE"]
    assert f"the file has {moves} TRANSPOSE, and --layout nhwc" in " ".join(artifact["notes"])
    images = RNG.integers(0, 256, (80, 8, 8, 3)).astype(np.uint8)
    np.savez(edgekit.cwd / "d.npz", inputs=images, labels=RNG.integers(0, 4, 80))
    more = ("--layout", "nhwc", "--data", "d.npz", "--calibration", "7", "-q", "int8")
    done, answer = convert(edgekit, "m.onnx", "-t", "tflite", *more)
    assert done.returncode == 0, done.stderr
    artifact = answer["files"][0]["artifact"]
    assert artifact["inputs"][0]["shape"] == [1, 8, 8, 3]
    assert "TRANSPOSE" not in artifact["op_histogram"]
    assert artifact["parity"]["sqnr_db"] > 25


def test_layout_is_refused_for_what_is_no_image(edgekit):
    limited(edgekit.cwd / "m.onnx")
    done, answer = convert(edgekit, "m.onnx", "-t", "onnx", "--layout", "nhwc")
    assert done.returncode == 2
    assert "takes no images of 1 or 3 channels" in answer["error"]["message"]


def test_open_sizes_take_inputs_and_a_wrong_one_is_named(edgekit):
    nodes = [node("Conv", "x w", "c"), node("GlobalAveragePool", "c", "p"),
             node("Flatten", "p", "f"), node("Concat", "f k", "y", axis=1)]  # fmt: skip
    inputs = {"x": (FLOAT, ["n", 3, "h", "w"]), "k": (FLOAT, ["n", "extra"])}
    made(
        edgekit.cwd / "m.onnx",
        nodes,
        inputs,
        {"y": (FLOAT, ["n", None])},
        {"w": normal(4, 3, 3, 3)},
    )
    done, answer = convert(edgekit, "m.onnx", "-t", "onnx")
    assert "open dimensions in input 'x': h, w" in answer["error"]["message"]
    assert "once for each input in the order x, k" in answer["error"]["hint"]
    done, answer = convert(edgekit, "m.onnx", "-t", "onnx", "--input", "9,12,3", "--input", "2")
    assert done.returncode == 0, done.stderr
    artifact = answer["files"][0]["artifact"]
    assert [spec["shape"] for spec in artifact["inputs"]] == [[1, 3, 9, 12], [1, 2]]
    done, answer = convert(edgekit, "m.onnx", "-t", "onnx", "--input", "9,12,1", "--input", "2")
    assert "--input 9,12,1 for input 'x' of shape (3, -1, -1)" in answer["error"]["message"]


def test_weights_beside_the_file_decide_what_is_made(edgekit):
    path = new(edgekit.cwd / "m.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    sums = []
    for change in (lambda data: data, lambda data: data[:1] + b"\x40" + data[2:]):
        weights = edgekit.cwd / "w.bin"
        weights.write_bytes(change(weights.read_bytes()))
        done, answer = convert(edgekit, "m.onnx", "-t", "onnx")
        assert done.returncode == 0, done.stderr
        sums.append(answer["files"][0]["artifact"]["sha256"])
    assert sums[0] != sums[1]
    (edgekit.cwd / "w.bin").unlink()
    done, answer = convert(edgekit, "m.onnx", "-t", "onnx")
    assert "got no file w.bin" in answer["error"]["message"]


def test_the_hint_on_non_max_suppression_leads_to_a_file(edgekit):
    nodes = [node("Mul", "x x", "b"), node("Unsqueeze", "b o", "boxes"), node("Sigmoid", "x", "a"),
             node("Unsqueeze", "a t", "scores"),
             node("NonMaxSuppression", "boxes scores m", "y")]  # fmt: skip
    constants = {"o": [1], "t": [2], "m": [3]}
    border = {"x": (FLOAT, [1, 4])}, {"y": (INT64, ["k", 3])}
    made(edgekit.cwd / "m.onnx", nodes, *border, constants)
    done, answer = convert(edgekit, "m.onnx", "-t", "tflite")
    assert done.returncode == 4
    assert "by NonMaxSuppression at node" in answer["error"]["message"]
    line = answer["error"]["hint"].partition("app: ")[2]
    subprocess.run([sys.executable, "-c", f"import onnx; {line}"], cwd=edgekit.cwd, check=True)
    done, answer = convert(edgekit, "cut.onnx", "-t", "tflite")
    assert done.returncode == 0, done.stderr
    assert len(answer["files"][0]["artifact"]["outputs"]) == 2
