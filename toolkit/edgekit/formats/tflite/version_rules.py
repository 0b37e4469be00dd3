"""What decides which version of an operator is needed: TensorFlow Lite's rules, as a table."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Tensor(NamedTuple):
    """What a rule looks at in an input or output."""

    type: str
    shape: tuple[int, ...]
    scales: tuple[float, ...]
    quantized_axis: int
    has_quantization: bool
    is_sparse: bool

    def is_quantized_along(self, axis: int) -> bool:
        """Whether there is one scale for each slice along `axis`."""
        return axis < len(self.shape) and len(self.scales) == self.shape[axis]


# TensorType.INT64 of the schema.
INT64 = 4
# What stands where an optional tensor is left out.
NO_TENSOR = Tensor("none", (), (), 0, has_quantization=False, is_sparse=False)


class Use(NamedTuple):
    """One operator: its tensors and its options, as the schema's object."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: Any

    def input(self, index: int) -> Tensor:
        """Return an input, or `NO_TENSOR`."""
        return self.inputs[index] if index < len(self.inputs) else NO_TENSOR

    @property
    def output(self) -> Tensor:
        """Return the first output, or `NO_TENSOR`."""
        return self.outputs[0] if self.outputs else NO_TENSOR


Condition = Callable[[Use], bool]
# Versions with their conditions: the first that holds decides, else the first version there is.
Rules = tuple[tuple[int, Condition], ...]


def _first(*types: str) -> Condition:
    return lambda use: use.input(0).type in types


def _nth(index: int, *types: str) -> Condition:
    return lambda use: use.input(index).type in types


def _into(*types: str) -> Condition:
    return lambda use: use.output.type in types


def _either(*types: str) -> Condition:
    """Whether the first input or the first output has one of the types."""
    return lambda use: use.input(0).type in types or use.output.type in types


def _typed(source: str, weight: str, result: str, at: int = 1) -> Condition:
    """Whether input, weight (the input `at`) and output have these types."""
    wanted = (source, weight, result)
    return lambda use: (use.input(0).type, use.input(at).type, use.output.type) == wanted


def _rank_over(limit: int) -> Condition:
    return lambda use: len(use.input(0).shape) > limit


def _option(*names: str) -> Condition:
    return lambda use: any(getattr(use.options, name, None) for name in names)


def _both(*conditions: Condition) -> Condition:
    return lambda use: all(condition(use) for condition in conditions)


def _any(*conditions: Condition) -> Condition:
    return lambda use: any(condition(use) for condition in conditions)


def _without(condition: Condition) -> Condition:
    return lambda use: not condition(use)


def _per_channel(axis: int) -> Condition:
    return lambda use: use.input(1).is_quantized_along(axis)


def _some_scales(tensor: Tensor) -> bool:
    return len(tensor.scales) > 1 and tensor.is_quantized_along(tensor.quantized_axis)


def _broadcasts_over_4(use: Use) -> bool:
    shapes = [tensor.shape for tensor in use.inputs]
    return len(shapes) > 1 and shapes[0] != shapes[1] and max(map(len, shapes)) > 4


def _is_grouped(use: Use) -> bool:
    image, weights = use.input(0).shape, use.input(1).shape
    return len(image) == len(weights) == 4 and image[3] != weights[3]


def _rescales_upwards(use: Use) -> bool:
    """Whether a product's scale is at least its output's: both quantized, of course."""
    scales = [t.scales[0] for t in (use.input(0), use.input(1), use.output) if t.scales]
    return len(scales) == 3 and all(scales) and scales[0] * scales[1] / scales[2] >= 1


def _quantized(*indices: int) -> Condition:
    return lambda use: any(use.input(index).has_quantization for index in indices)


def _scaled_freely(use: Use) -> bool:
    """Whether int16 scales need not be powers of two."""
    return getattr(use.options, "potScaleInt16", True) is False


