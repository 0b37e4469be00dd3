"""Quantizing a float32 ONNX file with ONNX Runtime's tools: what its exporters share."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array, Arrays
from edgekit.errors import ExportError

RECIPES = ("fp32", "fp16", "dynamic-int8", "int8")
# What reads int8 weights: operators that compute with them, and what gives them to the others.
INT8_READERS = {"MatMulInteger", "ConvInteger", "DynamicQuantizeLSTM", "DequantizeLinear"}


def quantized(path: Path, recipe: Recipe, samples: Arrays | None) -> Any:
    """Return the ModelProto of the float32 file `path` by any recipe but fp32.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Raises `ExportError`
    where nothing was quantized.
    """
    proto = _half(path) if recipe.name == "fp16" else _int8(path, recipe, samples)
    _check(proto, recipe)
    return proto


def _int8(path: Path, recipe: Recipe, samples: Arrays | None) -> Any:
    import onnx
    from onnxruntime import quantization

    common = {"per_channel": True, "weight_type": quantization.QuantType.QInt8}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model.onnx"
        if recipe.method == "dynamic":
            quantization.quantize_dynamic(path, made, **common)
        else:
            names = [value.name for value in onnx.load(path).graph.input]
            quantization.quantize_static(
                path,
                made,
                _calibration(quantization, names, samples),
                quant_format=quantization.QuantFormat.QDQ,
                activation_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                **common,
            )
        return onnx.load(made)


def _half(path: Path) -> Any:
    """Return the graph in half precision between float32 borders."""
    import onnx
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    # The converter appends its casts at the end, where the standard wants them sorted.
    half = ONNXModel(convert_float_to_float16(onnx.load(path), keep_io_types=True))
    half.topological_sort()
    return half.model


def _calibration(quantization: Any, names: list[str], samples: Arrays | None) -> Any:
    """Return the samples one at a time, as ONNX Runtime's calibration reads them."""
    if samples is None or not len(samples[0]):
        raise ExportError("got no representative dataset, expected at least 1 sample")
    arrays: tuple[Array, ...] = samples

    class OneByOne(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rows = iter(range(len(arrays[0])))

        def get_next(self) -> dict[str, Array] | None:
            row = next(self.rows, None)
            if row is None:
                return None
            parts = (np.array(values[row : row + 1]) for values in arrays)
            return dict(zip(names, parts, strict=True))

    return OneByOne()


def _check(proto: Any, recipe: Recipe) -> None:
    """Refuse a file that breaks the standard, or whose weights should be int8 and are not."""
    import onnx

    onnx.checker.check_model(proto, full_check=True)
    if recipe.weight != "int8":
        return
    int8 = onnx.TensorProto.INT8
    weights = {tensor.name for tensor in proto.graph.initializer if tensor.data_type == int8}
    readers = [node for node in proto.graph.node if node.op_type in INT8_READERS]
    if not any(weights & set(node.input) for node in readers):
        raise ExportError(
            f"got no quantized operator out of ONNX Runtime's tools for {recipe.name}",
            "the model has none that they can quantize; ship fp32",
        )
