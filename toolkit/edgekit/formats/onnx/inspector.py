"""`.onnx` files."""

from pathlib import Path

from edgekit.core.facts import Facts
from edgekit.formats.onnx import file as onnx_file
from edgekit.system import packages

SUFFIXES = (".onnx",)


def inspect(path: Path) -> Facts:
    """Return inputs and outputs, operators, opsets and the producer. Raises `ModelLoadError`."""
    packages.versions(("onnx",))
    model = onnx_file.parse(path)
    return Facts(
        format="onnx",
        inputs=onnx_file.inputs_of(model),
        outputs=onnx_file.outputs_of(model),
        operators=onnx_file.op_histogram(model),
        more={
            "producer": f"{model.producer_name} {model.producer_version}".strip() or "unknown",
            "opsets": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
            "ir_version": model.ir_version,
        },
    )
