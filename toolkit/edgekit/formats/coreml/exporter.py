"""Core ML packages, written on any system by coremltools; only Apple devices run them."""

import functools
import hashlib
import json
import logging
import re
import shutil
import uuid
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays, TensorSpec
from edgekit.errors import EdgekitError, ExportError

SUFFIX = ".mlpackage"
RUNTIME = None
HUBS = ("torch",)
PACKAGES = ("torch", "coremltools")

# The operator that each compressed recipe's weights go through, in the finished program.
MARKS = {"weight-int8": "constexpr_affine_dequantize", "palette4": "constexpr_lut_to_dense"}
RECIPES = ("fp32", "fp16", *MARKS)
TEXTS = ()
MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")

NOT_RUN = "not run here: Core ML runs on Apple devices only"
# The first with both compressed forms of weights.
DEPLOYMENT = "made for iOS 16, macOS 13, watchOS 9, tvOS 16 and later"
HALF = "computes in half precision, which Apple's Neural Engine needs"


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    if recipe.scheme in RECIPES:
        return None
    return f"Core ML packages are made by {', '.join(RECIPES)}"


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write the folder `path` from a PyTorch module, for a batch of 1, with tensors as I/O.

    No recipe is calibrated, so `samples` are not looked at. Raises `ExportError`.
    """
    del samples, card
    warnings.filterwarnings("ignore")
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    inputs, outputs = _borders(model.inputs), _borders(model.outputs)
    try:
        _write(model, inputs, outputs, recipe, path)
        histogram = _check(path, inputs, outputs, recipe)
    except EdgekitError:
        raise
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from coremltools for {recipe.name}: {reason(error)}",
            "the message names the op; replace it by one that Core ML has",
        ) from error
    half = () if recipe.scheme == "fp32" else (HALF,)
    return Exported(
        inputs=inputs,
        outputs=outputs,
        op_histogram=histogram,
        notes=(NOT_RUN, DEPLOYMENT, *half),
        layout=model.layout,
    )


def _borders(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Return the specs with a batch of 1, and names and types that Core ML knows."""
    return tuple(
        TensorSpec(
            name=re.sub(r"\W|^(?=\d)", "_", spec.name),
            shape=(1, *spec.shape[1:]),
            dtype="float32" if spec.dtype.startswith("float") else "int32",
        )
        for spec in specs
    )


def _write(
    model: FloatModel,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    recipe: Recipe,
    path: Path,
) -> None:
    made = _compressed(_converted(model, inputs, outputs, recipe), recipe)
    shutil.rmtree(path, ignore_errors=True)
    made.save(str(path))
    # For ExecuTorch's debugger, where it hands a graph to Core ML; an app has no use for it.
    (path / "executorch_debug_handle_mapping.json").unlink(missing_ok=True)
    # Written again with its maps in order, which protobuf does not promise by itself.
    (path / MODEL).write_bytes(made.get_spec().SerializeToString(deterministic=True))
    _name_by_content(path)


def _converted(
    model: FloatModel,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    recipe: Recipe,
) -> Any:
    import coremltools as ct
    import torch

    convert = functools.partial(
        ct.convert,
        source="pytorch",
        convert_to="mlprogram",
        inputs=[ct.TensorType(s.name, shape=s.shape, dtype=np.dtype(s.dtype).type) for s in inputs],
        outputs=[ct.TensorType(s.name, dtype=np.dtype(s.dtype).type) for s in outputs],
        compute_precision=ct.precision.FLOAT32 if recipe.scheme == "fp32" else ct.precision.FLOAT16,
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
    )
    example = tuple(
        torch.zeros((1, *spec.shape[1:]), dtype=getattr(torch, spec.dtype)) for spec in model.inputs
    )
    with torch.no_grad():
        try:
            return convert(torch.export.export(model.native, example).run_decompositions({}))
        except Exception:  # noqa: BLE001 - a trace has more operators: recurrent layers, say
            return convert(torch.jit.trace(model.native, example))


def _compressed(made: Any, recipe: Recipe) -> Any:
    if recipe.scheme not in MARKS:
        return made
    from coremltools.optimize import coreml

    # Small weights too: on a small net, the tools' own threshold would leave all as they are.
    if recipe.method == "palette":
        config = coreml.OpPalettizerConfig(mode="kmeans", nbits=4, weight_threshold=0)
        return coreml.palettize_weights(made, coreml.OptimizationConfig(global_config=config))
    config = coreml.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=0
    )
    return coreml.linear_quantize_weights(made, coreml.OptimizationConfig(global_config=config))


def _name_by_content(path: Path) -> None:
    """Replace the random identifiers in the manifest, so that equal packages are equal bytes."""
    digest = hashlib.sha256()
    for file in sorted(path.glob("Data/**/*")):
        if file.is_file():
            digest.update(file.read_bytes())
    manifest = json.loads((path / "Manifest.json").read_text())
    items = sorted(manifest["itemInfoEntries"].items(), key=lambda item: item[1]["path"])
    names = {
        old: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{digest.hexdigest()} {item['path']}"))
        for old, item in items
    }
    manifest["itemInfoEntries"] = {names[old]: item for old, item in items}
    manifest["rootModelIdentifier"] = names[manifest["rootModelIdentifier"]]
    (path / "Manifest.json").write_text(json.dumps(manifest, indent=4) + "\n")


def _check(
    path: Path, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], recipe: Recipe
) -> dict[str, int]:
    """Read the package again, hold its I/O against the model's, and return its operators."""
    import coremltools as ct

    found = ct.models.MLModel(str(path), skip_model_load=True).get_spec()
    wanted = [(spec.name, spec.shape) for spec in (*inputs, *outputs)]
    described = (*found.description.input, *found.description.output)
    got = [(item.name, tuple(item.type.multiArrayType.shape)) for item in described]
    if got != wanted:
        raise ExportError(
            f"got inputs and outputs {got} in the Core ML package, expected {wanted}",
            "give the model's inputs and outputs plain names, and report this",
        )
    if not (path / WEIGHTS).is_file():
        raise ExportError(
            "got a Core ML package with no weights, expected some",
            "the model has no layer with weights; there is nothing to ship",
        )
    main = found.mlProgram.functions["main"]
    blocks = main.block_specializations.values()
    counts = Counter(op.type for block in blocks for op in block.operations)
    del counts["const"]
    if recipe.scheme in MARKS and not counts[MARKS[recipe.scheme]]:
        raise ExportError(
            f"got no quantized operator out of coremltools for {recipe.name}",
            "the model has no weight that it can compress; ship fp16",
        )
    return dict(sorted(counts.items()))
