"""ONNX, ORT, TorchScript and Core ML: made from small nets, run where they can be, and compared."""

import functools
import importlib.util
import json
import os
import platform
import subprocess
import sys
import zipfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from packages_made import need

from edgekit import devices, formats
from edgekit.devices import local
from edgekit.errors import ExportError, ModelLoadError
from edgekit.formats.onnx import quantize
from edgekit.pipeline import recipes
from edgekit.system import process

RECIPES = recipes.shipped()

# How far from the float outputs: float files in the worst sample, as a fraction of the largest
# output; int8 files in the mean square, since values beyond the calibrated range are cut off.
WORST = {"fp32": 1e-4, "fp16": 1e-2}
NOISE = {"dynamic-int8": 0.03, "int8": 0.08}
NETS = {
    "torch": ("conv", "dense", "lstm", "two"),
    "keras": ("conv", "mask", "dense", "lstm", "bigru", "rnn", "two"),
}


@pytest.fixture(scope="session")
def nets():
    from tests_output_models import keras_model, torch_model

    made = {"torch": functools.cache(torch_model), "keras": functools.cache(keras_model)}
    return lambda framework, net: made[framework](net)


@pytest.fixture(scope="session", autouse=True)
def _output_models():
    """Make the committed nets importable by both this process and a child."""
    file = Path(__file__).parents[1] / "assets" / "output_models.py"
    spec = importlib.util.spec_from_file_location("tests_output_models", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tests_output_models"] = module
    spec.loader.exec_module(module)


# The float ONNX files that others are made from, by framework and net.
BASES = defaultdict(dict)


def export(nets, framework, net, name, recipe, folder):
    from tests_output_models import export

    return export(*nets(framework, net), net, name, recipe, folder, BASES[framework, net])


def run(path, name, arrays, outputs, folder):
    """Run the file in the real runner, in a child process; return its outputs."""
    for i, array in enumerate(arrays):
        np.save(folder / f"in{i}.npy", np.ascontiguousarray(array))
    request = devices.Request(
        runtime=formats.exporter(name).RUNTIME,
        model=path,
        inputs=tuple(folder / f"in{i}.npy" for i in range(len(arrays))),
        outputs=tuple(folder / f"out{i}.npy" for i in range(outputs)),
    )
    answer = devices.open("local").run(request, folder, process.Limits(600))
    assert answer.n == len(arrays[0])
    return [np.load(folder / f"out{i}.npy") for i in range(outputs)]


# An x86 CPU with AVX2 and without VNNI; the real runner runs under it as it does here.
OTHER_CPU = ("qemu-x86_64-static", "-cpu", "Haswell")


def run_on_other_cpu(path, arrays, folder):
    """Run an ONNX or ORT file of one output in the real runner, in an emulator; return it."""
    need(OTHER_CPU[0])
    np.save(folder / "in.npy", np.ascontiguousarray(arrays[0]))
    request = {
        "runtime": "onnxruntime", "model": str(path), "inputs": [str(folder / "in.npy")],
        "outputs": [str(folder / "out.npy")],
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    (folder / "runner.pyz").write_bytes(local.runner_bytes())
    names = [folder / name for name in ("runner.pyz", "request.json", "response.json")]
    argv = [*OTHER_CPU, sys.executable, "-P", *names]
    subprocess.run(argv, check=True, capture_output=True, timeout=600)
    assert "error" not in json.loads(names[2].read_text())
    return np.load(folder / "out.npy")


def noise(values, wanted):
    return np.sqrt(((values - wanted) ** 2).mean() / (wanted**2).mean())


def check(nets, framework, net, name, recipe, folder):
    """Export, run on samples that calibration has not seen, and hold against the float model."""
    from tests_output_models import TEST

    model, arrays = nets(framework, net)
    path, facts, fed = export(nets, framework, net, name, recipe, folder)
    reference = model.predict(tuple(a[TEST] for a in arrays))
    got = run(path, name, tuple(a[TEST] for a in fed), len(reference), folder)
    assert [s.name for s in facts.inputs] == ["first", "second"][: len(arrays)]
    assert [s.name for s in facts.outputs] == ["p", "q"][: len(reference)]
    assert sum(facts.op_histogram.values()) > 0
    if facts.layout != model.layout:
        got = [v.transpose(0, 2, 3, 1) if v.ndim == 4 else v for v in got]
    for wanted, values in zip(reference, got, strict=True):
        assert values.shape == wanted.shape
        error = values - wanted
        if recipe in WORST:
            assert np.abs(error).max() / np.abs(wanted).max() <= WORST[recipe]
        else:
            assert noise(values, wanted) <= NOISE[recipe]
        if net in {"conv", "dense"}:
            assert (values.argmax(-1) == wanted.argmax(-1)).mean() >= 0.97
    return path, facts


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "dynamic-int8", "int8"])
@pytest.mark.parametrize(
    ("framework", "net"),
    [
        pytest.param(f, n, marks=pytest.mark.torch if f == "torch" else pytest.mark.tf)
        for f, names in NETS.items()
        for n in names
    ],
)
def test_onnx_and_ort_compute_what_the_model_computes(nets, framework, net, recipe, tmp_path):
    path, facts = check(nets, framework, net, "onnx", recipe, tmp_path)
    other, found = check(nets, framework, net, "ort", recipe, tmp_path)
    assert found.inputs == facts.inputs
    assert other.read_bytes()[4:8] == b"ORTM"
    if net in {"conv", "mask"}:
        assert facts.layout == "NCHW"
        assert "Transpose" not in facts.op_histogram
    if recipe == "fp32":
        assert not {"Loop", "Scan", "If", "BatchNormalization"} & set(facts.op_histogram)
        assert b"/site-packages/" not in path.read_bytes()


