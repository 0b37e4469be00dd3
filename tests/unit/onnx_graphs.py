"""ONNX graphs written by hand, for the tests that read them."""

import numpy as np


def node(op, ins, outs, **attributes):
    """Return a node of an operator; its inputs and outputs are named in a line each."""
    import onnx

    return onnx.helper.make_node(op, ins.split(), outs.split(), **attributes)


def made(path, nodes, inputs, outputs, constants=(), opset=17):
    """Write a graph; inputs and outputs are `name=(type, shape)`, constants `name=array`."""
    import onnx

    infos = [
        [onnx.helper.make_tensor_value_info(name, *what) for name, what in group.items()]
        for group in (inputs, outputs)
    ]
    known = [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in dict(constants).items()]
    graph = onnx.helper.make_graph(nodes, "g", *infos, known)
    opsets = [onnx.helper.make_opsetid("", opset)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path
