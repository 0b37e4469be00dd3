"""`.ort` files: operators from the flatbuffer, inputs and outputs from ONNX Runtime."""

from pathlib import Path

from edgekit.core.facts import Facts
from edgekit.formats.ort import file as ort_file
from edgekit.system import packages

SUFFIXES = (".ort",)


def inspect(path: Path) -> Facts:
    """Return inputs and outputs and operators."""
    packages.versions(("onnxruntime",))
    found = ort_file.operators(path)
    inputs, outputs = ort_file.specs(path)
    return Facts(format="ort", inputs=inputs, outputs=outputs, operators=found)
