"""`.tflite` files."""

from pathlib import Path
from typing import Any

from edgekit.formats.tflite import file as tflite_file

SUFFIXES = (".tflite",)


def inspect(path: Path) -> dict[str, Any]:
    """Return borders, operators with versions and least runtime, tensor types, and metadata."""
    found = tflite_file.read(path)
    return {
        "format": "tflite",
        "description": found.description,
        "inputs": [spec.model_dump() for spec in found.inputs],
        "outputs": [spec.model_dump() for spec in found.outputs],
        "operators": found.op_histogram,
        "operator_versions": found.op_versions,
        "min_runtime": found.min_runtime or "unknown",
        "tensor_types": found.tensor_types,
        "subgraphs": found.subgraphs,
        "metadata": _metadata(found.metadata),
    }


def _metadata(found: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the metadata says, in brief."""
    if found is None:
        return {}
    normal = [
        f"(x - {tensor['mean']}) / {tensor['std']}" for tensor in found["inputs"] if tensor["mean"]
    ]
    return {
        "name": found["name"],
        "labels": len(found["labels"]),
        "normalization": "; ".join(normal) or "none",
    }
