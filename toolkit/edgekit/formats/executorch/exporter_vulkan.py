"""ExecuTorch with the Vulkan delegate, for GPUs of Android devices. Made here, not run here."""

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
PACKAGES = ("torch", "torchao", "executorch")

RECIPES = ("fp32", "fp16", "dynamic-int8")
TEXTS = metadata.TEXTS
REFUSED = {
    "int8": "ExecuTorch's Vulkan quantizer has no static ranges: take dynamic-int8",
    "int8-io8": "ExecuTorch's Vulkan quantizer has no static ranges: take dynamic-int8",
    "weight-int8": "ExecuTorch's route to Vulkan has not been tried with it: take dynamic-int8",
    "palette4": "Vulkan's kernels have no palettes",
}

NOTE = "not run here: the Vulkan delegate needs a GPU and a runtime built with it"
DYNAMIC_NOTE = "Vulkan's quantizer takes linear layers only: convolutions stay float32"


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    if recipe.batch_max > 1:
        return "Vulkan cannot be run here, so that a batch that varies could not be tested"
    return lowering.refusal(recipe, RECIPES, REFUSED, "Vulkan")


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path` from a PyTorch module, for a batch of 1.

    `samples` are not needed: no recipe of this exporter is calibrated. Raises `ExportError`.
    """
    backend = lowering.Backend(
        name="Vulkan",
        partitioners=_partitioners,
        quantizer=_quantizer,
        halves_itself=True,
        must_delegate=True,
    )
    done = lowering.export(model, recipe, samples, path, card, backend)
    notes = (NOTE, DYNAMIC_NOTE) if recipe.method == "dynamic" else (NOTE,)
    return done.model_copy(update={"notes": notes})


def _partitioners(recipe: Recipe) -> list[Any]:
    from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

    return [VulkanPartitioner({"force_fp16": True} if recipe.weight == "float16" else {})]


def _quantizer(recipe: Recipe) -> Any:
    from executorch.backends.vulkan.quantizer.vulkan_quantizer import (
        VulkanQuantizer,
        get_symmetric_quantization_config,
    )

    config = get_symmetric_quantization_config(is_dynamic=recipe.method == "dynamic")
    return VulkanQuantizer().set_global(config)
