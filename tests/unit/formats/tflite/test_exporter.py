from edgekit.core.tensor import TensorSpec
from edgekit.formats.tflite.exporter import _names


def test_a_signature_has_each_name_once_in_the_characters_of_tensorflow():
    names = "right-image", "left-image", "y", "y", "y_2", "y"
    specs = tuple(TensorSpec(name=name, shape=(1, 2), dtype="float32") for name in names)
    assert _names(specs) == ["right_image", "left_image", "y", "y_2", "y_2_2", "y_3"]
