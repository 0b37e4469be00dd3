"""ONNX Runtime's own format for phones: the ONNX file, optimised and laid out ahead of time."""

from pathlib import Path

from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays
from edgekit.errors import ExportError
from edgekit.formats.onnx import quantize
from edgekit.formats.onnx.session import Optimized, open_session
from edgekit.formats.ort import file as ort_file

SUFFIX = ".ort"
RUNTIME = "onnxruntime"
HUBS = ("keras", "tensorflow", "torch", "onnx")
PACKAGES = ("onnxruntime",)

RECIPES = quantize.RECIPES
ENTRIES = {
    "session.save_model_format": "ORT",
    # Keeps int8 as it is: here alone it would become uint8, which Arm has no need of.
    "session.qdqisint8allowed": "1",
}
TEXTS = ()
BYTES_NOTE = (
    "ONNX Runtime writes the parts of a .ort file in an order that changes from one conversion to "
    "the next: the same model does not give the same bytes"
)


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    if recipe.batch_max > 1:
        return "the file has one batch size"
    if recipe.scheme in RECIPES:
        return None
    return f"a .ort file is made from an ONNX file, which is made by {', '.join(RECIPES)}"


def differs_by_cpu(recipe: Recipe) -> bool:
    """Return whether files for CPUs that add int8 products exactly are others.

    Static int8 is not: in this format activations stay int8, and what multiplies int8 by int8 adds
    exactly on every CPU.
    """
    return recipe.method == "dynamic"


def derives_from(hub: str, recipe: Recipe) -> str | None:
    """Return the format whose fp32 file each `.ort` file is made from."""
    del hub, recipe
    return "onnx"


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path` from the float32 ONNX file behind `model`, quantized on the way.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Raises `ExportError`
    where ONNX Runtime refuses the file.
    """
    del card
    if model.hub != "onnx":
        raise ExportError(f"got a {model.hub} model, expected its ONNX file first")
    source = Path(model.source.path).read_bytes()
    full_range = recipe.exact_cpu or not differs_by_cpu(recipe)
    if recipe.scheme != "fp32":
        proto = quantize.quantized(Path(model.source.path), recipe, samples, full_range=full_range)
        source = proto.SerializeToString(deterministic=True)
    try:
        # One level more would choose operators and layouts for this machine's processor.
        open_session(source, Optimized(path, "EXTENDED", entries=ENTRIES))
    except Exception as error:  # ONNX Runtime's own exceptions share no class
        raise ExportError(
            f"got {type(error).__name__} from ONNX Runtime for {recipe.name}: {reason(error)}",
            "the message names the op; replace it by one that ONNX Runtime has",
        ) from error
    inputs, outputs = ort_file.specs(path)
    return Exported(
        inputs=inputs,
        outputs=outputs,
        op_histogram=ort_file.operators(path),
        notes=(BYTES_NOTE, *_about_range(recipe)),
        layout=model.layout,
    )


def _about_range(recipe: Recipe) -> tuple[str, ...]:
    return quantize.notes(full_range=recipe.exact_cpu) if differs_by_cpu(recipe) else ()
