"""What is mended of a quantized file, on the smallest one that has it."""

from types import SimpleNamespace

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekit.formats.tflite import scales

FLOAT32, INT32, INT8 = (getattr(schema.TensorType, name) for name in ("FLOAT32", "INT32", "INT8"))


def tensor(kind, buffer=0, shape=(), scale=(), axis=0):
    made = schema.TensorT()
    made.type, made.buffer, made.shape = kind, buffer, list(shape)
    made.quantization = schema.QuantizationParametersT()
    made.quantization.scale, made.quantization.quantizedDimension = list(scale), axis
    return made


def buffer(values):
    made = schema.BufferT()
    made.data = np.frombuffer(np.asarray(values).tobytes(), np.uint8)
    return made


def test_a_buffer_that_another_tensor_holds_too_stays_as_it_was():
    old = np.array([[3, -3], [100, 50]], np.int8)
    cut = np.array([2**31 - 1, 700], "<i4")
    source = tensor(INT8, scale=[0.1])
    weights, twin = (tensor(INT8, 1, (2, 2), [1e-12, 0.01]) for _ in range(2))
    bias = tensor(INT32, 2, (2,), [1e-13, 1e-3])
    graph = SimpleNamespace(tensors=[source, weights, twin, bias])
    model = SimpleNamespace(buffers=[buffer(b""), buffer(old), buffer(cut)], subgraphs=[graph])
    held = tuple(scales._Held(each, model.buffers[each.buffer]) for each in (weights, bias))
    wanted = np.array([0.5, 0.7], np.float32)
    assert scales._rescale(model, source, held, wanted)
    assert (twin.buffer, weights.buffer, bias.buffer) == (1, 3, 2)
    np.testing.assert_array_equal(model.buffers[1].data.view(np.int8), old.ravel())
    np.testing.assert_array_equal(model.buffers[3].data.view(np.int8), [0, 0, 100, 50])
    real = model.buffers[2].data.view("<i4") * bias.quantization.scale
    np.testing.assert_allclose(real, wanted, rtol=1e-5)


def test_only_outputs_that_nothing_reads_become_int8():
    whole = tensor(INT8, scale=[0.1])
    unread, read, given = (tensor(FLOAT32) for _ in range(3))
    split = SimpleNamespace(inputs=[4], outputs=[0, 1, 2, 3])
    reader = SimpleNamespace(inputs=[2, -1], outputs=[5])
    graph = SimpleNamespace(
        tensors=[whole, unread, read, given, tensor(INT8), tensor(FLOAT32)],
        operators=[split, reader],
        outputs=[3, 5],
    )
    assert scales._complete(graph) == 1
    assert [each.type for each in (unread, read, given)] == [INT8, FLOAT32, FLOAT32]
