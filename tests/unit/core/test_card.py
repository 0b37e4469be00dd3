import pytest
from pydantic import ValidationError

from edgekit.core.card import ModelCard


def test_torch_images_are_channels_first():
    card = ModelCard(name="m", input_shape=(32, 16, 3))
    assert card.sample_shape("torch") == (3, 32, 16)
    assert card.sample_shape("keras") == (32, 16, 3)
    assert card.preprocess_for("torch").layout == "NCHW"


def test_a_vector_has_no_channels_to_move():
    assert ModelCard(name="m", input_shape=(784,)).sample_shape("torch") == (784,)


def test_labels_must_be_as_many_as_classes():
    with pytest.raises(ValidationError, match="got 1 labels for 2 classes"):
        ModelCard(name="m", labels=("a",), classes=2)
