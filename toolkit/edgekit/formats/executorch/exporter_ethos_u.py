"""ExecuTorch with the Ethos-U delegate, for Arm's microcontroller NPUs. Made here, not run here."""

from pathlib import Path
from typing import Any

from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays
from edgekit.formats.executorch import lowering, metadata
from edgekit.system import packages

SUFFIX = ".pte"
RUNTIME = None
HUBS = ("torch",)
PACKAGES = ("torch", "torchao", "executorch", "ethos-u-vela", "tosa-tools")

RECIPES = ("int8", "int8-io8")
TEXTS = metadata.TEXTS
FLOAT = "the Ethos-U computes in integers only: take int8"
REFUSED = {
    "fp32": FLOAT,
    "fp16": FLOAT,
    "dynamic-int8": "the Ethos-U takes no ranges at run time: take int8",
    "weight-int8": FLOAT,
    "palette4": FLOAT,
}

# The default of ExecuTorch 1.5.1's own recipe for the U55 (backends/arm/recipes): 128 MACs a cycle.
ACCELERATOR = "ethos-u55-128"
NOTE = (
    f"compiled by Vela for {ACCELERATOR}; not run here: it needs that NPU, or Arm's simulator of it"
)


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    if recipe.batch_max > 1:
        return "the Ethos-U's compiler takes a batch of 1 only"
    return lowering.refusal(recipe, RECIPES, REFUSED, "Ethos-U")


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path` from a PyTorch module, for a batch of 1.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Raises
    `MissingExtraError` without Arm's compilers, and `ExportError`.
    """
    packages.versions(PACKAGES)
    from executorch.backends.arm.ethosu import EthosUCompileSpec

    spec = EthosUCompileSpec(ACCELERATOR)
    backend = lowering.Backend(
        name="Ethos-U",
        partitioners=lambda _: _partitioners(spec),
        quantizer=lambda _: _quantizer(spec),
        edge_passes=_edge_passes,
        edge_config={"_check_ir_validity": False},
        # Arm's runtime expects the compiled network inside the program, in no segment of its own.
        executorch_config={"extract_delegate_segments": False},
        must_delegate=True,
    )
    done = lowering.export(model, recipe, samples, path, card, backend)
    return done.model_copy(update={"notes": (NOTE,)})


def _partitioners(spec: Any) -> list[Any]:
    from executorch.backends.arm.ethosu import EthosUPartitioner

    return [EthosUPartitioner(spec)]


def _quantizer(spec: Any) -> Any:
    from executorch.backends.arm.quantizer import (
        EthosUQuantizer,
        get_symmetric_quantization_config,
    )

    return EthosUQuantizer(spec).set_global(get_symmetric_quantization_config(is_per_channel=True))


def _edge_passes() -> list[Any]:
    """Return the pass that puts Cortex-M kernels where int8 and float meet."""
    from executorch.backends.cortex_m.passes.replace_quant_nodes_pass import ReplaceQuantNodesPass

    return [ReplaceQuantNodesPass()]
