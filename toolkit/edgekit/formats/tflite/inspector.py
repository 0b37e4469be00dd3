"""`.tflite` files."""

from pathlib import Path

from edgekit.core.facts import Fact, Facts
from edgekit.formats.tflite import file as tflite_file

SUFFIXES = (".tflite",)


def inspect(path: Path) -> Facts:
    """Return I/O, operators with versions and least runtime, tensor types, and metadata."""
    found = tflite_file.read(path)
    return Facts(
        format="tflite",
        inputs=found.inputs,
        outputs=found.outputs,
        operators=found.op_histogram,
        more={
            "description": found.description,
            "operator_versions": found.op_versions,
            "min_runtime": found.min_runtime or "unknown",
            "tensor_types": found.tensor_types,
            "subgraphs": found.subgraphs,
            "metadata": _metadata(found),
        },
    )


def _metadata(file: tflite_file.TfliteFile) -> Fact:
    """Return what the metadata says, in brief."""
    found = file.metadata
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
