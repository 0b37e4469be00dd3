"""Broken and hostile model files: one error, exit code 4, and nothing in them runs."""

import os
import pickle
import subprocess
import sys
import zipfile

import pytest


def in_framework(code, cwd):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=cwd, capture_output=True)


def refused(done, *words):
    assert done.returncode == 4, done.stderr
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.tf
def test_a_lambda_layer_runs_only_with_trust(edgekit, tmp_path):
    code = (
        "import keras\n"
        "image = keras.Input((8, 8, 1))\n"
        "x = keras.layers.Lambda(lambda t: t * 2.0, name='doubling')(image)\n"
        "keras.Model(image, keras.layers.Flatten()(x)).save('lambda.keras')\n"
    )
    in_framework(code, tmp_path)
    refused(edgekit("convert", "lambda.keras", "-t", "tflite"), "Lambda", "doubling", "--trust")
    done = edgekit("convert", "lambda.keras", "-t", "tflite", "--trust")
    assert done.returncode == 0, done.stderr


@pytest.mark.tf
def test_truncated_keras_files(edgekit, tmp_path):
    code = (
        "import keras\n"
        "keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save('m.keras')\n"
    )
    in_framework(code, tmp_path)
    data = (tmp_path / "m.keras").read_bytes()
    for keep in (1, 100, len(data) // 2, len(data) - 10):
        (tmp_path / "cut.keras").write_bytes(data[:keep])
        refused(edgekit("convert", "cut.keras", "-t", "tflite"), "cut.keras")
        refused(edgekit("inspect", "cut.keras"), "cut.keras")


@pytest.mark.tf
def test_a_whole_archive_with_broken_weights(edgekit, tmp_path):
    code = (
        "import keras\n"
        "keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save('m.keras')\n"
    )
    in_framework(code, tmp_path)
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data[:50] if name.endswith(".h5") else data)
    refused(edgekit("convert", "bad.keras", "-t", "tflite"), "bad.keras")


@pytest.mark.torch
def test_truncated_torch_and_executorch_files(edgekit, assets, tmp_path):
    code = (
        "import torch\n"
        "program = torch.export.export(torch.nn.Linear(4, 3), (torch.zeros(1, 4),))\n"
        "torch.export.save(program, 'm.pt2')\n"
    )
    in_framework(code, tmp_path)
    data = (tmp_path / "m.pt2").read_bytes()
    for keep in (1, 100, len(data) // 2):
        (tmp_path / "cut.pt2").write_bytes(data[:keep])
        refused(edgekit("convert", "cut.pt2", "-t", "executorch"), "cut.pt2")
    refused(edgekit("inspect", assets / "truncated.pte"), "truncated.pte")


class Payload:
    """What a pickle would run when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch payload-ran",)


@pytest.mark.torch
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pt2"])
def test_a_pickle_with_a_payload_never_runs(edgekit, tmp_path, suffix):
    (tmp_path / f"evil{suffix}").write_bytes(pickle.dumps(Payload()))
    refused(edgekit("convert", f"evil{suffix}", "-t", "executorch"), "evil")
    with zipfile.ZipFile(tmp_path / f"zip{suffix}", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Payload()))
        archive.writestr("archive/version", "3\n")
    refused(edgekit("convert", f"zip{suffix}", "-t", "executorch"), "zip")
    assert not (tmp_path / "payload-ran").exists()


@pytest.mark.torch
def test_a_pickled_module_is_refused_with_the_reason_and_weights_alone_with_the_way(
    edgekit, tmp_path
):
    code = (
        "import torch\n"
        "torch.save(torch.nn.Linear(4, 3), 'whole.pt')\n"
        "torch.save(torch.nn.Linear(4, 3).state_dict(), 'weights.pt')\n"
    )
    in_framework(code, tmp_path)
    refused(edgekit("convert", "whole.pt", "-t", "executorch"), "would run code", "Linear")
    refused(edgekit("convert", "weights.pt", "-t", "executorch"), "weights alone", "--weights")


@pytest.mark.torch
def test_code_in_a_symbolic_shape_never_runs(edgekit, tmp_path):
    code = (
        "import torch\n"
        "batch = torch.export.Dim('b', min=1, max=8)\n"
        "program = torch.export.export(torch.nn.Linear(4, 3), (torch.zeros(2, 4),),\n"
        "                              dynamic_shapes=({0: batch},))\n"
        "torch.export.save(program, 'm.pt2')\n"
    )
    in_framework(code, tmp_path)
    evil = b"\"__import__('os').system('touch payload-ran')\""
    with (
        zipfile.ZipFile(tmp_path / "m.pt2") as archive,
        zipfile.ZipFile(tmp_path / "evil.pt2", "w") as out,
    ):
        changed = 0
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".json") and b'"expr_str"' in data:
                start = data.index(b'"expr_str"') + len(b'"expr_str": ')
                end = data.index(b'"', start + 1) + 1
                data, changed = data[:start] + evil + data[end:], changed + 1
            out.writestr(name, data)
    assert changed
    refused(edgekit("convert", "evil.pt2", "-t", "executorch"), "code where a shape belongs")
    assert not (tmp_path / "payload-ran").exists()
