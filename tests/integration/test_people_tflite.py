"""`.tflite` files that people bring: old, unsigned, half, int8, with foreign operators."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import ModelLoadError
from edgekit.formats.tflite import file as tflite_file
from edgekit.formats.tflite.patch import unpacked
from edgekit.formats.tflite.plain import plain

pytest.importorskip("ai_edge_litert")
pytest.importorskip("ai_edge_quantizer")


def rewritten(data, change):
    """Return the file after `change(model)`."""
    import flatbuffers

    model = unpacked(data)
    change(model)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def aged(model):
    """Make a file as converters wrote it in 2019."""
    for code in model.operatorCodes:
        code.deprecatedBuiltinCode, code.builtinCode = code.builtinCode, 0
    model.signatureDefs = None


def convert(edgekit, model, *recipes):
    card = edgekit.cwd / "tiny.card.toml"
    card.write_text('name = "tiny"\n[preprocess]\ncolour = "L"\nheight = 8\nwidth = 8\n')
    options = [part for name in recipes for part in ("-q", name)]
    done = edgekit(
        "convert", model, "-t", "tflite", *options, "--data", "digits", "--card", card, "--json"
    )
    if done.returncode:
        return done
    files = json.loads(done.stdout)["files"]
    return {f["artifact"]["recipe"]["name"]: (Path(f["path"]), f["artifact"]) for f in files}


def run(data, x):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_an_old_file_without_a_signature_is_quantized_and_not_only_copied(edgekit, assets):
    floats = (assets / "tiny-fp32.tflite").read_bytes()
    (edgekit.cwd / "old.tflite").write_bytes(rewritten(floats, aged))
    made = convert(edgekit, "old.tflite", "fp16", "dynamic-int8", "int8")
    types = {
        name: set(tflite_file.read(edgekit.cwd / path).tensor_types)
        for name, (path, _) in made.items()
    }
    assert "float16" in types["fp16"]
    assert "int8" in types["dynamic-int8"] & types["int8"]


def test_a_file_of_half_precision_is_quantized_further(edgekit, assets):
    made = convert(edgekit, assets / "tiny-fp32.tflite", "fp16")
    half = edgekit.cwd / made["fp16"][0]
    _, further = convert(edgekit, half, "int8")["int8"]
    assert any("stored in float16 became float32" in note for note in further["notes"])
    assert further["parity"]["agreement"] > 0.8
    floats, _ = plain(half.read_bytes())
    x = np.random.default_rng(0).uniform(size=(1, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(run(floats, x), run(half.read_bytes(), x), rtol=1e-5, atol=1e-6)


def test_int8_weights_of_a_float_file_become_float32_and_it_is_said(edgekit, assets):
    made = convert(edgekit, assets / "tiny-fp32.tflite", "dynamic-int8")
    dynamic = edgekit.cwd / made["dynamic-int8"][0]
    data, notes = plain(dynamic.read_bytes())
    assert "weights of int8 were dequantized" in notes[0]
    (edgekit.cwd / "back.tflite").write_bytes(data)
    assert "int8" not in tflite_file.read(edgekit.cwd / "back.tflite").tensor_types
    x = np.random.default_rng(0).uniform(size=(1, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(run(data, x), run(dynamic.read_bytes(), x), atol=0.02)


def test_a_file_that_computes_in_int8_is_refused_with_where_to_start(edgekit, assets):
    done = convert(edgekit, assets / "tiny-int8-io8.tflite", "fp16")
    assert done.returncode == 4, done.stderr
    assert "holds int8" in done.stderr
    assert "start from the fp32 file" in done.stderr


def test_operators_of_other_runtimes_are_named(edgekit, assets):
    def foreign(model):
        model.operatorCodes[0].builtinCode = 32
        model.operatorCodes[0].deprecatedBuiltinCode = 32
        model.operatorCodes[0].customCode = "Acme2DPlus"

    data = rewritten((assets / "tiny-fp32.tflite").read_bytes(), foreign)
    (edgekit.cwd / "m.tflite").write_bytes(data)
    done = convert(edgekit, "m.tflite", "fp16")
    assert done.returncode == 4, done.stderr
    assert "custom operators, which LiteRT does not have: Acme2DPlus" in done.stderr
    with pytest.raises(ModelLoadError, match="Acme2DPlus"):
        plain(data)
    assert "CUSTOM:Acme2DPlus" in edgekit("inspect", "m.tflite").stdout
