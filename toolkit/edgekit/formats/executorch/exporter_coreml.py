"""ExecuTorch with the Core ML delegate, for Apple's devices. Made here, not run here."""

from pathlib import Path
from typing import Any

from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays
from edgekit.formats.executorch import lowering, metadata

SUFFIX = ".pte"
RUNTIME = None
HUBS = ("torch",)
PACKAGES = ("torch", "torchao", "executorch", "coremltools")

RECIPES = ("fp32", "fp16", "int8")
TEXTS = metadata.TEXTS
REFUSED = {
    "dynamic-int8": "Core ML takes no ranges at run time",
    "int8-io8": "Core ML's inputs and outputs are float",
    "weight-int8": "ExecuTorch's route to Core ML has not been tried with it: take int8",
    "palette4": "ExecuTorch's route to Core ML has not been tried with it: take int8",
}

NOTE = "not run here: Core ML runs on Apple's systems only"


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    if recipe.batch_max > 1:
        return "Core ML cannot be run here, so that a batch that varies could not be tested"
    return lowering.refusal(recipe, RECIPES, REFUSED, "Core ML")


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path` from a PyTorch module, for a batch of 1.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Raises `ExportError`.
    """
    backend = lowering.Backend(
        name="Core ML",
        partitioners=_partitioners,
        quantizer=_quantizer,
        edge_config={"_check_ir_validity": False},
        halves_itself=True,
        must_delegate=True,
    )
    done = lowering.export(model, recipe, samples, path, card, backend)
    return done.model_copy(update={"notes": (NOTE,)})


def _partitioners(recipe: Recipe) -> list[Any]:
    import coremltools
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner

    precision, target = coremltools.precision, coremltools.target
    specs = CoreMLBackend.generate_compile_specs(
        compute_precision=precision.FLOAT32 if recipe.scheme == "fp32" else precision.FLOAT16,
        # iOS 17 is the first with quantized activations; below that ExecuTorch's own default.
        minimum_deployment_target=target.iOS17 if recipe.method == "static" else None,
    )
    # State that changes between runs would need iOS 18, for nothing: inference changes none.
    return [CoreMLPartitioner(compile_specs=specs, take_over_mutable_buffer=False)]


def _quantizer(recipe: Recipe) -> Any:
    import torch
    from coremltools.optimize.torch import quantization
    from executorch.backends.apple.coreml.quantizer import CoreMLQuantizer

    del recipe
    every = quantization.ModuleLinearQuantizerConfig(
        quantization_scheme="symmetric",
        activation_dtype=torch.quint8,
        weight_dtype=torch.qint8,
        weight_per_channel=True,
    )
    return CoreMLQuantizer(quantization.LinearQuantizerConfig(global_config=every))
