"""TFLite (LiteRT): one float conversion, then ai-edge-quantizer on the flatbuffer."""

import functools
import itertools
import re
from pathlib import Path
from typing import Any

from edgekit.core import layout as layouts
from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays, Layout, TensorSpec
from edgekit.errors import EdgekitError, ExportError
from edgekit.formats import graph
from edgekit.formats.keras import tracing
from edgekit.formats.tflite import file as tflite_file
from edgekit.formats.tflite import (
    from_torch,
    joins,
    outputs,
    patch,
    ranges,
    scales,
    spared,
    versions,
)
from edgekit.formats.tflite import metadata as tflite_metadata

SUFFIX = ".tflite"
RUNTIME = "litert"
HUBS = ("keras", "tensorflow", "torch", "tflite")
PACKAGES = ("ai-edge-litert", "ai-edge-quantizer")

RECIPES = ("fp32", "fp16", "dynamic-int8", "int8", "int8-io8")
TEXTS = tflite_metadata.TEXTS


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    if recipe.scheme not in RECIPES:
        return f"TFLite files are made by {', '.join(RECIPES)}"
    return "a TFLite file has one batch size" if recipe.batch_max > 1 else None


def derives_from(hub: str, recipe: Recipe) -> str | None:
    """Return the format whose fp32 file this is made from: quantized files come from fp32's."""
    return None if recipe.scheme == "fp32" or hub == "tflite" else "tflite"


