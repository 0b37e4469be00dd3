"""Kinds of CPU: what they can, and where the same file answers otherwise."""

from collections.abc import Iterable

# The instruction sets that quantized and half-precision kernels look for, named as Linux does.
FEATURES = ("avx2", "avx512_vnni", "avx512_fp16", "avx_vnni", "amx_int8", "fma", "asimd", "asimddp",
            "i8mm", "fphp", "sve")  # fmt: skip

# With one of these, ONNX Runtime adds products of 8-bit numbers exactly. Its kernels for other x86
# CPUs (VPMADDUBSW) add two of them in 16 bits, and cut off what does not fit.
EXACT = frozenset({"asimd", "asimddp", "avx512_vnni", "avx_vnni"})

# What those kernels compute. Operators around QuantizeLinear become such when the file is loaded.
INT8_OPERATORS = frozenset(
    {"ConvInteger", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulInteger",
     "MatMulIntegerToFloat", "QAttention", "QGemm", "QLinearConv", "QLinearMatMul",
     "QuantizeLinear"}
)  # fmt: skip


def features(flags: Iterable[str]) -> tuple[str, ...]:
    """Return those of a CPU's flags that kernels care about, in the order of `FEATURES`."""
    found = set(flags)
    return tuple(feature for feature in FEATURES if feature in found)


def is_exact(features: Iterable[str]) -> bool:
    """Return whether a CPU with these features adds products of int8 exactly."""
    return not EXACT.isdisjoint(features)
