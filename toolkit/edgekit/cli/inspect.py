"""The verb `edgekit inspect`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edgekit.cli import console, options

EXAMPLE = "Example: edgekit inspect build/mobilenet-int8.tflite"


def command(
    file: Annotated[
        Path,
        typer.Argument(
            help="A .tflite, .pte, .onnx, .ort, .ptl, .mlpackage, .keras, .h5 or .pt2 file."
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Say what a model file holds: borders, operators, types. Nothing in it is run."""
    from edgekit.formats.inspection import inspect

    facts = inspect(file)
    if as_json:
        console.document(facts)
        return
    for key, value in facts.items():
        console.say(f"{key}: {_in_words(key, value)}")


def _in_words(key: str, value: Any) -> str:
    from edgekit.core.table import size
    from edgekit.core.tensor import TensorSpec

    if key in {"inputs", "outputs"}:
        specs = [TensorSpec.model_validate({"name": "", **spec}) for spec in value]
        return "; ".join(f"{spec.name} {spec.in_words()}".strip() for spec in specs)
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{size(value)} ({value})" if key.endswith("_bytes") else str(value)
