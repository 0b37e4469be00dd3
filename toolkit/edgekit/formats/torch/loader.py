"""PyTorch models: exported programs, TorchScript, and factories with weights from a checkpoint."""

import os
from pathlib import Path
from typing import Any

from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.errors import ModelLoadError
from edgekit.formats import factory
from edgekit.formats.torch import module as torch_module
from edgekit.formats.torch import program_file, weights_file
from edgekit.formats.torchscript import file as script_file
from edgekit.system import archive

SUFFIXES = (".pt2", ".torchscript", ".ts", ".ptl", *weights_file.SUFFIXES)
HUB = torch_module.HUB
LAYOUT = torch_module.LAYOUT
PACKAGES = ("torch",)


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the model in evaluation mode.

    Weights are read without running code; only with `trust` may a `.pt2` or TorchScript file do
    more than compute. Raises `ModelLoadError` for a
    broken or unsafe file, for weights without their code, or where the input shape is not known.
    """
    if not trust:
        # Even where torch itself would fall back to unpickling code.
        os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    path = Path(source.path)
    is_program = source.factory is None and path.suffix.lower() == ".pt2"
    if is_program and not trust:
        archive.check(path)
        program_file.check(path)
    import torch

    torch.manual_seed(seed)
    if source.factory:
        return _from_factory(source, card, torch)
    if is_program:
        return _from_program(source, torch)
    with weights_file.opened(path) as (stream, label):
        if script_file.is_script(stream):
            return _from_script(source, card, script_file.load(stream, label, trust=trust))
    weights_file.read(path)
    raise ModelLoadError(
        f"got weights alone in {path}, expected a model",
        f"name the code that builds it: edgekit convert file.py:factory --weights {path}",
    )


def _from_script(source: ModelSource, card: ModelCard, script: script_file.Script) -> FloatModel:
    traced = tuple((shape[1:], dtype) for shape, dtype in script.traced)
    inputs = torch_module.declared(card) or traced
    model = torch_module.from_module(source, script.module, inputs)
    torch_module.check_same(model, script.original)
    return model


def _from_program(source: ModelSource, torch: Any) -> FloatModel:
    try:
        program = torch.export.load(source.path)
    except Exception as error:
        raise ModelLoadError(
            f"got a .pt2 file that torch {torch.__version__} cannot load: {source.ref}: {error}",
            "it may be truncated; save it again with torch.export.save",
        ) from error
    return torch_module.from_program(source, program)


def _from_factory(source: ModelSource, card: ModelCard, torch: Any) -> FloatModel:
    module = factory.call(source)
    if not isinstance(module, torch.nn.Module):
        raise ModelLoadError(
            f"got {type(module).__name__} from {source.ref}, expected a torch.nn.Module",
            "give --framework keras for a Keras factory",
        )
    notes: tuple[str, ...] = ()
    if source.weights:
        notes = weights_file.load_into(module, Path(source.weights), source.ref)
    return torch_module.from_module(source, module, torch_module.declared(card), notes)
