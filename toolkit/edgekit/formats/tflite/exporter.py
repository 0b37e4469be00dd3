"""TFLite (LiteRT): one float conversion, then ai-edge-quantizer on the flatbuffer."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array, Arrays, Layout
from edgekit.errors import EdgekitError, ExportError
from edgekit.formats.keras import tracing
from edgekit.formats.tflite import file as tflite_file
from edgekit.formats.tflite import from_torch, patch, versions
from edgekit.formats.tflite import metadata as tflite_metadata

SUFFIX = ".tflite"
RUNTIME = "litert"
HUBS = ("keras", "tensorflow", "torch", "tflite")
PACKAGES = ("ai-edge-litert", "ai-edge-quantizer")

RECIPES = ("fp32", "fp16", "dynamic-int8", "int8", "int8-io8")
TEXTS = tflite_metadata.TEXTS


# The smallest and largest value of each tensor, as ai-edge-quantizer has them.
Ranges = dict[str, Any]


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
    if model.hub == "tflite":
        data = _quantize(Path(model.native), recipe, samples)
    elif recipe.scheme != "fp32":
        raise ExportError(f"got recipe {recipe.name} for a {model.hub} model, expected fp32 first")
    elif model.hub == "torch":
        data, layout = from_torch.convert(model, card)
    else:
        data = _from_tensorflow(model)
    data = versions.corrected(patch.inlined(data))
    path.write_bytes(tflite_metadata.embedded(data, card, card.version))
    found = tflite_file.read(path)
    _check_io(found, recipe, model)
    return Exported(
        inputs=found.inputs,
        outputs=found.outputs,
        op_histogram=found.op_histogram,
        layout=layout,
        min_runtime=versions.min_runtime(path.read_bytes()),
        notes=from_torch.narrowed(model) if model.hub == "torch" else (),
    )


def _from_tensorflow(model: FloatModel) -> bytes:
    """Convert with a batch of 1: a dynamic one is refused by browsers and some delegates.

    A Keras model is wrapped rather than traced to concrete functions, which would leave resource
    variables in the file: it loads, runs and answers NaN.
    """
    import tensorflow as tf

    converters = tf.lite.TFLiteConverter
    try:
        if model.hub == "keras":
            data = converters.from_keras_model(_fixed_batch(model)).convert()
        else:
            data = converters.from_concrete_functions([model.native]).convert()
    except EdgekitError:
        raise
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from the TFLite converter: {str(error)[:1000]}",
            "the message names the layer or op; replace it by one that TFLite has",
        ) from error
    names = [spec.name for spec in model.inputs], [spec.name for spec in model.outputs]
    return tflite_file.ordered(bytes(data), *names)


def _fixed_batch(model: FloatModel) -> Any:
    import keras

    tracing.unroll(model.native)
    inputs = [
        keras.Input(batch_shape=(1, *spec.shape[1:]), dtype=spec.dtype, name=spec.name)
        for spec in model.inputs
    ]
    arguments = tracing.call_arguments(model.native, inputs, keras)
    return keras.Model(inputs, model.native(arguments, training=False))


def _quantize(path: Path, recipe: Recipe, samples: Arrays | None) -> bytes:
    from ai_edge_quantizer import quantizer

    work = quantizer.Quantizer(str(path))
    _configure(work, recipe)
    ranges = _calibrate(path, work, samples) if recipe.is_calibrated else None
    try:
        return bytes(work.quantize(ranges).quantized_model)
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from ai-edge-quantizer for {recipe.name}: {error}",
            "try dynamic-int8 or fp16, which need no ranges",
        ) from error


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


def _calibrate(path: Path, work: Any, samples: Arrays | None) -> Ranges:
    """Return each tensor's smallest and largest value over all samples.

    The quantizer's default is a moving average, which clips outliers; min/max over the whole
    representative dataset is what TensorFlow's own converter does.
    """
    from ai_edge_quantizer import calibrator, recipe_manager

    if samples is None or not len(samples[0]):
        raise ExportError("got no representative dataset, expected at least 1 sample")
    key, names = tflite_file.signature(path)
    recipes = recipe_manager.RecipeManager()
    recipes.load_quantization_recipe(work.get_quantization_recipe())
    # One thread: several would merge the ranges in an order that changes from run to run.
    calibrating = calibrator.Calibrator(str(path), num_threads=1, qsv_update_func=_min_max)
    rows = [
        {name: np.ascontiguousarray(value[None]) for name, value in zip(names, row, strict=True)}
        for row in zip(*samples, strict=True)
    ]
    calibrating.calibrate({key: rows}, recipes)
    ranges: Ranges = calibrating.get_model_qsvs()
    return ranges


def _min_max(old: dict[str, Array], new: dict[str, Array]) -> dict[str, Array]:
    if not old:
        return new
    return {"min": np.minimum(old["min"], new["min"]), "max": np.maximum(old["max"], new["max"])}


def _check_io(found: tflite_file.TfliteFile, recipe: Recipe, model: FloatModel) -> None:
    """Refuse a file whose inputs or outputs are not what the recipe says."""
    layout = zip(found.inputs + found.outputs, model.inputs + model.outputs, strict=True)
    for spec, before in layout:
        kept = from_torch.NARROWED.get(before.dtype, before.dtype)
        wanted = recipe.io if before.dtype == "float32" else kept
        if spec.dtype != wanted:
            raise ExportError(
                f"got {spec.dtype} for tensor {spec.name} of the converted file, "
                f"expected {wanted} by recipe {recipe.name}",
                "the quantizer left this tensor out; choose the recipe with the other I/O type",
            )
    if recipe.weight == "int8" and not {"int8"} & set(found.tensor_types):
        raise ExportError(
            f"got no int8 tensor in the file made by {recipe.name}",
            "no operator of this model can be quantized",
        )
