"""Quantizing a float32 ONNX file with ONNX Runtime's tools: what its exporters share."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.reason import reason
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array, Arrays
from edgekit.errors import EdgekitError, ExportError
from edgekit.formats.onnx import opsets
from edgekit.formats.onnx.file import reads

# The first opset whose quantized operators have a scale for each channel.
PER_CHANNEL = 13
RECIPES = ("fp32", "fp16", "dynamic-int8", "int8")
# What reads int8 weights: operators that compute with them, and what gives them to the others.
INT8_READERS = {"MatMulInteger", "ConvInteger", "DynamicQuantizeLSTM", "DequantizeLinear"}

FULL_NOTE = (
    "int8 at full range, for Arm CPUs and x86 CPUs with VNNI: other x86 CPUs cut off sums of int8 "
    "products, and answer otherwise"
)
REDUCED_NOTE = (
    "int8 weights use 7 of their 8 bits, so that x86 CPUs without VNNI answer as all others do; a "
    "target whose cpu_features name VNNI or Arm's asimd gets a file of 8 bits"
)


def notes(*, full_range: bool) -> tuple[str, ...]:
    """Return what to say of an int8 file about the CPUs that it is for."""
    return (FULL_NOTE if full_range else REDUCED_NOTE,)


def quantized(path: Path, recipe: Recipe, samples: Arrays | None, *, full_range: bool) -> Any:
    """Return the ModelProto of the float32 file `path` by any recipe but fp32.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Without `full_range`
    an int8 file answers alike on every CPU; docs/cpu-kinds.md has what that costs. Raises
    `ExportError` where nothing was quantized.
    """
    try:
        if recipe.scheme == "fp16":
            proto = _half(path)
        else:
            proto = _int8(path, recipe, samples, full_range=full_range)
        _check(proto, recipe)
    except EdgekitError:
        raise
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from ONNX Runtime's tools for {recipe.name}: "
            f"{reason(error)}",
            "try another recipe, or ship fp32",
        ) from error
    return proto


def _int8(path: Path, recipe: Recipe, samples: Arrays | None, *, full_range: bool) -> Any:
    import onnx
    from onnxruntime import quantization

    types, model = quantization.QuantType, _ready(onnx.load(path), path)
    # VPMADDUBSW adds two products in 16 bits: 2 x 255 x 64 fits, 2 x 255 x 127 does not.
    common = {"per_channel": True, "weight_type": types.QInt8, "reduce_range": not full_range}
    with tempfile.TemporaryDirectory() as folder:
        made, ready = Path(folder) / "model.onnx", Path(folder) / "ready.onnx"
        onnx.save(model, ready)
        if recipe.method == "dynamic":
            quantization.quantize_dynamic(
                ready, made, extra_options=_convolutions(model.graph, types), **common
            )
        else:
            names = [value.name for value in model.graph.input]
            quantization.quantize_static(
                ready,
                made,
                _calibration(quantization, names, samples),
                quant_format=quantization.QuantFormat.QDQ,
                # On x86 int8 activations become uint8 when the file is loaded, and stay slower.
                activation_type=types.QInt8 if full_range else types.QUInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                **common,
            )
        return onnx.load(made)


def _ready(model: Any, path: Path) -> Any:
    """Return the model as ONNX Runtime's quantizer takes it.

    Scales by channel are there since opset 13, and a bias is to have one dimension: of tf2onnx's
    `(1, n)` the quantizer takes the first row for a number.
    """
    model, _ = opsets.raised(model, path, PER_CHANNEL)
    known = {tensor.name: tensor for tensor in model.graph.initializer}
    readers = Counter(name for node in model.graph.node for name in reads(node))
    readers.update(item.name for item in model.graph.output)
    for node in model.graph.node:
        bias = known.get(node.input[2]) if node.op_type == "Gemm" and len(node.input) > 2 else None
        if bias is None or len(bias.dims) != 2 or bias.dims[0] != 1:
            continue
        if readers[bias.name] > 1:  # others may need it as it is
            model.graph.initializer.append(bias)
            bias = model.graph.initializer[-1]
            bias.name = node.input[2] = f"{node.output[0]}/bias"
        del bias.dims[0]
    return model


def _convolutions(graph: Any, types: Any) -> dict[str, object]:
    """Return options that give convolutions uint8 weights, at full range, in dynamic files.

    ConvInteger has no quick kernel for int8 weights on x86, and for uint8 one that is exact
    everywhere.
    """
    constant = {tensor.name for tensor in graph.initializer}
    weights = constant & {node.input[1] for node in graph.node if node.op_type == "Conv"}
    override = [{"quant_type": types.QUInt8, "reduce_range": False}]
    return {"TensorQuantOverrides": dict.fromkeys(sorted(weights), override)}


def _half(path: Path) -> Any:
    """Return the graph in half precision between float32 inputs and outputs."""
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
    kinds = {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    # Scales and zero points have one dimension, or none.
    weights = {t.name for t in proto.graph.initializer if t.data_type in kinds and len(t.dims) > 1}
    readers = [node for node in proto.graph.node if node.op_type in INT8_READERS]
    if not any(weights & set(node.input) for node in readers):
        raise ExportError(
            f"got no quantized operator out of ONNX Runtime's tools for {recipe.name}",
            "the model has none that they can quantize; ship fp32",
        )