@pytest.mark.torch
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the emulator runs x86-64's Python")
@pytest.mark.parametrize(
    ("net", "name", "recipe"),
    [("conv", "onnx", "int8"), ("conv", "onnx", "dynamic-int8"), ("dense", "ort", "int8"),
     ("lstm", "ort", "dynamic-int8")],
)  # fmt: skip
def test_int8_is_right_on_a_cpu_that_cuts_off_sums(nets, net, name, recipe, tmp_path):
    from tests_output_models import TEST

    model, arrays = nets("torch", net)
    path, _, _ = export(nets, "torch", net, name, recipe, tmp_path)
    (wanted,) = model.predict((arrays[0][TEST],))
    assert noise(run_on_other_cpu(path, (arrays[0][TEST],), tmp_path), wanted) <= NOISE[recipe]


@pytest.mark.torch
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the emulator runs x86-64's Python")
@pytest.mark.parametrize(("net", "recipe"), [("dense", "int8"), ("lstm", "dynamic-int8")])
def test_int8_at_full_range_is_wrong_on_such_a_cpu(nets, net, recipe, tmp_path):
    """Else the emulator is no such CPU, and the test above shows nothing."""
    from tests_output_models import CALIBRATION, TEST

    model, arrays = nets("torch", net)
    floats, _, _ = export(nets, "torch", net, "onnx", "fp32", tmp_path)
    chosen = recipes.parse(recipe, calibration_n=100)
    samples = (arrays[0][CALIBRATION],)
    proto = quantize.quantized(floats, chosen, samples, full_range=True)
    (tmp_path / "full.onnx").write_bytes(proto.SerializeToString())
    (wanted,) = model.predict((arrays[0][TEST],))
    got = run_on_other_cpu(tmp_path / "full.onnx", (arrays[0][TEST],), tmp_path)
    assert noise(got, wanted) > NOISE[recipe]


