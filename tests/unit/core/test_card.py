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


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", ".hidden", "a\nb"])
def test_a_name_cannot_leave_its_folder(name):
    with pytest.raises(ValidationError):
        ModelCard(name=name)


def test_a_name_may_have_spaces_and_any_letters():
    assert ModelCard(name="Größe 2.1 'x'").name == "Größe 2.1 'x'"


def test_labels_must_be_as_many_as_classes():
    with pytest.raises(ValidationError, match="got 1 labels for 2 classes"):
        ModelCard(name="m", labels=("a",), classes=2)
