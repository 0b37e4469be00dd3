import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.parity import compare, sqnr_db
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import TensorSpec

FP32 = Recipe(name="fp32", max_difference=1e-4, min_sqnr_db=0)
INT8 = Recipe(name="int8", method="static", weight="int8", activation="int8")
SCORES = TensorSpec(name="scores", shape=(-1, 10), dtype="float32")
ROWS = TensorSpec(name="rows", shape=(-1, 64, 8), dtype="float32")
RNG = np.random.default_rng(0)


def held(got, reference, spec=SCORES, recipe=INT8, layout="NHWC"):
    return compare(
        np.asarray(got, np.float32), np.asarray(reference, np.float32), spec, recipe, layout
    )


def as_int8(values):
    step = (values.max() - values.min()) / 255
    return np.round(values / step) * step


def detections():
    """Boxes up to 640 beside scores up to 1, as a detector gives them."""
    rows = RNG.uniform(0, 1, (8, 64, 8)).astype(np.float32)
    rows[..., :4] *= 640
    return rows


def test_the_same_values_are_in_order():
    values = RNG.normal(size=(8, 10))

    found = held(values, values)

    assert (found.broken, found.short, found.difference) == ("", "", 0)
    assert found.sqnr_db == 200


def test_one_answer_for_everything_is_no_model():
    values = RNG.normal(size=(8, 10))

    found = held(np.tile(values[:1], (8, 1)), values)

    assert found.broken == "is the same for all 8 samples, where the float model's differ"


def test_a_model_that_tells_nothing_apart_may_be_constant():
    values = 0.1 + RNG.normal(size=(8, 10)) * 1e-3

    assert held(np.tile(values[:1], (8, 1)), values).broken == ""


def test_scores_that_share_the_scale_of_boxes_are_found_lost():
    rows = detections()

    found = held(as_int8(rows), rows, ROWS)

    assert found.sqnr_db > 40  # the boxes hide it
    assert found.short == "has 4 of 8 channels that are constant: 4, 5, 6, 7"


def test_channels_lost_in_noise_are_found():
    rows = detections()
    noisy = rows.copy()
    noisy[..., 4:] = RNG.uniform(0, 1, (8, 64, 4))

    assert held(noisy, rows, ROWS).short == "has 4 of 8 channels that are lost in noise: 4, 5, 6, 7"


def test_channels_first_are_found_too():
    rows = detections()

    found = held(as_int8(rows).swapaxes(1, 2), rows.swapaxes(1, 2), ROWS)

    assert "channels that are constant: 4, 5, 6, 7" in found.short


def test_a_class_that_never_counts_may_be_constant():
    logits = RNG.normal(size=(4, 8, 8, 5)).astype(np.float32)
    logits[..., 4] -= 9
    maps = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    assert held(np.round(maps * 255) / 255, maps).short == ""


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_number_is_no_output(bad):
    values = RNG.normal(size=(8, 10))
    got = values.copy()
    got[3, 4] = bad

    assert held(got, values).broken == "has NaN or infinite values where the float model has none"


def test_infinities_of_both_are_no_difference():
    values = RNG.normal(size=(8, 10))
    values[:, 0] = -np.inf

    found = held(values, values)

    assert (found.broken, found.short, found.difference) == ("", "", 0)


def test_a_large_number_may_stand_for_an_infinity_of_the_float_model():
    values = RNG.normal(size=(8, 10))
    values[:, 0] = -np.inf
    got = np.where(np.isfinite(values), values, -1e9)

    found = held(got, values)

    assert (found.broken, found.short, found.difference) == ("", "", 0)


def test_nan_of_the_float_model_itself_is_said_so():
    values = np.full((8, 10), np.nan)

    assert "in the float model itself" in held(values, values).broken


def test_noise_above_the_floor_falls_short():
    values = RNG.normal(size=(8, 10))

    found = held(values + RNG.normal(size=(8, 10)), values)

    assert found.short.startswith("has a signal to quantization noise ratio of ")
    assert found.broken == ""


def test_fp32_promises_the_values_themselves():
    values = RNG.normal(size=(8, 10))

    found = held(values * 1.001, values, recipe=FP32)

    assert found.broken.startswith("differs by ")
    assert found.short == ""


def test_another_shape_is_said():
    assert held(np.ones((8, 9)), np.ones((8, 10))).broken == "has shape (8, 9), expected (8, 10)"


@pytest.mark.parametrize(("recipe", "says"), [(FP32, "broken"), (INT8, "")])
def test_whole_numbers_are_compared_one_by_one(recipe, says):
    spec = TensorSpec(name="ids", shape=(-1, 10), dtype="int64")
    ids = RNG.integers(0, 50, (8, 10))
    got = ids.copy()
    got[0, :8] += 1

    found = held(got, ids, spec, recipe)

    assert bool(found.broken) == (says == "broken")
    assert found.short == ""


@given(st.floats(-60, 60), st.integers(1, 20))
def test_sqnr_is_what_its_formula_says(wanted, scale):
    signal = RNG.normal(size=1000) * scale
    noise = RNG.normal(size=1000)
    noise *= np.sqrt(np.square(signal).sum() / np.square(noise).sum() / 10 ** (wanted / 10))

    assert sqnr_db(signal + noise, signal) == pytest.approx(wanted, abs=1e-3)


def test_there_is_no_ratio_without_a_signal():
    assert sqnr_db(np.zeros(4), np.full(4, 1e-9)) is None
