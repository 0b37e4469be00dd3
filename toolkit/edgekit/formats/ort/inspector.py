"""`.ort` files: operators from the flatbuffer, borders from ONNX Runtime."""

from pathlib import Path
from typing import Any

from edgekit.formats.ort import file as ort_file
from edgekit.system import packages

SUFFIXES = (".ort",)


def inspect(path: Path) -> dict[str, Any]:
    """Return borders and operators."""
    packages.versions(("onnxruntime",))
    found = ort_file.operators(path)
    inputs, outputs = ort_file.borders(path)
    return {
        "format": "ort",
        "inputs": [spec.model_dump() for spec in inputs],
        "outputs": [spec.model_dump() for spec in outputs],
        "operators": found,
    }
