"""ExecuTorch with the XNNPACK delegate, for CPUs."""

from pathlib import Path
from typing import Any

from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays
from edgekit.formats.executorch import lowering, metadata, quantizing, xnnpack_passes

SUFFIX = ".pte"
RUNTIME = "executorch"
HUBS = ("torch",)
PACKAGES = ("torch", "torchao", "executorch")

RECIPES = ("fp32", "fp16", "dynamic-int8", "int8", "int8-io8")
TEXTS = metadata.TEXTS
REFUSED = {
    "weight-int8": "XNNPACK multiplies int8 weights by int8 activations only: take dynamic-int8",
    "palette4": "XNNPACK has no palettes",
}

HALF_NOTE = (
    "ExecuTorch writes the weights of fp16 convolutions for XNNPACK as float32: "
    "a net of convolutions stays almost as large as fp32"
)


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    return lowering.refusal(recipe, RECIPES, REFUSED, "XNNPACK")


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path` from a PyTorch module, for a batch of 1, or of 1 to `recipe.batch_max`.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Raises `ExportError`.
    """
    done = lowering.export(model, recipe, samples, path, card, _backend())
    half = (HALF_NOTE,) if recipe.weight == "float16" else ()
    return done.model_copy(update={"notes": (*done.notes, *half)})


def _backend() -> lowering.Backend:
    return lowering.Backend(
        name="XNNPACK",
        partitioners=_partitioners,
        quantizer=quantizing.quantizer,
        remarks=quantizing.remarks,
        rewrite=xnnpack_passes.rewrite,
    )


def _partitioners(recipe: Recipe) -> list[Any]:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    del recipe
    return [XnnpackPartitioner()]
