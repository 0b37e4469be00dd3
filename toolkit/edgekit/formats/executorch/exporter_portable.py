"""ExecuTorch's portable kernels alone: no delegate, for any CPU with a C++ compiler."""

from pathlib import Path

from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays
from edgekit.formats.executorch import lowering, metadata, quantizing

SUFFIX = ".pte"
RUNTIME = "executorch"
HUBS = ("torch",)
PACKAGES = ("torch", "torchao", "executorch")

RECIPES = ("fp32", "fp16", "int8", "int8-io8")
TEXTS = metadata.TEXTS
REFUSED = {
    "dynamic-int8": "the portable kernels compute in float32: ranges taken at run time only cost",
    "weight-int8": "the portable kernels have no int8 weights of their own: take int8",
    "palette4": "the portable kernels have no palettes",
}

INT8_NOTE = (
    "the portable runtime keeps weights and tensors as int8, but computes in float32 between "
    "quantize and dequantize: smaller, not faster; the app must link quantized_kernels"
)


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    return lowering.refusal(recipe, RECIPES, REFUSED, "the portable runtime")


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path` from a PyTorch module, for a batch of 1, or of 1 to `recipe.batch_max`.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Raises `ExportError`.
    """
    backend = lowering.Backend(
        "portable",
        partitioners=lambda _: [],
        quantizer=quantizing.quantizer,
        remarks=quantizing.remarks,
    )
    done = lowering.export(model, recipe, samples, path, card, backend)
    int8 = (INT8_NOTE,) if recipe.method == "static" else ()
    return done.model_copy(update={"notes": (*done.notes, *int8)})
