"""Files that somebody brings, made plain: what is let pass, and what is left alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekit.errors import ModelLoadError
from edgekit.formats.tflite import patch
from edgekit.formats.tflite.plain import OWN, _check_custom, _drop_unused, plain


def code(name):
    made = schema.OperatorCodeT()
    made.builtinCode = made.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    made.customCode = name
    return made


def test_custom_operators_that_litert_brings_pass_and_others_are_named():
    own = [code(name) for name in sorted(OWN)]
    _check_custom(SimpleNamespace(operatorCodes=own))
    with pytest.raises(ModelLoadError, match="which LiteRT does not have: Acme$"):
        _check_custom(SimpleNamespace(operatorCodes=[*own, code("Acme")]))


def test_a_file_with_an_operator_that_litert_brings_is_taken():
    pytest.importorskip("ai_edge_litert.interpreter")
    from ai_edge_litert.interpreter import Interpreter

    data, _ = plain(spectrum())
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    detail = interpreter.get_input_details()[0]
    interpreter.set_tensor(detail["index"], np.ones(detail["shape"], np.float32))
    interpreter.invoke()
    assert interpreter.get_output_details()[0]["shape"].tolist() == [1, 3, 5]


def spectrum():
    """Return a file of one AudioSpectrogram: windows of 8 samples, every 4th."""
    from flatbuffers import flexbuffers

    model, graph, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    graph.tensors = []
    for name, shape in (("x", [16, 1]), ("y", [1, 3, 5])):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, 0, 0
        graph.tensors.append(tensor)
    options = {"window_size": 8, "stride": 4, "magnitude_squared": True}
    operator.customOptions = list(flexbuffers.Dumps(options))
    operator.inputs, operator.outputs = [0], [1]
    graph.inputs, graph.outputs, graph.operators = [0], [1], [operator]
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    model.operatorCodes = [code("AudioSpectrogram")]
    return patch.packed(model)


def signature(graph, *places):
    entries = [SimpleNamespace(tensorIndex=place) for place in places]
    return SimpleNamespace(subgraphIndex=graph, inputs=entries[:1], outputs=entries[1:])


def test_signatures_of_other_graphs_keep_their_places():
    tensors = [SimpleNamespace(buffer=0) for _ in range(4)]
    operator = SimpleNamespace(inputs=[1], outputs=[3], intermediates=None)
    graph = SimpleNamespace(tensors=tensors, operators=[operator], inputs=[1], outputs=[3])
    own, other = signature(0, 1, 3), signature(1, 2, 7)
    model = SimpleNamespace(
        signatureDefs=[own, other], subgraphs=[graph], metadata=None, buffers=[schema.BufferT()]
    )
    _drop_unused(model, graph)
    places = [[e.tensorIndex for e in (*s.inputs, *s.outputs)] for s in (own, other)]
    assert places == [[0, 1], [2, 7]]


def weighted(kind, values):
    """Return a file of x + a weight behind a DEQUANTIZE."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    graph.tensors = []
    held = schema.BufferT()
    held.data = np.frombuffer(np.asarray(values).tobytes(), np.uint8)
    shape = [1, len(values)]
    for name, number, buffer in (("x", 0, 0), ("w", kind, 1), ("r", 0, 0), ("y", 0, 0)):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, number, buffer
        graph.tensors.append(tensor)
    scale = schema.QuantizationParametersT()
    scale.scale, scale.zeroPoint = [0.5], [0]
    graph.tensors[1].quantization = scale if kind == schema.TensorType.INT8 else None
    unpack, add = schema.OperatorT(), schema.OperatorT()
    unpack.opcodeIndex, unpack.inputs, unpack.outputs = 0, [1], [2]
    add.opcodeIndex, add.inputs, add.outputs = 1, [0, 2], [3]
    add.builtinOptionsType = schema.BuiltinOptions.AddOptions
    add.builtinOptions = schema.AddOptionsT()
    graph.inputs, graph.outputs, graph.operators = [0], [3], [unpack, add]
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT(), held]
    model.operatorCodes = [schema.OperatorCodeT() for _ in range(2)]
    for made, number, version in zip(model.operatorCodes, (6, 0), (3, 1), strict=True):
        made.builtinCode = made.deprecatedBuiltinCode = number
        made.version = version
    return patch.packed(model)


@pytest.mark.parametrize("name", ["float16", "int8"])
def test_how_a_weight_was_stored_is_said(name):
    pytest.importorskip("ai_edge_litert.interpreter")
    kind = getattr(schema.TensorType, name.upper())
    data, notes = plain(weighted(kind, np.array([2, 4, 6], name)))
    assert notes == (f"1 weights that were stored in {name} became float32",)
    held = [b.data for b in patch.unpacked(data).buffers if b.data is not None and len(b.data)]
    wanted = [1, 2, 3] if name == "int8" else [2, 4, 6]
    np.testing.assert_array_equal(held[-1].view(np.float32), wanted)
