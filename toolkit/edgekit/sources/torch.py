"""PyTorch models: `.pt2` exported programs, and factories with weights from a state dict."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import factory, pt2
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Array, TensorSpec
from edgekit.errors import ModelLoadError

SUFFIXES = (".pt2", ".pt", ".pth")
HUB = "torch"
PACKAGES = ("torch",)


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the model in evaluation mode. Pickled code in the file runs only with `trust`.

    Raises `ModelLoadError` for a broken or unsafe file, or where the input shape is not known.
    """
    if not trust:
        # Even where torch itself would fall back to unpickling code.
        os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    path = Path(source.path)
    if source.factory is None and path.suffix == ".pt2" and not trust:
        pt2.check(path)
    import torch

    torch.manual_seed(seed)
    if source.factory:
        return _from_factory(source, card, torch)
    if path.suffix != ".pt2":
        _refuse_pickle(path, torch)
    return _from_program(source, torch)


def _from_program(source: ModelSource, torch: Any) -> FloatModel:
    try:
        program = torch.export.load(source.path)
        module = program.module()
    except Exception as error:
        raise ModelLoadError(
            f"got a .pt2 file that torch {torch.__version__} cannot load: {source.ref}: {error}",
            "it may be truncated; save it again with torch.export.save",
        ) from error
    nodes = {node.name: node for node in program.graph.nodes}
    inputs = tuple(_spec(nodes[n]) for n in program.graph_signature.user_inputs)
    outputs = tuple(_spec(nodes[n]) for n in program.graph_signature.user_outputs)
    _one_of_each(source, inputs, outputs)
    return _float_model(source, module, inputs, outputs, torch, _largest_batch(program))


def _largest_batch(program: Any) -> int | None:
    """Return the largest size that the program's open dimensions allow, or None for any."""
    uppers = [limits.upper for limits in program.range_constraints.values()]
    finite = [int(upper) for upper in uppers if upper.is_finite]
    return min(finite, default=None)


def _from_factory(source: ModelSource, card: ModelCard, torch: Any) -> FloatModel:
    module = factory.call(source)
    if not isinstance(module, torch.nn.Module):
        raise ModelLoadError(
            f"got {type(module).__name__} from {source.ref}, expected a torch.nn.Module",
            "give --framework keras for a Keras factory",
        )
    if source.weights:
        _load_weights(module, source.weights, torch)
    shape = card.sample_shape("torch")
    if not shape:
        raise ModelLoadError(
            f"got no input shape for {source.ref}: a PyTorch module does not know its own",
            "give --input 28,28,1 (height, width, channels) or a card with --card",
        )
    module.eval()
    with torch.no_grad():
        try:
            output = module(torch.zeros(2, *shape))
        except Exception as error:
            raise ModelLoadError(
                f"got an error from {source.ref} for an input of shape {shape}: {error}",
                "check --input (height, width, channels)",
            ) from error
    if not isinstance(output, torch.Tensor):
        raise ModelLoadError(f"got {type(output).__name__} out of {source.ref}, expected a tensor")
    inputs = (TensorSpec(name="input", shape=(-1, *shape), dtype="float32"),)
    outputs = (TensorSpec(name="output", shape=(-1, *output.shape[1:]), dtype="float32"),)
    return _float_model(source, module, inputs, outputs, torch)


def _load_weights(module: Any, weights: str, torch: Any) -> None:
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state) if isinstance(state, dict) else state
        module.load_state_dict(state)
    except Exception as error:
        raise ModelLoadError(
            f"got weights that cannot be loaded from {weights}: {_reason(error)}",
            "give a state dict of this very architecture: torch.save(model.state_dict(), path)",
        ) from error


def _refuse_pickle(path: Path, torch: Any) -> None:
    """Say why a bare .pt is no model: pickled code, or weights without their architecture."""
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelLoadError(
            f"got {path}, which holds more than weights: loading it would run code from the file "
            f"({_reason(error)})",
            "save torch.export.save(program, 'model.pt2'), or the state dict for "
            "file.py:factory --weights",
        ) from error
    raise ModelLoadError(
        f"got weights alone in {path}, expected a model",
        f"name the code that builds it: edgekit convert file.py:factory --weights {path}",
    )


def _reason(error: Exception) -> str:
    """Return the part of torch's answer that says what was refused, on one line."""
    text = str(error)
    refused = re.search(r"Unsupported (?:global|class|operand)[^\n]*", text)
    return (refused.group(0) if refused else text.split("\n", maxsplit=1)[0])[:300]


def _one_of_each(
    source: ModelSource, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> None:
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelLoadError(
            f"got {len(inputs)} inputs and {len(outputs)} outputs in {source.ref}, "
            "expected one of each",
            "models with several inputs or outputs are not supported yet",
        )


def _float_model(
    source: ModelSource,
    module: Any,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    torch: Any,
    largest_batch: int | None = None,
) -> FloatModel:
    def predict(batch: Array) -> Array:
        fixed = inputs[0].shape[0]
        size = fixed if fixed > 0 else min(len(batch), largest_batch or len(batch))
        with torch.no_grad():
            parts = [
                module(torch.from_numpy(np.array(batch[start : start + size]))).numpy()
                for start in range(0, len(batch), size)
            ]
        return np.concatenate(parts)

    return FloatModel(source, HUB, module, inputs, outputs, predict)


def _spec(node: Any) -> TensorSpec:
    value = node.meta["val"]
    shape = tuple(size if isinstance(size, int) else -1 for size in value.shape)
    return TensorSpec(name=node.name, shape=shape, dtype=str(value.dtype).removeprefix("torch."))
