"""Tensors that a model takes or gives: shape, type, and affine quantization."""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import StringConstraints

from edgekit.core.noun import Noun
from edgekit.errors import DataError

Array = NDArray[Any]
# How images lie in memory: samples, height, width and channels.
Layout = Literal["NHWC", "NCHW"]

# One array per input or output of a model, samples first.
Arrays = tuple[Array, ...]


class TensorSpec(Noun):
    """One input or output of a model.

    `shape` counts the batch dimension; -1 stands for a dimension that is not fixed.
    `scale` and `zero_point` are set exactly where the tensor is quantized per tensor.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Annotated[str, StringConstraints(pattern=r"^(float|u?int|bfloat|complex)\d+$|^bool$")]
    scale: float | None = None
    zero_point: int | None = None

    def in_words(self) -> str:
        """Say how a real value becomes an element of this tensor."""
        shape = "x".join("?" if size < 0 else str(size) for size in self.shape) or "scalar"
        if self.scale is None or self.zero_point is None:
            return f"{self.dtype} {shape}, plain values"
        return f"{self.dtype} {shape}, q = round(x / {self.scale:.9g}) + ({self.zero_point})"


def distance(got: Array, want: Array) -> float:
    """Return the largest absolute difference of any element; NaN counts as different.

    Raises `ValueError` for another shape.
    """
    if got.shape != want.shape:
        msg = f"got the shape {got.shape}, expected {want.shape}"
        raise ValueError(msg)
    a, b = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.where(a == b, 0.0, np.abs(a - b))
    return float(apart.max(initial=0))


def quantize(values: Array, spec: TensorSpec) -> Array:
    """Turn real `values` into elements of `spec`: `round(x / scale) + zero_point`, clipped.

    Half rounds away from zero, as TensorFlow Lite's QUANTIZE kernel does (TfLiteRound).
    A tensor without a scale is only cast; raises `DataError` where that would lose anything.
    """
    if spec.scale is None or spec.zero_point is None:
        cast = values.astype(spec.dtype)
        if np.issubdtype(cast.dtype, np.integer) and (cast != values).any():
            raise DataError(
                f"got real values for {spec.name}, a tensor of {spec.dtype} with no known scale",
                "validate the file beside its .artifact.json record, which holds the scale",
            )
        return cast
    info = np.iinfo(spec.dtype)
    scaled = values.astype(np.float64) / spec.scale
    rounded = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5) + spec.zero_point
    clipped: Array = np.clip(rounded, info.min, info.max).astype(spec.dtype)
    return clipped


def dequantize(values: Array, spec: TensorSpec) -> Array:
    """Turn elements of `spec` into real values, float32: `(q - zero_point) * scale`."""
    if spec.scale is None or spec.zero_point is None:
        return values.astype(np.float32)
    return ((values.astype(np.float64) - spec.zero_point) * spec.scale).astype(np.float32)
