from types import SimpleNamespace

import pytest
from make import source

from edgekit.core.card import ModelCard
from edgekit.errors import ModelLoadError
from edgekit.formats.keras import building


def test_types_that_are_more_than_the_inputs_are_refused():
    card = ModelCard(name="net", input_shapes=((4,), (3,)), input_dtypes=("float32", "int32"))
    # As --input does.
    card = card.model_copy(update={"input_shapes": (), "input_shape": (4,)})
    with pytest.raises(ModelLoadError, match="2 input_dtypes and the shapes of 1 inputs") as found:
        building.functional(SimpleNamespace(), source(), card, None)
    assert "--input" in found.value.hint


def test_a_model_of_half_precision_that_keras_cannot_make_again_is_refused():
    layer = SimpleNamespace(
        dtype_policy=SimpleNamespace(name="mixed_float16"), compute_dtype="float16"
    )

    def serialize(model):
        raise NotImplementedError("override get_config()")

    keras = SimpleNamespace(saving=SimpleNamespace(serialize_keras_object=serialize))
    model = SimpleNamespace(_flatten_layers=lambda: [layer])
    with pytest.raises(ModelLoadError, match=r"mixed_float16.*override get_config") as found:
        building.in_float32(model, keras)
    assert "set_dtype_policy('float32')" in found.value.hint
