"""Some cells of docs/conversions.md, converted again."""

import importlib.util
import json
from pathlib import Path

import pytest

from edgekit.pipeline.workspace import Settings, workspace

ROOT = Path(__file__).parents[2]


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize(
    ("row", "pairs"),
    [
        ("Keras 3 `.keras`, MLPerf keywords", ("tflite fp32", "onnx fp32", "executorch int8")),
        ("Keras 2 SavedModel, MLPerf keywords", ("tflite fp32", "coreml fp32")),
        ("TFLite, MLPerf keywords", ("tflite int8", "executorch fp32")),
    ],
)
def test_a_cell_comes_out_again_as_it_stands_on_the_page(shared, row, pairs):
    path = ROOT / "benchmarks" / "conversions.py"
    spec = importlib.util.spec_from_file_location("conversions", path)
    conversions = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conversions)
    record = json.loads(conversions.RECORD.read_text())["conversions"][row]
    this = next(r for r in conversions.rows(ROOT / "nowhere", shared) if r.name == row)
    with workspace(Settings(latency_runs=1), data=this.data) as work:
        model = conversions.model_of(this)
        for pair in pairs:
            found = conversions.cell(this, model, *pair.split(), work)
            assert found["outcome"] == record[pair]["outcome"], pair
            if pair == "executorch int8":
                assert abs(found["agreement"] - record[pair]["agreement"]) <= 2 / 64
            elif found["outcome"] == "parity" and pair.endswith("fp32"):
                assert found["max_abs_difference"] <= 1e-4
            elif found["outcome"] == "refused":
                assert found["hint"] == record[pair]["hint"]
