import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.tensor import TensorSpec, dequantize, quantize
from edgekit.errors import DataError


def spec(scale, zero_point):
    return TensorSpec(name="x", shape=(1,), dtype="int8", scale=scale, zero_point=zero_point)


@given(
    st.floats(1e-4, 1e2),
    st.integers(-128, 127),
    st.lists(st.integers(-128, 127), min_size=1, max_size=20),
)
def test_quantize_gives_back_what_dequantize_made(scale, zero_point, elements):
    tensor = spec(float(np.float32(scale)), zero_point)
    q = np.array(elements, np.int8)
    assert (quantize(dequantize(q, tensor), tensor) == q).all()


@given(st.floats(1e-4, 1e2), st.integers(-128, 127), st.floats(-1, 1))
def test_quantization_error_is_at_most_half_a_step_inside_the_range(scale, zero_point, position):
    tensor = spec(scale, zero_point)
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    value = np.array([low + (high - low) * (position + 1) / 2])
    assert abs(dequantize(quantize(value, tensor), tensor) - value)[0] <= scale * 0.5001


def test_quantize_clips_and_rounds_half_away_from_zero():
    got = quantize(np.array([-1e9, 1e9, 0.5, -0.5, 1.5]), spec(1.0, 0))
    assert got.tolist() == [-128, 127, 1, -1, 2]


def test_a_tensor_without_scale_is_only_cast():
    plain = TensorSpec(name="x", shape=(1, -1), dtype="float32")
    assert quantize(np.array([1.5], np.float64), plain).dtype == np.float32
    assert plain.in_words() == "float32 1x?, plain values"


def test_real_values_are_never_cut_to_integers():
    bare = TensorSpec(name="x", shape=(1,), dtype="int8")
    assert quantize(np.array([3.0, -4.0]), bare).tolist() == [3, -4]
    for values in ([0.5], [300.0]):
        with pytest.raises(DataError, match="no known scale"):
            quantize(np.array(values), bare)


def test_words_say_how_to_quantize():
    assert spec(0.25, -3).in_words() == "int8 1, q = round(x / 0.25) + (-3)"