@pytest.mark.torch
@pytest.mark.parametrize("recipe", ["dynamic-int8", "int8"])
def test_files_for_any_cpu_keep_within_16_bits(nets, recipe, tmp_path):
    """Of two products of uint8 with a weight; convolutions of dynamic files have another kernel."""
    import onnx

    path, facts, _ = export(nets, "torch", "conv", "onnx", recipe, tmp_path)
    tensors = [t for t in onnx.load(path).graph.initializer if len(t.dims) > 1]
    values = [onnx.numpy_helper.to_array(t) for t in tensors]
    int8 = [np.abs(v.astype(int)).max() for v in values if v.dtype == np.int8]
    assert int8
    assert max(int8) == 64
    assert any(v.dtype == np.uint8 for v in values) == (recipe == "dynamic-int8")
    assert "7 of their 8 bits" in facts.notes[0]


@pytest.mark.torch
@pytest.mark.parametrize("recipe", ["fp32", "dynamic-int8", "int8"])
@pytest.mark.parametrize("net", NETS["torch"])
def test_torchscript_computes_what_the_model_computes(nets, net, recipe, tmp_path):
    path, facts = check(nets, "torch", net, "torchscript", recipe, tmp_path)
    found = formats.inspector("torchscript").inspect(path)
    assert any("ExecuTorch" in note for note in facts.notes)
    quantized = [name for name in found.operators if name.startswith("quantized::")]
    assert bool(quantized) == (recipe != "fp32")
    with zipfile.ZipFile(path) as archive:
        held = b"".join(archive.read(name) for name in archive.namelist())
    assert b"site-packages" not in held
    assert b"torchscript/exporter" not in held
    if net == "conv" and recipe == "int8":
        # What QNNPACK's clamp needs to be right; without it, agreement is that of chance.
        assert facts.op_histogram["aten::contiguous"] == 5


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "recipe"), [("onnx", "int8"), ("torchscript", "fp32"), ("coreml", "fp16")]
)
def test_an_exported_program_of_open_batch_is_taken(nets, name, recipe, tmp_path):
    import torch
    from tests_output_models import TEST, export

    model, arrays = nets("torch", "conv")
    batch = ({0: torch.export.Dim("batch", min=1, max=64)},)
    example = (torch.from_numpy(arrays[0][:2]),)
    program = torch.export.export(model.native, example, dynamic_shapes=batch)
    program = replace(model, native=program.module())
    path, facts, _ = export(program, arrays, "conv", name, recipe, tmp_path)
    assert facts.inputs[0].shape == (1, 1, 16, 16)
    if name != "coreml":
        (got,) = run(path, name, (arrays[0][TEST],), 1, tmp_path)
        (wanted,) = model.predict((arrays[0][TEST],))
        assert (got.argmax(1) == wanted.argmax(1)).mean() >= 0.97


@pytest.mark.torch
def test_torchscript_cannot_quantize_an_exported_program(nets, tmp_path):
    import torch
    from tests_output_models import export

    model, arrays = nets("torch", "dense")
    program = torch.export.export(model.native, (torch.from_numpy(arrays[0][:1]),)).module()
    with pytest.raises(ExportError, match="no quantized operator") as caught:
        export(replace(model, native=program), arrays, "dense", "torchscript", "int8", tmp_path)
    assert "file.py:factory" in caught.value.hint


@pytest.mark.tf
def test_a_saved_model_s_signature_becomes_onnx(nets, tmp_path):
    import tensorflow as tf
    from tests_output_models import TEST, export

    model, arrays = nets("keras", "two")
    model.native.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    model = replace(model, hub="tensorflow", native=loaded.signatures["serving_default"])
    path, _, _ = export(model, arrays, "two", "onnx", "fp32", tmp_path)
    got = run(path, "onnx", tuple(a[TEST] for a in arrays), 2, tmp_path)
    for values, wanted in zip(got, model.predict(tuple(a[TEST] for a in arrays)), strict=True):
        assert np.abs(values - wanted).max() <= WORST["fp32"] * np.abs(wanted).max()


