"""Outputs of a float `.tflite` file that its own operators read as well.

ai-edge-quantizer gives such a tensor one type for both: int8 where float32 was asked for, in a file
that does not run. A reshape to its own shape makes the output a tensor that nobody else reads.
"""

from typing import Any

import numpy as np

from edgekit.formats.tflite import patch


def parted(data: bytes) -> bytes:
    """Return the file with every output read by nobody; as it is where that is so already."""
    model = patch.unpacked(data)
    graph = model.subgraphs[0]
    read = {int(i) for operator in graph.operators for i in operator.inputs}
    shared = [int(i) for i in graph.outputs if int(i) in read]
    if not shared:
        return data
    code = _reshape(model)
    new = {index: _copied(model, index, code) for index in shared}
    graph.outputs = [new.get(int(i), int(i)) for i in graph.outputs]
    for definition in model.signatureDefs or ():
        for entry in definition.outputs or ():
            entry.tensorIndex = new.get(entry.tensorIndex, entry.tensorIndex)
    return patch.packed(model)


def _copied(model: Any, index: int, code: int) -> int:
    """Add an operator that gives tensor `index` again, under its name; return the new one's."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    source, shape, target = graph.tensors[index], schema.TensorT(), schema.TensorT()
    vars(target).update(vars(source))
    name = patch.text(source.name)
    source.name, shape.name = f"{name}/inside", f"{name}/shape"
    sizes = np.asarray(source.shape, np.int32)
    held = schema.BufferT()
    held.data = np.frombuffer(sizes.tobytes(), np.uint8)
    model.buffers.append(held)
    shape.shape, shape.type = [len(sizes)], schema.TensorType.INT32
    shape.buffer, target.buffer = len(model.buffers) - 1, 0
    graph.tensors += [shape, target]
    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs = [index, len(graph.tensors) - 2]
    operator.outputs = [len(graph.tensors) - 1]
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = [int(size) for size in sizes]
    graph.operators.append(operator)
    return len(graph.tensors) - 1


def _reshape(model: Any) -> int:
    """Return the place of the operator's code among those of the file, added where it is not."""
    from ai_edge_litert import schema_py_generated as schema

    for i, code in enumerate(model.operatorCodes):
        if patch.operator_name(code) == "RESHAPE":
            return i
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
