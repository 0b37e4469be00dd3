import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.errors import ModelLoadError
from edgekit.formats.tflite import versions as tflite_versions
from edgekit.formats.tflite.patch import metadata, operator_name, patched, unpacked
from edgekit.formats.tflite.releases import RELEASES, first_version, release_of
from edgekit.formats.tflite.version_rules import RULES, Tensor, Use
from edgekit.formats.tflite.versions import ENTRY, corrected, min_runtime, unknown, without_release


def versions(data):
    return {operator_name(code): code.version for code in unpacked(data).operatorCodes}


def stripped(data):
    """Return the file as a quantizer leaves it that writes version 1 everywhere."""
    return patched(data, dict.fromkeys(range(len(unpacked(data).operatorCodes)), 1), {})


def tensor(kind, *shape, scales=0, axis=0):
    return Tensor(kind, shape, (0.5,) * scales, axis, scales > 0, is_sparse=False)


def needed(name, inputs, output, options=None):
    return tflite_versions._version(name, Use(tuple(inputs), (output,), options))


FLOAT, INT8, INT16 = tensor("float32", 1, 8), tensor("int8", 1, 8), tensor("int16", 1, 8)


def test_what_a_quantizer_left_at_1_is_raised(assets):
    data = (assets / "tiny-int8-io8.tflite").read_bytes()
    assert set(versions(data).values()) == {1}
    fixed = corrected(data)
    assert versions(fixed) == {"CONV_2D": 3, "FULLY_CONNECTED": 4, "RESHAPE": 1, "SOFTMAX": 2}
    assert (min_runtime(data), min_runtime(fixed)) == ("1.5.0", "1.14.0")
    assert metadata(unpacked(fixed))[ENTRY] == b"1.14.0".ljust(16, b"\0")
    assert unknown(fixed) == without_release(fixed) == ()


@pytest.mark.parametrize("name", ["tiny-fp32.tflite", "tiny-int8-io8.tflite"])
def test_correcting_twice_is_correcting_once(assets, name):
    once = corrected((assets / name).read_bytes())
    assert corrected(once) == once


def test_a_file_that_is_right_comes_back_as_it_is(assets):
    data = (assets / "tiny-fp32.tflite").read_bytes()
    assert corrected(data) is data


