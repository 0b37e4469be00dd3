import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from edgekit.core.preprocess import Preprocess
from edgekit.errors import DataError

RGB = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)


def test_luma_is_pillows():
    got = Preprocess(colour="L").apply(RGB)[..., 0]
    wanted = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in RGB])
    assert (got == wanted).all()


def test_grey_is_repeated_and_bgr_is_reversed():
    grey = RGB[..., :1]
    assert (Preprocess(colour="RGB").apply(grey) == np.repeat(grey, 3, -1)).all()
    assert (Preprocess(colour="BGR").apply(RGB) == RGB[..., ::-1]).all()


def test_arithmetic_is_scale_then_mean_then_std():
    got = Preprocess(colour="RGB", scale=0.5, mean=(1, 2, 3), std=(1, 2, 4)).apply(RGB)
    assert np.allclose(got, (RGB * 0.5 - [1, 2, 3]) / [1, 2, 4])
    assert got.dtype == np.float32


def test_nchw_is_the_transpose_of_nhwc():
    nhwc = Preprocess(colour="RGB").apply(RGB)
    assert (Preprocess(colour="RGB", layout="NCHW").apply(RGB) == nhwc.transpose(0, 3, 1, 2)).all()


def test_crop_covers_then_takes_the_centre():
    got = Preprocess(colour="RGB", height=4, width=4, fit="crop").apply(RGB)
    assert got.shape == (2, 4, 4, 3)
    # A wide image with a dark left and right edge loses both.
    wide = np.zeros((1, 4, 12, 1), np.uint8)
    wide[:, :, 4:8] = 200
    assert (Preprocess(colour="L", height=4, width=4, fit="crop").apply(wide) == 200).all()


def test_exact_refuses_another_size_and_names_both():
    with pytest.raises(DataError, match="8x6 pixels, expected 5x5"):
        Preprocess(colour="L", height=5, width=5).apply(RGB)


@pytest.mark.parametrize("shape", [(2, 6, 8, 2), (2, 6, 8, 4), (2, 48)])
def test_wrong_channel_count_is_refused(shape):
    with pytest.raises(DataError, match="1 or 3 channels"):
        Preprocess(colour="L").apply(np.zeros(shape, np.uint8))


def test_a_tensor_is_only_scaled():
    assert Preprocess(scale=2).apply(np.ones((3, 5))).tolist() == np.full((3, 5), 2.0).tolist()


@pytest.mark.parametrize(
    "wrong",
    [
        {"std": (0.0,)},
        {"fit": "crop"},
        {"height": 0},
        {"dtype": "int32", "scale": 0.5},
        {"dtype": "int64", "colour": "L"},
        {"sclae": 1},
        {"colour": "L", "mean": (1.0, 2.0, 3.0)},
        {"colour": "RGB", "std": (1.0, 2.0)},
    ],
)
def test_a_senseless_declaration_is_refused(wrong):
    with pytest.raises(ValidationError):
        Preprocess(**wrong)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_token_ids_are_only_cast(dtype):
    ids = np.array([[1, 2**31 - 1], [-5, 0]])
    got = Preprocess(dtype=dtype).apply(ids)
    assert got.dtype == dtype
    assert (got == ids).all()


@pytest.mark.parametrize("samples", [[[1.5]], [[np.nan]], [[2.0**31]]])
def test_what_an_integer_cannot_hold_is_refused(samples):
    with pytest.raises(DataError, match="expected whole numbers that int32 can hold"):
        Preprocess(dtype="int32").apply(np.array(samples))


def test_masks_follow_the_geometry_of_their_images():
    preprocess = Preprocess(colour="RGB", height=4, width=4, fit="crop")
    masks = RGB[..., 0] // 64
    got = preprocess.apply_to_masks(masks)
    assert (got.dtype, got.shape) == (np.uint8, (2, 4, 4))
    assert set(np.unique(got)) <= set(np.unique(masks))
    assert (Preprocess().apply_to_masks(masks) == masks).all()


def test_json_round_trip():
    preprocess = Preprocess(colour="BGR", height=3, width=4, fit="crop", mean=(1, 2, 3))
    assert Preprocess.from_json(preprocess.to_json()) == preprocess
