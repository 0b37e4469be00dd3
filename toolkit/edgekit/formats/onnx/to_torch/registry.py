"""Which function converts which op."""

import functools
import importlib
from collections.abc import Callable, Sequence

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Value

Converter = Callable[[Graph, Node], Value | Sequence[Value]]

FAMILIES = (
    "arithmetic",
    "classical",
    "convolution",
    "normalization",
    "pooling",
    "recurrent",
    "reduction",
    "resize",
    "selection",
    "shapes",
)

_CONVERTERS: dict[tuple[str, str], Converter] = {}


def converts(*names: str, domain: str = "ai.onnx") -> Callable[[Converter], Converter]:
    """Register the decorated function for the ops called `names`."""

    def register(function: Converter) -> Converter:
        for name in names:
            _CONVERTERS[domain, name] = function
        return function

    return register


@functools.cache
def _load() -> None:
    for family in FAMILIES:
        importlib.import_module(f"edgekit.formats.onnx.to_torch.{family}")


def find(domain: str, name: str) -> Converter | None:
    """Return the converter of an op, or None."""
    _load()
    return _CONVERTERS.get((domain, name))


def why_not(name: str) -> str:
    """Say why an op has no converter."""
    if name.startswith("TreeEnsemble"):
        return "tree ensembles have no tensor form; ship the trees by their own library"
    if name in {"If", "Loop", "Scan"}:
        return "control flow that depends on the input"
    return "no converter"