def test_the_weights_and_the_outputs_stay_what_they_were(assets):
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    data = (assets / "tiny-int8-io8.tflite").read_bytes()
    fixed = corrected(data)
    assert fixed.endswith(data)
    assert (len(fixed) - len(data)) % 16 == 0
    outputs = []
    for content in (data, fixed):
        runtime = Interpreter(model_content=content)
        runtime.allocate_tensors()
        noise = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 1), dtype=np.int8)
        runtime.set_tensor(runtime.get_input_details()[0]["index"], noise)
        runtime.invoke()
        outputs.append(runtime.get_tensor(runtime.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*outputs)


def test_a_version_above_ours_is_kept(assets):
    data = (assets / "tiny-fp32.tflite").read_bytes()
    raised = patched(data, {0: 7}, {})
    assert versions(corrected(raised)) == versions(raised)
    assert 7 in versions(corrected(raised)).values()


def test_operators_that_share_a_code_declare_the_highest_version(assets):
    """The second use of the code is a hybrid one: its weights alone become int8."""
    model = unpacked((assets / "tiny-fp32.tflite").read_bytes())
    graph = model.subgraphs[0]
    names = [operator_name(model.operatorCodes[o.opcodeIndex]) for o in graph.operators]
    dense = graph.operators[names.index("FULLY_CONNECTED")]
    weights = graph.tensors[dense.inputs[1]]
    again = schema.OperatorT()
    vars(again).update(vars(dense))
    graph.operators.append(again)
    twin = schema.TensorT()
    vars(twin).update(vars(weights))
    twin.type = schema.TensorType.INT8
    twin.quantization = schema.QuantizationParametersT()
    twin.quantization.scale = [0.5] * int(weights.shape[0])
    graph.tensors.append(twin)
    again.inputs = [dense.inputs[0], len(graph.tensors) - 1, dense.inputs[2]]
    assert versions(corrected(packed(model)))["FULLY_CONNECTED"] == 12


def packed(model):
    from flatbuffers.builder import Builder

    builder = Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_operators_without_a_rule_are_named_and_left(assets):
    model = unpacked((assets / "tiny-fp32.tflite").read_bytes())
    code = model.operatorCodes[0]
    code.builtinCode, code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM, 32
    code.customCode, code.version = "FlexFoo", 3
    data = packed(model)
    fixed = corrected(data)
    assert unknown(data) == ("CUSTOM:FlexFoo",)
    assert without_release(data) == ("CUSTOM:FlexFoo v3",)
    assert min_runtime(data) is None
    assert versions(fixed)["CUSTOM:FlexFoo"] == 3
    assert metadata(unpacked(fixed))[ENTRY] == bytes(16)


@pytest.mark.parametrize(
    ("name", "inputs", "output", "options", "version"),
    [
        ("CONV_2D", [FLOAT, tensor("int8", 4, 3, 3, 1, scales=4)], FLOAT, None, 5),
        ("CONV_2D", [FLOAT, tensor("int8", 4, 3, 3, 1, scales=1)], FLOAT, None, 2),
        ("CONV_2D", [INT8, tensor("int4", 4, 3, 3, 1, scales=4)], INT8, None, 7),
        ("CONV_2D", [FLOAT, tensor("int4", 4, 3, 3, 1, scales=4)], FLOAT, None, 8),
        (
            "CONV_2D",
            [tensor("int8", 1, 8, 8, 4), tensor("int8", 4, 3, 3, 2)],
            tensor("int8", 1, 8, 8, 4),
            None,
            6,
        ),
        ("DEPTHWISE_CONV_2D", [FLOAT, tensor("int8", 1, 3, 3, 4, scales=4)], FLOAT, None, 6),
        ("FULLY_CONNECTED", [FLOAT, tensor("int8", 5, 8, scales=5), FLOAT], FLOAT, None, 12),
        ("FULLY_CONNECTED", [FLOAT, tensor("int8", 5, 8, scales=1), FLOAT], FLOAT, None, 3),
        ("FULLY_CONNECTED", [INT8, tensor("int8", 5, 8, scales=5)], INT8, None, 6),
        ("FULLY_CONNECTED", [INT8, tensor("int4", 5, 8, scales=5), INT8], INT8, None, 10),
        ("FULLY_CONNECTED", [INT16, tensor("int4", 5, 8, scales=5), INT16], INT16, None, 13),
        ("MUL", [INT16, INT16], INT16, None, 7),
        ("MUL", [tensor("int16", 8, scales=1), INT16], INT16, None, 4),
        ("MAXIMUM", [tensor("float32", 1, 1, 1, 1, 2), tensor("float32", 2)], FLOAT, None, 3),
        ("DEQUANTIZE", [tensor("float16", 8)], FLOAT, None, 3),
        ("DEQUANTIZE", [tensor("int8", 4, 2, scales=4)], FLOAT, None, 5),
        ("QUANTIZE", [FLOAT], INT16, None, 2),
        ("TRANSPOSE", [tensor("int8", 1, 2, 3, 4, 5)], INT8, None, 4),
        ("BROADCAST_TO", [FLOAT], FLOAT, None, 2),
        ("WHERE", [tensor("bool", 3)], FLOAT, None, 1),
        ("RESHAPE", [INT8], INT8, None, 1),
        ("GELU", [INT8], INT8, None, 2),
        ("CUSTOM:Foo", [INT8], INT8, None, None),
    ],
)
def test_rules(name, inputs, output, options, version):
    assert needed(name, inputs, output, options) == version


def test_an_int16_bias_type_asks_for_more_only_where_it_is_not_int64():
    inputs, output = [INT16, tensor("int8", 5, 8, scales=5), tensor("int32", 5)], INT16
    options = schema.FullyConnectedOptionsT()
    found = []
    for bias in (schema.TensorType.INT32, schema.TensorType.INT64):
        options.quantizedBiasType = bias
        found.append(needed("FULLY_CONNECTED", inputs, output, options))
    assert found == [11, 1]


def test_every_version_that_a_rule_demands_has_a_release_but_for_int16_lstm():
    missing = {
        (name, version)
        for name, rules in RULES.items()
        for version, _ in rules
        if release_of(name, version) is None
    }
    assert missing == {("LSTM", 5), ("UNIDIRECTIONAL_SEQUENCE_LSTM", 5)}


def test_the_names_are_the_schemas():
    assert set(RULES) <= set(RELEASES) <= set(vars(schema.BuiltinOperator))
    assert first_version("BROADCAST_TO") == 2
    assert release_of("BROADCAST_TO", 1) is release_of("ADD", 0) is release_of("NONE", 1) is None


def test_stripped_files_are_restored(assets):
    data = corrected((assets / "tiny-int8-io8.tflite").read_bytes())
    assert set(versions(stripped(data)).values()) == {1}
    assert versions(corrected(stripped(data))) == versions(data)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 4500))
def test_truncated_bytes_are_refused_or_read_never_a_raw_error(assets, keep):
    data = (assets / "tiny-fp32.tflite").read_bytes()[:keep]
    for work in (corrected, unknown, min_runtime, without_release):
        try:
            work(data)
        except ModelLoadError as error:
            assert "got" in error.message
