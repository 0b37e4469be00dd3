"""TFLite (LiteRT): one float conversion, then ai-edge-quantizer on the flatbuffer."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import flatbuffer
from edgekit.core.artifact import FloatModel
from edgekit.core.exported import Exported
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array
from edgekit.errors import ExportError

SUFFIX = ".tflite"
RUNTIME = "litert"
HUBS = ("keras", "tflite")
PACKAGES = ("ai-edge-litert", "ai-edge-quantizer")


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    del recipe  # all of them can
    return None


def derives_from(recipe: Recipe) -> str | None:
    """Return the recipe whose file this one is made from: every quantized file from fp32."""
    return None if recipe.name == "fp32" else "fp32"


def export(model: FloatModel, recipe: Recipe, samples: Array | None, path: Path) -> Exported:
    """Write `path`. A Keras model is converted; a float .tflite file is quantized.

    `samples` `(n, ...)` float32 are the representative dataset. Raises `ExportError`.
    """
    if model.hub == "keras":
        if recipe.name != "fp32":
            raise ExportError(f"got recipe {recipe.name} for a Keras model, expected fp32 first")
        data = _convert(model)
    else:
        data = _quantize(Path(model.native), recipe, samples)
    path.write_bytes(data)
    found = flatbuffer.read(path)
    _check_io(found, recipe)
    return Exported(inputs=found.inputs, outputs=found.outputs, op_histogram=found.op_histogram)


def _convert(model: FloatModel) -> bytes:
    """Convert with a batch of 1: a dynamic one is refused by browsers and some delegates.

    The model is wrapped rather than traced to concrete functions, which would leave resource
    variables in the file: it loads, runs and answers NaN.
    """
    import keras
    import tensorflow as tf

    spec = model.inputs[0]
    image = keras.Input(batch_shape=(1, *spec.shape[1:]), dtype=spec.dtype, name=spec.name)
    fixed = keras.Model(image, model.native(image, training=False))
    try:
        return bytes(tf.lite.TFLiteConverter.from_keras_model(fixed).convert())
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from the TFLite converter: {error}",
            "the message names the layer or op; replace it by one that TFLite has",
        ) from error


def _quantize(path: Path, recipe: Recipe, samples: Array | None) -> bytes:
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
    if recipe.name == "fp16":
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
            for border in (names.INPUT, names.OUTPUT):
                update(operation_name=border, algorithm_key=AlgorithmName.NO_QUANTIZE)


def _calibrate(path: Path, work: Any, samples: Array | None) -> dict[str, Any]:
    """Return each tensor's smallest and largest value over all samples.

    The quantizer's default is a moving average, which clips outliers; min/max over the whole
    representative dataset is what TensorFlow's own converter does.
    """
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import calibrator, recipe_manager

    if samples is None or not len(samples):
        raise ExportError("got no representative dataset, expected at least 1 sample")
    signatures = Interpreter(model_path=str(path)).get_signature_list()
    key, name = next((key, value["inputs"][0]) for key, value in signatures.items())
    recipes = recipe_manager.RecipeManager()
    recipes.load_quantization_recipe(work.get_quantization_recipe())
    # One thread: several would merge the ranges in an order that changes from run to run.
    calibrating = calibrator.Calibrator(str(path), num_threads=1, qsv_update_func=_min_max)
    rows = [{name: np.ascontiguousarray(sample[None])} for sample in samples]
    calibrating.calibrate({key: rows}, recipes)
    ranges: dict[str, Any] = calibrating.get_model_qsvs()
    return ranges


def _min_max(old: dict[str, Array], new: dict[str, Array]) -> dict[str, Array]:
    if not old:
        return new
    return {"min": np.minimum(old["min"], new["min"]), "max": np.maximum(old["max"], new["max"])}


def _check_io(found: flatbuffer.TfliteFile, recipe: Recipe) -> None:
    """Refuse a file whose borders are not what the recipe says."""
    for spec in found.inputs + found.outputs:
        if spec.dtype != recipe.io:
            raise ExportError(
                f"got {spec.dtype} for tensor {spec.name} of the converted file, "
                f"expected {recipe.io} by recipe {recipe.name}",
                "the quantizer left this tensor out; choose the recipe with the other I/O type",
            )
    if recipe.weight == "int8" and not {"int8"} & set(found.tensor_types):
        raise ExportError(
            f"got no int8 tensor in the file made by {recipe.name}",
            "no operator of this model can be quantized",
        )
