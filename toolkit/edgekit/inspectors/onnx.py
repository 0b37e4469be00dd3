"""`.onnx` files."""

from pathlib import Path
from typing import Any

from edgekit import onnxfile, plugins

SUFFIXES = (".onnx",)


def inspect(path: Path) -> dict[str, Any]:
    """Return borders, operators, opsets and the producer. Raises `ModelLoadError`."""
    plugins.versions(("onnx",))
    model = onnxfile.parse(path)
    return {
        "format": "onnx",
        "producer": f"{model.producer_name} {model.producer_version}".strip() or "unknown",
        "inputs": [spec.model_dump() for spec in onnxfile.inputs_of(model)],
        "outputs": [spec.model_dump() for spec in onnxfile.outputs_of(model)],
        "operators": onnxfile.op_histogram(model),
        "opsets": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "ir_version": model.ir_version,
    }
