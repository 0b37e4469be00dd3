"""Architectures of PyTorch Image Models, by name: `timm:NAME`, with weights from a file."""

import difflib
from pathlib import Path
from typing import Any

from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.errors import MissingExtraError, ModelLoadError
from edgekit.formats.torch import module as torch_module
from edgekit.formats.torch import weights_file

SUFFIXES: tuple[str, ...] = ()
HUB = torch_module.HUB
LAYOUT = torch_module.LAYOUT
PACKAGES = ("torch", "timm")


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Build the architecture, load `source.weights` into it, and return it in evaluation mode.

    The published weights are downloaded only where `source.arguments["pretrained"]` says so. The
    input is the card's, else the one the architecture was made for. Raises `ModelLoadError` for an
    unknown name or weights that do not fit, `MissingExtraError` without timm or torchvision.
    """
    del trust  # nothing is read but weights
    import torch

    timm = _import()
    torch.manual_seed(seed)
    name = str(source.arguments["name"])
    try:
        model = timm.create_model(name, pretrained=bool(source.arguments.get("pretrained")))
    except Exception as error:
        near = difflib.get_close_matches(name.partition(".")[0], timm.list_models(), n=5)
        raise ModelLoadError(
            f"got '{name}', which timm {timm.__version__} cannot build: {error}",
            f"did you mean {' or '.join(near)}?" if near else "timm.list_models() has the names",
        ) from error
    notes: tuple[str, ...] = ()
    if source.weights:
        notes = weights_file.load_into(model, Path(source.weights), source.ref)
    inputs = torch_module.declared(card) or _made_for(model)
    return torch_module.from_module(source, model, inputs, notes)


def _import() -> Any:
    """Import timm, which needs torchvision built for the very torch that is installed."""
    try:
        import timm
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"got no installed package '{error.name}', expected it for timm models",
            "install timm, and the torchvision that was built for your torch",
        ) from error
    except RuntimeError as error:
        raise MissingExtraError(
            f"got a torchvision that does not fit the installed torch: {error}",
            "install the torchvision that was built for your torch",
        ) from error
    return timm


def _made_for(model: Any) -> torch_module.Inputs:
    size = getattr(model, "pretrained_cfg", {}).get("input_size")
    return ((tuple(size), "float32"),) if size else ()
