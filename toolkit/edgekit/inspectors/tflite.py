"""`.tflite` files."""

from pathlib import Path
from typing import Any

from edgekit import flatbuffer

SUFFIXES = (".tflite",)


def inspect(path: Path) -> dict[str, Any]:
    """Return borders, operators with versions, and tensor types."""
    found = flatbuffer.read(path)
    return {
        "format": "tflite",
        "description": found.description,
        "inputs": [spec.model_dump() for spec in found.inputs],
        "outputs": [spec.model_dump() for spec in found.outputs],
        "operators": found.op_histogram,
        "operator_versions": found.op_versions,
        "tensor_types": found.tensor_types,
        "subgraphs": found.subgraphs,
    }
