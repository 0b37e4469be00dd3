import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgekit.core.resize import resize, taps

SIZES = st.integers(1, 60)


@given(SIZES, SIZES, st.sampled_from(["nearest", "bilinear", "antialias"]))
def test_weights_sum_to_one_and_taps_stay_inside(n_in, n_out, interpolation):
    index, weight = taps(n_in, n_out, interpolation)
    assert np.allclose(weight.sum(axis=1), 1)
    assert (weight >= 0).all()
    assert index.min() >= 0
    assert index.max() < n_in


@settings(deadline=None, max_examples=60)
@given(SIZES, SIZES, SIZES, SIZES, st.integers(0, 2**31))
def test_antialias_is_pillow_within_one_grey_level_an_axis(h, w, new_h, new_w, seed):
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    wanted = np.asarray(Image.fromarray(image).resize((new_w, new_h), Image.Resampling.BILINEAR))
    got = resize(image[None], new_h, new_w, "antialias")[0]
    difference = np.abs(got.astype(int) - wanted.astype(int))
    # Each axis is rounded by itself, and Pillow's fixed-point weights can tip a tie in each.
    assert difference.max() <= 2
    assert (difference > 1).mean() < 0.002 or (difference > 1).sum() == 1


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "antialias"])
def test_same_size_changes_nothing(interpolation):
    image = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    assert (resize(image, 4, 4, interpolation) == image).all()


def test_bilinear_takes_half_pixel_centres():
    # By hand: output centres 0.5 and 2.5 of a row 0 10 20 30 lie halfway between two pixels each.
    row = np.array([0.0, 10.0, 20.0, 30.0]).reshape(1, 1, 4, 1)
    assert resize(row, 1, 2, "bilinear").ravel().tolist() == [5.0, 25.0]


def test_a_batch_is_resized_as_its_images_are():
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 1), dtype=np.uint8)
    whole = resize(images, 5, 11, "antialias")
    assert all(
        (whole[i] == resize(images[i : i + 1], 5, 11, "antialias")[0]).all() for i in range(3)
    )
