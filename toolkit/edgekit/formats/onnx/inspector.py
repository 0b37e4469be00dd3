"""`.onnx` files."""

from pathlib import Path
from typing import Any

from edgekit.formats.onnx import file as onnx_file
from edgekit.system import packages

SUFFIXES = (".onnx",)


def inspect(path: Path) -> dict[str, Any]:
    """Return borders, operators, opsets and the producer. Raises `ModelLoadError`."""
    packages.versions(("onnx",))
    model = onnx_file.parse(path)
    return {
        "format": "onnx",
        "producer": f"{model.producer_name} {model.producer_version}".strip() or "unknown",
        "inputs": [spec.model_dump() for spec in onnx_file.inputs_of(model)],
        "outputs": [spec.model_dump() for spec in onnx_file.outputs_of(model)],
        "operators": onnx_file.op_histogram(model),
        "opsets": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "ir_version": model.ir_version,
    }
