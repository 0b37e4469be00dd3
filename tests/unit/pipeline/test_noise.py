import numpy as np
import pytest

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.pipeline.noise import noise

PLAIN = ModelCard(name="plain")


def of(spec, limits=None, card=PLAIN, layout="NHWC", n=64):
    (values,) = noise(n, (spec,), limits or {}, card, layout)
    return values


def spec(dtype, shape=(-1, 6), name="x"):
    return TensorSpec(name=name, shape=shape, dtype=dtype)


def test_plain_values_lie_around_zero():
    values = of(spec("float32"))

    assert values.dtype == np.float32
    assert -1 <= values.min() < -0.9 < 0.9 < values.max() <= 1


@pytest.mark.parametrize(("dtype", "largest"), [("uint8", 255), ("int32", 1), ("bool", 1)])
def test_whole_numbers_are_bytes_or_choices(dtype, largest):
    values = of(spec(dtype, (-1, 100)))

    assert values.dtype == dtype
    assert (values.min(), values.max()) == (0, largest)


def test_ids_reach_every_row_of_their_table():
    values = of(spec("int64"), {"x": (0, 49)})

    assert set(np.unique(values)) == set(range(50))


def test_a_mask_keeps_at_least_the_first_and_never_resumes():
    values = of(spec("int64", name="attention_mask"))

    assert (values[:, 0] == 1).all()
    assert (np.diff(values, axis=1) <= 0).all()
    assert values.min() == 0


@pytest.mark.parametrize(("layout", "shape"), [("NHWC", (-1, 8, 9, 3)), ("NCHW", (-1, 3, 8, 9))])
def test_images_lie_in_the_range_that_their_card_gives_them(layout, shape):
    card = ModelCard(name="c", preprocess=Preprocess(colour="RGB", scale=1 / 255, mean=(0.5,)))

    values = of(spec("float32", shape), card=card, layout=layout)

    assert values.shape == (64, *shape[1:])
    assert (values.min(), values.max()) == pytest.approx((-0.5, 0.5))


def test_an_image_that_its_card_cannot_give_is_plain_noise():
    card = ModelCard(name="c", preprocess=Preprocess(colour="RGB", scale=1 / 255))

    assert of(spec("float32", (-1, 8, 9, 4)), card=card).min() < 0


def test_the_same_noise_is_drawn_each_time():
    assert (of(spec("float32")) == of(spec("float32"))).all()
