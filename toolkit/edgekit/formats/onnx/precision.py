"""Half-precision ONNX models as float32 ones: converters start from float32."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgekit.formats.onnx.file import graphs, nodes, tensors

# Attributes that name an element type.
TYPES = {"to", "dtype", "output_dtype"}


def to_float32(model: Any) -> tuple[str, ...]:
    """Make float16 and bfloat16 float32 everywhere in the model, in place; return notes.

    float64 becomes float32 too where an input or output has it.
    """
    import onnx

    kinds = onnx.TensorProto
    names = {kinds.FLOAT16: "float16", kinds.BFLOAT16: "bfloat16", kinds.DOUBLE: "float64"}
    border = {item.type.tensor_type.elem_type for item in (*model.graph.input, *model.graph.output)}
    if kinds.DOUBLE not in border:
        del names[kinds.DOUBLE]
    found = set()
    for holder, field in _places(model):
        kind = getattr(holder, field)
        if kind in names:
            found.add(kind)
            _cast(holder, field, onnx)
    if not found:
        return ()
    listed = " and ".join(names[kind] for kind in sorted(found))
    return (f"{listed} became float32, inputs and outputs too: conversions start from float32",)


def _places(model: Any) -> Iterator[tuple[Any, str]]:
    """Yield every message that names an element type, and its field."""
    for tensor in tensors(model):
        yield tensor, "data_type"
    for graph in graphs(model):
        for item in (*graph.input, *graph.output, *graph.value_info):
            yield item.type.tensor_type, "elem_type"
    for node in nodes(model):
        for attribute in node.attribute:
            if attribute.name in TYPES:
                yield attribute, "i"


def _cast(holder: Any, field: str, onnx: Any) -> None:
    if field != "data_type":
        setattr(holder, field, onnx.TensorProto.FLOAT)
        return
    values = onnx.numpy_helper.to_array(holder).astype(np.float32)
    holder.CopyFrom(onnx.numpy_helper.from_array(values, holder.name))
