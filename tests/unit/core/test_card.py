import pytest
from pydantic import ValidationError

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.errors import DataError


def test_torch_images_are_channels_first():
    card = ModelCard(name="m", input_shape=(32, 16, 3))
    assert card.sample_shape("torch") == (3, 32, 16)
    assert card.sample_shape("keras") == (32, 16, 3)
    assert card.preprocess_for("NCHW").layout == "NCHW"


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


def test_classes_are_for_tasks_that_have_some():
    assert ModelCard(name="m", task="segmentation", labels=("a", "b")).metric_name == "miou"
    with pytest.raises(ValidationError, match="labels or classes for regression"):
        ModelCard(name="m", task="regression", classes=2)


def test_the_task_decides_the_metric_unless_the_card_names_one():
    assert ModelCard(name="m").metric_name == "accuracy"
    assert ModelCard(name="m", task="anomaly").metric_name == "auc"
    assert ModelCard(name="m", task="regression", metric="r2").metric_name == "r2"


def test_several_inputs_have_a_shape_and_a_preprocess_each():
    pixels, ids = Preprocess(colour="RGB", scale=2), Preprocess(dtype="int32")
    card = ModelCard(
        name="m",
        input_shapes=((8, 6, 3), (4,)),
        input_dtypes=("float32", "int32"),
        preprocess=pixels,
        inputs={"ids": ids},
    )
    assert card.sample_shapes("torch") == ((3, 8, 6), (4,))
    assert card.sample_shapes("keras") == ((8, 6, 3), (4,))
    found = card.preprocesses_for("NCHW", ("image", "ids"))
    assert [each.dtype for each in found] == ["float32", "int32"]
    assert found[0] == pixels.model_copy(update={"layout": "NCHW"})
    assert not card.is_bare


def test_one_input_is_the_short_way_of_several():
    card = ModelCard(name="m", input_shape=(8, 6, 1), preprocess=Preprocess(colour="L"))
    assert card.sample_shapes("torch") == (card.sample_shape("torch"),)
    assert card.preprocesses_for("NCHW", ("any",)) == (card.preprocess_for("NCHW"),)
    assert ModelCard(name="m").sample_shapes("keras") == ()


def test_a_models_own_layout_goes_before_its_frameworks():
    card = ModelCard(name="m", input_shape=(8, 6, 3), layout="NCHW")
    assert card.sample_shape("keras") == (3, 8, 6)
    assert card.layout_for("keras") == "NCHW"


def test_a_preprocess_for_an_input_that_is_not_there_is_refused():
    card = ModelCard(name="m", inputs={"imgae": Preprocess()})
    with pytest.raises(DataError) as caught:
        card.preprocesses_for("NHWC", ("image", "ids"))
    assert "did you mean 'image'" in caught.value.hint


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"input_shape": (1,), "input_shapes": ((1,),)}, "expected one of them"),
        ({"input_shapes": ((1,), (2,)), "input_dtypes": ("int32",)}, "1 input_dtypes for 2"),
    ],
)
def test_shapes_that_contradict_each_other_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        ModelCard(name="m", **wrong)


def test_an_anomaly_models_labels_are_two():
    assert ModelCard(name="m", task="anomaly", labels=("normal", "odd")).labels
    with pytest.raises(ValidationError, match="got 3 labels"):
        ModelCard(name="m", task="anomaly", labels=("a", "b", "c"))
