"""`.ort` files: operators from the flatbuffer, borders from ONNX Runtime."""

from pathlib import Path

from edgekit.core.facts import Facts
from edgekit.formats.ort import file as ort_file
from edgekit.system import packages

SUFFIXES = (".ort",)


def inspect(path: Path) -> Facts:
    """Return borders and operators."""
    packages.versions(("onnxruntime",))
    found = ort_file.operators(path)
    inputs, outputs = ort_file.borders(path)
    return Facts(format="ort", inputs=inputs, outputs=outputs, operators=found)
