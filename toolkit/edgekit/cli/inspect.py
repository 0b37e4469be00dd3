"""The verb `edgekit inspect`."""

from typing import TYPE_CHECKING

from edgekit.cli import console, options

if TYPE_CHECKING:
    from edgekit.core.facts import Fact, Facts
    from edgekit.core.tensor import TensorSpec

EXAMPLE = "Example: edgekit inspect build/mobilenet-int8.tflite"


def command(  # noqa: PLR0913, PLR0917 - a command line
    model: options.Inspected,
    framework: options.Framework = None,
    weights: options.Weights = None,
    signature: options.Signature = None,
    card: options.Card = None,
    input_shape: options.Input = None,
    trust: options.Trust = False,
    download: options.Download = False,
    as_json: options.Json = False,
) -> None:
    """Say what a model holds: inputs, outputs, operators, types. Nothing in a file is run.

    A zoo model, an architecture of timm, or what your own code builds is built to be looked at.
    """
    from edgekit.sources.inspect import inspect
    from edgekit.sources.open import parse_shapes

    found = inspect(
        model,
        framework=framework,
        weights=weights,
        signature=signature,
        card=card,
        inputs=parse_shapes(input_shape),
        trust=trust,
        download=download,
    )
    if as_json:
        console.document(found.document())
        return
    from edgekit.core.table import size

    console.say(f"path: {found.path}")
    if found.size_bytes is not None:
        console.say(f"size_bytes: {size(found.size_bytes)} ({found.size_bytes})")
    console.say(f"sha256: {found.sha256}")
    for name, words in _lines(found.facts):
        console.say(f"{name}: {words}")


def _lines(facts: "Facts") -> list[tuple[str, str]]:
    unsaid = "not stated"
    lines = [
        ("format", facts.format),
        ("inputs", _borders(facts.inputs) or unsaid),
        ("outputs", _borders(facts.outputs) or unsaid),
        ("operators", unsaid if facts.operators is None else _in_words("", {**facts.operators})),
    ]
    return lines + [(key, _in_words(key, value)) for key, value in facts.more.items()]


def _borders(specs: "tuple[TensorSpec, ...]") -> str:
    return "; ".join(f"{spec.name} {spec.in_words()}".strip() for spec in specs)


def _in_words(key: str, value: "Fact") -> str:
    from edgekit.core.table import size

    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int) and key.endswith("_bytes"):
        return f"{size(value)} ({value})"
    return str(value)