def packages_from(hub: str) -> tuple[str, ...]:
    """Return the distributions that starting from `hub` needs besides."""
    return ("litert-torch",) if hub == "torch" else ()


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path`. A float model is converted; a float .tflite file is quantized.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Raises `ExportError`.
    """
    layout: Layout = model.layout
    notes: tuple[str, ...] = ()
    if model.hub == "tflite":
        data, notes = _quantize(model.native, recipe, samples)
    elif recipe.scheme != "fp32":
        raise ExportError(f"got recipe {recipe.name} for a {model.hub} model, expected fp32 first")
    elif model.hub == "torch":
        data, layout = from_torch.convert(model, card)
        notes = from_torch.narrowed(model)
    else:
        data = _from_tensorflow(model)
    data = versions.corrected(patch.inlined(data))
    path.write_bytes(tflite_metadata.embedded(data, card, card.version))
    found = tflite_file.read(path)
    _check_io(found, recipe, model)
    if recipe.weight == "int8":
        kept = [spec for spec in found.inputs if spec.dtype not in {recipe.io, "float32"}]
        notes += tuple(f"input {layouts.plain_name(spec.name)} stays {spec.dtype}" for spec in kept)
    if model.hub == "torch" and layout == "NCHW":
        notes += _kept_layout(found)
    return Exported(
        inputs=found.inputs,
        outputs=found.outputs,
        op_histogram=found.op_histogram,
        layout=layout,
        min_runtime=versions.min_runtime(path.read_bytes()),
        notes=notes,
    )


def _kept_layout(found: tflite_file.TfliteFile) -> tuple[str, ...]:
    """Return what to say of images that lie as PyTorch has them, and not as TFLite's kernels do."""
    images = [spec for spec in found.inputs if layouts.layout_of(spec.shape) == "NCHW"]
    moves = found.op_histogram.get("TRANSPOSE", 0)
    return tuple(
        f"input {layouts.plain_name(spec.name)} lies as channels, height, width; the file has "
        f"{moves} TRANSPOSE, and --layout nhwc makes it take images as cameras give them"
        for spec in images[:1]
    )


def _from_tensorflow(model: FloatModel) -> bytes:
    """Convert with a batch of 1: a dynamic one is refused by browsers and some delegates.

    The graph is frozen before: a converter that is given resource variables may leave them in the
    file, which loads, runs and answers NaN.
    """
    try:
        native = model.native
        if model.hub == "keras":
            tracing.unroll(model)
            call = tracing.caller(model.native)
            native = graph.frozen(tracing.traced(call, model.inputs, batch=1))
        data = _converted(native, model)
    except EdgekitError:
        raise
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from the TFLite converter: {_lacking(error)}",
            "the message names the layer or op; replace it by one that TFLite has",
        ) from error
    return tflite_file.ordered(data, _names(model.inputs), _names(model.outputs))


def _names(specs: tuple[TensorSpec, ...]) -> list[str]:
    """Return names for a signature: in TensorFlow's characters, repeated ones numbered."""
    names: list[str] = []
    for spec in specs:
        plain = re.sub(r"\W", "_", spec.name)
        numbered = (f"{plain}_{n}" for n in itertools.count(2))
        every = itertools.chain([plain], numbered)
        names.append(next(name for name in every if name not in names))
    return names


def _converted(native: Any, model: FloatModel) -> bytes:
    """Convert by way of a SavedModel, which gives the file a signature with the model's names."""
    import tempfile

    import tensorflow as tf

    module = tf.Module()
    specs = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for tensor, name in zip(native.inputs, _names(model.inputs), strict=True)
    ]

    def named(*tensors: Any) -> dict[str, Any]:
        outputs = tf.nest.flatten(native(*tensors))
        return dict(zip(_names(model.outputs), outputs, strict=True))

    module.run = tf.function(named, input_signature=specs)
    with tempfile.TemporaryDirectory() as folder:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, folder, signatures=module.run, options=options)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def _lacking(error: Exception) -> str:
    """Return the reason: the operators that TFLite lacks, each with a place, where it is that."""
    found = re.findall(r"fused\[\"\w+:\", \"([^\"@]+).*?'tf\.(\w+)' op is neither", str(error))
    places: dict[str, str] = {}
    for place, operator in found:
        places.setdefault(operator, place)
    if not places:
        return reason(error)
    words = ", ".join(f"{operator} (at {place})" for operator, place in places.items())
    return f"TFLite has no operator for {words}"


def _quantize(
    model: bytes, recipe: Recipe, samples: Arrays | None
) -> tuple[bytes, tuple[str, ...]]:
    """Return the quantized file, and what was done to make it one that computes the same."""
    from ai_edge_quantizer import quantizer

    model = outputs.parted(model) if recipe.is_calibrated else model
    work = quantizer.Quantizer(model)
    _configure(work, recipe)
    found: ranges.Ranges | None = None
    notes: tuple[str, ...] = ()
    if recipe.is_calibrated:
        found, notes = ranges.widened(ranges.recorded(model, work, samples), model)
        notes += (*spared.spare(work, model), *_parted(work, joins.apart(model, found), recipe))
    try:
        data = bytes(work.quantize(found).quantized_model)
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from ai-edge-quantizer for {recipe.name}: {reason(error)}",
            "try dynamic-int8 or fp16, which need no ranges",
        ) from error
    if recipe.is_calibrated:
        data, mended = scales.mended(patch.inlined(data), model)
        scales.check(data)
        notes += mended
    return data, notes


def _parted(work: Any, found: tuple[joins.Join, ...], recipe: Recipe) -> tuple[str, ...]:
    """Leave joins of ranges that lie far apart in float, with what follows, and say so."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName

    for join in found:
        if join.ends and recipe.io != "float32":
            raise ExportError(
                f"got an output of which {join.in_words()}: one {recipe.io} scale cannot hold both",
                "choose int8, whose outputs are float, or give them as outputs of their own",
            )
        for scope in join.scopes:
            work.update_quantization_recipe(
                regex=f"^{re.escape(';'.join(scope))};$",
                operation_name=TFLOperationName.ALL_SUPPORTED,
                algorithm_key=AlgorithmName.NO_QUANTIZE,
            )
    return tuple(f"{each.in_words()}: it stays float, and what follows" for each in found)


def _configure(work: Any, recipe: Recipe) -> None:
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer import recipe as recipes
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    update = functools.partial(work.update_quantization_recipe, regex=".*")
    names = qtyping.TFLOperationName
    if recipe.scheme == "fp16":
        half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        update(
            operation_name=names.ALL_SUPPORTED,
            op_config=config,
            algorithm_key=AlgorithmName.FLOAT_CASTING,
        )
    elif recipe.method == "dynamic":
        work.load_quantization_recipe(recipes.dynamic_wi8_afp32())
    else:
        work.load_quantization_recipe(recipes.static_wi8_ai8())
        if recipe.io == "float32":
            for side in (names.INPUT, names.OUTPUT):
                update(operation_name=side, algorithm_key=AlgorithmName.NO_QUANTIZE)


def _check_io(found: tflite_file.TfliteFile, recipe: Recipe, model: FloatModel) -> None:
    """Refuse a file whose inputs or outputs are not what the recipe says."""
    layout = zip(found.inputs + found.outputs, model.inputs + model.outputs, strict=True)
    for spec, before in layout:
        narrowed = from_torch.NARROWED if model.hub == "torch" else {}
        kept = narrowed.get(before.dtype, before.dtype)
        wanted = recipe.io if before.dtype == "float32" else kept
        if spec.dtype != wanted:
            raise ExportError(
                f"got {spec.dtype} for tensor {spec.name} of the converted file, "
                f"expected {wanted} by recipe {recipe.name}",
                "the quantizer left this tensor out; choose the recipe with the other I/O type",
            )
    if recipe.weight != "float32" and recipe.weight not in found.tensor_types:
        raise ExportError(
            f"got no {recipe.weight} tensor in the file made by {recipe.name}",
            "the quantizer has no weight of this model to store so; ship fp32",
        )
