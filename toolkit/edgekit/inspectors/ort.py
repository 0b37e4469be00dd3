"""`.ort` files: operators from the flatbuffer, borders from ONNX Runtime."""

from pathlib import Path
from typing import Any

from edgekit import ortfile, plugins

SUFFIXES = (".ort",)


def inspect(path: Path) -> dict[str, Any]:
    """Return borders and operators."""
    plugins.versions(("onnxruntime",))
    found = ortfile.operators(path)
    inputs, outputs = ortfile.borders(path)
    return {
        "format": "ort",
        "inputs": [spec.model_dump() for spec in inputs],
        "outputs": [spec.model_dump() for spec in outputs],
        "operators": found,
    }