@pytest.mark.torch
@pytest.mark.parametrize("recipe", ["fp32", "fp16", "weight-int8", "palette4"])
@pytest.mark.parametrize("net", NETS["torch"])
def test_a_core_ml_package_holds_what_the_model_holds(nets, net, recipe, tmp_path):
    path, facts, arrays = export(nets, "torch", net, "coreml", recipe, tmp_path)
    found = formats.inspector("coreml").inspect(path)
    assert [i.name for i in found.inputs] == ["first", "second"][: len(arrays)]
    assert [i.shape for i in found.inputs] == [(1, *a.shape[1:]) for a in arrays]
    assert {i.dtype for i in found.inputs + found.outputs} == {"float32"}
    assert found.operators == facts.op_histogram
    parameters = sum(p.numel() for p in nets("torch", net)[0].native.parameters())
    bits = {"fp32": 32, "fp16": 16, "weight-int8": 8, "palette4": 4}[recipe]
    # Beside the weights stand scales, tables and 64 bytes of header for each.
    assert parameters * bits / 8 * 0.9 < found.more["weights_bytes"] < parameters * bits / 8 + 4000
    assert facts.notes[0].startswith("not run here")


REFUSED = {
    "onnx": {"int8-io8", "weight-int8", "palette4"},
    "ort": {"int8-io8", "weight-int8", "palette4"},
    "torchscript": {"fp16", "int8-io8", "weight-int8", "palette4"},
    "coreml": {"dynamic-int8", "int8", "int8-io8"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_recipes_are_refused_with_a_reason(name):
    exporter = formats.exporter(name)
    reasons = {r.name: why for r in RECIPES.values() if (why := exporter.refusal(r))}
    assert set(reasons) == REFUSED[name]
    assert all(len(why) > 20 for why in reasons.values())


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "recipe"),
    [("onnx", "int8"), ("onnx", "dynamic-int8"), ("torchscript", "dynamic-int8"),
     ("torchscript", "int8"), ("coreml", "palette4"), ("coreml", "weight-int8")],
)  # fmt: skip
def test_a_model_with_nothing_to_quantize_is_refused(nets, name, recipe, tmp_path):
    with pytest.raises(ExportError, match="no quantized operator|no weights"):
        export(nets, "torch", "bare", name, recipe, tmp_path)


@pytest.mark.parametrize(
    ("framework", "net", "name", "recipe"),
    [
        pytest.param("torch", "conv", "onnx", "int8", marks=pytest.mark.torch),
        # Not trained: TensorFlow's own training is what would differ.
        pytest.param("keras", "lstm", "onnx", "fp16", marks=pytest.mark.tf),
        pytest.param("torch", "conv", "torchscript", "int8", marks=pytest.mark.torch),
        pytest.param("torch", "dense", "coreml", "palette4", marks=pytest.mark.torch),
    ],
)
def test_the_same_model_gives_the_same_bytes(framework, net, name, recipe, assets, tmp_path):
    """In processes as the tool starts them: one for each export, with the seed of its hashes."""
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        subprocess.run(
            [sys.executable, assets / "output_models.py", framework, net, name, recipe, folder],
            check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        files = (file for file in folder.rglob("*.*") if file.is_file())
        made.append({file.relative_to(folder): file.read_bytes() for file in files})
    assert made[0] == made[1]


@pytest.mark.torch
def test_broken_files_are_refused_by_name(nets, tmp_path):
    for name, recipe in (("ort", "fp32"), ("torchscript", "fp32")):
        path, _, _ = export(nets, "torch", "dense", name, recipe, tmp_path)
        data = path.read_bytes()
        for cut in (10, 1000, len(data) // 2):
            path.write_bytes(data[:cut])
            with pytest.raises(ModelLoadError, match=str(path)):
                formats.inspector(name).inspect(path)
    (tmp_path / "x.mlpackage").mkdir()
    (tmp_path / "x.mlpackage" / "Manifest.json").write_text(json.dumps({}))
    with pytest.raises(ModelLoadError, match="broken .mlpackage"):
        formats.inspector("coreml").inspect(tmp_path / "x.mlpackage")