_HYBRID = _typed("float32", "int8", "float32")
_INT8 = _typed("int8", "int8", "int8")
_INT16_INT8 = _typed("int16", "int8", "int16")
_INT8_INT4 = _typed("int8", "int4", "int8")
_ALL_INT16 = _typed("int16", "int16", "int16")
# With int16 activations TensorFlow Lite's own rule asks for the version that brought the attribute
# wherever it stands, even where it says int64: that was the meaning before there was a choice, and
# older runtimes compute it rightly. TensorFlow's converter does not ask for it either.
_BIAS_TYPE = _both(
    _INT16_INT8,
    _option("quantizedBiasType"),
    lambda use: use.options.quantizedBiasType != INT64,
)
_ASYMMETRIC = _option("asymmetricQuantizeInputs")
_FROM_INT16 = _first("int16")
_INT16_TO_INT16 = _both(_first("int16"), _into("int16"))

_2_INT8: Rules = ((2, _first("int8")),)
_2_INT8_3_INT16: Rules = ((3, _FROM_INT16), (2, _first("int8")))
_2_INT8_3_INT16_BOTH: Rules = ((3, _INT16_TO_INT16), (2, _first("int8")))
_2_SMALL_INTS: Rules = ((2, _first("int8", "int16")),)
_COMPARISON: Rules = ((3, _first("string")), (2, _first("int8")))
_PAD: Rules = ((5, _first("bool")), (4, _rank_over(4)), *_2_INT8_3_INT16)
_BATCHES: Rules = (
    (4, _FROM_INT16),
    (3, lambda use: len(use.input(0).shape) != 4),
    (2, _first("int8")),
)
_EXTREME: Rules = ((4, _INT16_TO_INT16), (3, _broadcasts_over_4), (2, _first("int8")))
_RECURRENT: Rules = (
    (3, _both(_nth(1, "int8"), _into("float32"), _ASYMMETRIC)),
    (2, _both(_nth(1, "int8"), _into("float32"))),
)
_LSTM_HYBRID = _typed("float32", "int8", "float32", at=2)
_LSTM_INT16 = _typed("int16", "int8", "int16", at=2)
# LSTMKernelType: 0 is FULL, 1 is BASIC.
_BASIC = _option("kernelType")

