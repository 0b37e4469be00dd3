import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.errors import ModelLoadError
from edgekit.formats.tflite import file as tflite_file


def test_borders_operators_and_types(assets):
    found = tflite_file.read(assets / "tiny-int8-io8.tflite")
    assert found.op_histogram["CONV_2D"] == 1
    assert found.inputs[0].dtype == found.outputs[0].dtype == "int8"
    assert found.inputs[0].shape == (1, 8, 8, 1)
    assert found.outputs[0].in_words() == "int8 1x10, q = round(x / 0.00390625) + (-128)"
    assert found.tensor_types["int8"] > 3


def test_another_format(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"PK\x03\x04" * 20)
    with pytest.raises(ModelLoadError, match="not TFLite"):
        tflite_file.read(tmp_path / "x.tflite")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(8, 4500))
def test_a_truncated_file_is_refused_or_read_never_a_raw_error(tmp_path, assets, keep):
    path = tmp_path / "cut.tflite"
    path.write_bytes((assets / "tiny-fp32.tflite").read_bytes()[:keep])
    try:
        tflite_file.read(path)
    except ModelLoadError as error:
        assert "cut.tflite" in error.message