RULES: dict[str, Rules] = {
    "ABS": (
        (5, _first("int32")),
        (3, _both(_FROM_INT16, _quantized(0))),
        (4, _FROM_INT16),
        (2, _first("int8", "uint8")),
    ),
    "ADD": (
        (5, _both(_FROM_INT16, _without(_quantized(0)))),
        (4, _first("int64")),
        (3, _both(_INT16_TO_INT16, _scaled_freely)),
        (2, _first("int8")),
    ),
    "ARG_MAX": ((3, _first("bool")), (2, _first("int8"))),
    "ARG_MIN": ((3, _first("bool")), (2, _first("int8"))),
    "AVERAGE_POOL_2D": _2_INT8_3_INT16_BOTH,
    "BATCH_MATMUL": (*_2_INT8_3_INT16, (4, _both(_HYBRID, _ASYMMETRIC))),
    "BATCH_TO_SPACE_ND": _BATCHES,
    "BIDIRECTIONAL_SEQUENCE_LSTM": _RECURRENT,
    "BIDIRECTIONAL_SEQUENCE_RNN": _RECURRENT,
    "BROADCAST_TO": ((3, _first("int8", "int16")),),
    "CAST": (
        (8, _either("int2", "uint4")),
        (7, _either("bfloat16")),
        (6, _both(_first("int4"), _into("float32"))),
        (5, _either("float64", "float16")),
        (4, _either("uint16")),
        (3, _either("int8")),
        (2, _either("uint32")),
    ),
    "CONCATENATION": ((5, _first("int4")), (4, _first("uint32")), *_2_INT8_3_INT16),
    "CONV_2D": (
        (8, _BIAS_TYPE),
        (6, _is_grouped),
        (4, _ALL_INT16),
        (3, _INT8),
        (7, _INT8_INT4),
        (5, _both(_HYBRID, _per_channel(0))),
        (2, _HYBRID),
        # TensorFlow's converter never makes this one and has no rule for it; tflite-runtime 2.14
        # runs it and answers wrongly, while it refuses the highest version that there is.
        (8, _typed("float32", "int4", "float32")),
    ),
    "DEPTHWISE_CONV_2D": (
        (5, _ALL_INT16),
        (6, _both(_HYBRID, _per_channel(3))),
        (4, _HYBRID),
        (3, _INT8),
        (7, _INT8_INT4),
        (2, lambda use: (use.options.dilationWFactor, use.options.dilationHFactor) != (1, 1)),
    ),
    "DEPTH_TO_SPACE": _2_INT8,
    "DEQUANTIZE": (
        (8, _first("uint4")),
        (7, _first("int2")),
        (6, _first("int4")),
        (3, _first("int16", "float16")),
        (5, _both(_first("int8"), lambda use: _some_scales(use.input(0)))),
        (2, _first("int8")),
    ),
    "DIV": ((2, _broadcasts_over_4),),
    "DYNAMIC_UPDATE_SLICE": (
        (5, _first("int4")),
        (4, _FROM_INT16),
        (3, _first("float16")),
        (2, _nth(2, "int64")),
    ),
    "EMBEDDING_LOOKUP": (
        (4, _any(_nth(1, "int4"), lambda use: _some_scales(use.input(1)))),
        (5, _nth(1, "int2")),
    ),
    "EQUAL": ((5, _FROM_INT16), *_COMPARISON),
    "EXP": _2_SMALL_INTS,
    "FAKE_QUANT": ((2, _option("narrowRange")),),
    "FILL": (
        (4, _nth(1, "float16")),
        (3, _nth(1, "int8", "int16")),
        (2, _nth(1, "bool", "string")),
    ),
    "FLOOR_DIV": ((3, _first("int8", "int16")), (2, _first("float32"))),
    "FLOOR_MOD": _2_SMALL_INTS,
    "FULLY_CONNECTED": (
        (14, _nth(1, "int2")),
        (13, _typed("int16", "int4", "int16")),
        (12, _both(_HYBRID, _per_channel(0))),
        (11, _BIAS_TYPE),
        (8, lambda use: use.input(1).is_sparse),
        (7, _ALL_INT16),
        (6, lambda use: len(use.inputs) == 2),
        (5, _option("keepNumDims")),
        (4, _INT8),
        (10, _INT8_INT4),
        (9, _both(_HYBRID, _ASYMMETRIC)),
        (3, _HYBRID),
        (2, _option("weightsFormat")),
    ),
    "GATHER": (
        (7, _first("int4")),
        (6, _nth(1, "int16")),
        (5, _option("batchDims")),
        (4, _FROM_INT16),
        (3, _first("bool")),
        (2, _first("int8")),
    ),
    "GATHER_ND": (
        (5, _first("bool")),
        (4, _nth(1, "int16")),
        (3, _FROM_INT16),
        (2, _first("string")),
    ),
    "GELU": ((2, _first("int8", "uint8")),),
    "GREATER": _2_INT8,
    "GREATER_EQUAL": _2_INT8_3_INT16,
    "L2_NORMALIZATION": ((2, _into("int8")),),
    "LEAKY_RELU": ((2, _FROM_INT16),),
    "LESS": _2_INT8_3_INT16,
    "LESS_EQUAL": _2_INT8,
    "LOG": _2_SMALL_INTS,
    "LOGISTIC": _2_INT8_3_INT16_BOTH,
    "LOG_SOFTMAX": _2_INT8,
    "LSTM": (
        (5, _both(_LSTM_INT16, _without(_BASIC))),
        (4, _both(_LSTM_HYBRID, _without(_BASIC), _ASYMMETRIC)),
        (3, _both(_LSTM_HYBRID, _without(_BASIC))),
        (2, _BASIC),
    ),
    "MAXIMUM": _EXTREME,
    "MAX_POOL_2D": _2_INT8_3_INT16_BOTH,
    "MEAN": _2_INT8_3_INT16,
    "MINIMUM": _EXTREME,
    "MIRROR_PAD": _2_INT8_3_INT16,
    "MUL": (
        (7, _any(_both(_FROM_INT16, _without(_quantized(0, 1))), _first("uint32"))),
        (6, _first("complex64")),
        (5, _first("int64")),
        (4, _FROM_INT16),
        (3, _rescales_upwards),
        (2, _first("int8")),
    ),
    "NOT_EQUAL": ((4, _FROM_INT16), *_COMPARISON),
    "PACK": ((2, _first("int8")), (3, _INT16_TO_INT16), (4, _first("uint32"))),
    "PAD": _PAD,
    "PADV2": _PAD,
    "QUANTIZE": (
        (5, _either("uint4")),
        (4, _either("int4")),
        (3, lambda use: _some_scales(use.output)),
        (2, _into("int16")),
    ),
    "RANGE": ((2, _first("int64")),),
    "REDUCE_MAX": _2_INT8_3_INT16,
    "REDUCE_MIN": _2_INT8_3_INT16,
    "REDUCE_PROD": _2_SMALL_INTS,
    "RELU": ((3, _FROM_INT16), (2, _first("int8", "uint8"))),
    "RELU6": _2_INT8_3_INT16,
    "RESIZE_BILINEAR": ((4, _FROM_INT16), (3, _option("halfPixelCenters")), *_2_INT8),
    "RESIZE_NEAREST_NEIGHBOR": (
        (4, _FROM_INT16),
        (3, _option("halfPixelCenters", "alignCorners")),
        *_2_INT8,
    ),
    "REVERSE_V2": ((3, _first("int8")), (2, _first("bool"))),
    "RNN": _RECURRENT,
    "RSQRT": _2_INT8_3_INT16,
    "SELECT": (
        (4, _first("uint32")),
        (3, lambda use: any(len(tensor.shape) == 5 for tensor in use.inputs)),
        (2, _first("int8")),
    ),
    "SELECT_V2": ((2, _first("uint32")),),
    "SIGN": ((2, _first("int32")),),
    "SLICE": (
        (7, _first("int4")),
        (6, _first("uint32")),
        (5, _rank_over(4)),
        (4, _FROM_INT16),
        (3, _first("string")),
        (2, _first("int8")),
    ),
    "SOFTMAX": _2_INT8_3_INT16,
    "SPACE_TO_BATCH_ND": _BATCHES,
    "SPACE_TO_DEPTH": _2_INT8,
    "SPARSE_TO_DENSE": ((3, _nth(2, "int8", "uint8")), (2, _nth(2, "int64"))),
    # The first input of SPLIT is the axis.
    "SPLIT": ((4, _nth(1, "int16")), (3, _nth(1, "int32")), (2, _nth(1, "int8"))),
    "SPLIT_V": _2_INT8,
    "SQRT": _2_SMALL_INTS,
    "SQUARED_DIFFERENCE": _2_INT8,
    "SQUEEZE": ((2, _first("string")),),
    "STRIDED_SLICE": (
        (8, _option("offset")),
        (7, _first("uint32")),
        (6, _option("ellipsisMask", "newAxisMask")),
        (5, _first("string")),
        (4, _rank_over(4)),
        (3, _first("bool")),
        (2, _first("int8")),
    ),
    "SUB": (
        (5, _both(_INT16_TO_INT16, _scaled_freely)),
        (4, _first("int64")),
        (3, _broadcasts_over_4),
        (2, _first("int8")),
    ),
    "SUM": _2_INT8,
    "SVDF": (
        (3, _first("int8")),
        (4, _both(_HYBRID, _ASYMMETRIC)),
        (2, _HYBRID),
    ),
    "TANH": _2_INT8_3_INT16_BOTH,
    "TILE": ((3, _first("int8")), (2, _first("string"))),
    "TOPK_V2": (
        (3, _any(_FROM_INT16, _nth(1, "int16"))),
        (2, _first("int8")),
    ),
    "TRANSPOSE": (
        (7, _first("int4")),
        (6, _rank_over(5)),
        (5, _FROM_INT16),
        (4, _rank_over(4)),
        (3, _first("bool")),
        (2, _first("int8")),
    ),
    "TRANSPOSE_CONV": (
        (5, _BIAS_TYPE),
        (4, _option("fusedActivationFunction")),
        (3, lambda use: use.input(3) is not NO_TENSOR),
        (2, _nth(1, "int8")),
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        (5, _LSTM_INT16),
        (4, _option("diagonalRecurrentTensors")),
        (3, _both(_LSTM_HYBRID, _ASYMMETRIC)),
        (2, _LSTM_HYBRID),
    ),
    "UNIDIRECTIONAL_SEQUENCE_RNN": _RECURRENT,
    "UNPACK": (
        (2, _first("int8", "uint8")),
        (3, _first("bool")),
        (4, _INT16_TO_INT16),
    ),
    "WHERE": ((2, _without(_first("bool"))),),
}
