"""A frozen TensorFlow graph, which SavedModels and models of Keras 2 become.

Variables are constants in it. Sizes that it leaves open can be fixed, half precision becomes
float32, and it tells which whole numbers its tables have rows for.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from edgekit.core import layout as layouts
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Arrays, TensorSpec
from edgekit.formats import loops

HUB = "tensorflow"

# Operators between an input and a table that keep the values of the inputs at these places. Keras
# selects between an index and one from the end.
KEEPING = {
    "Cast": (0,), "ExpandDims": (0,), "Identity": (0,), "Reshape": (0,), "Squeeze": (0,),
    "SelectV2": (1, 2),
}  # fmt: skip
# The place of the table, or of the number of classes, among the inputs of what looks up there.
TABLES = {"GatherV2": 0, "Gather": 0, "ResourceGather": 0}


class Border(NamedTuple):
    """One input or output: its tensor in the graph, and its name, shape and dtype for the user."""

    tensor: str
    spec: TensorSpec


class Graph(NamedTuple):
    """A graph as TensorFlow's protobuf, its variables as constants, with its borders in order."""

    definition: Any
    inputs: tuple[Border, ...]
    outputs: tuple[Border, ...]


def model_of(
    source: ModelSource, graph: Graph, card: ModelCard, notes: tuple[str, ...] = ()
) -> FloatModel:
    """Return the graph as a model, its open sizes fixed by the card, half precision widened.

    Raises what TensorFlow does for a graph that it cannot import, `UsageError` for a shape of the
    card that does not fit.
    """
    graph, widened = _widened(_flat(graph))
    _cast_images(graph.definition)
    specs = tuple(each.spec for each in graph.inputs)
    fixed, shaped = layouts.fixed(specs, card.sample_shapes("keras"))
    inputs = tuple(e._replace(spec=s) for e, s in zip(graph.inputs, fixed, strict=True))
    graph = graph._replace(inputs=inputs)
    open_batch, native = _function(graph, batch=None), _function(graph, batch=1)
    return FloatModel(
        source=source,
        hub=HUB,
        native=native,
        inputs=fixed,
        outputs=_outputs(graph, open_batch),
        predict=lambda batch: _predict(open_batch, fixed, batch),
        notes=(*notes, *widened, *shaped),
        limits=limits(native, fixed),
    )


def _flat(graph: Graph) -> Graph:
    """Return the graph with called functions written out where they are called.

    Only loops and branches still have functions. Calls would keep the names that they had in the
    process that saved them, and those mean others here.
    """
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
    from tensorflow.python.grappler import tf_optimizer

    meta = meta_graph_pb2.MetaGraphDef(graph_def=graph.definition)
    _read_tables(meta.graph_def.node, "")
    for function in meta.graph_def.library.function:
        _read_tables(function.node_def, ":output:0")
    for function in meta.graph_def.library.function:
        for attribute in ("api_implements", "api_preferred_device", "_noinline"):
            function.attr.pop(attribute, None)
    for nodes in _bodies(meta.graph_def):
        for node in nodes:
            # Loops would become jumps.
            node.attr.pop("_lower_using_switch_merge", None)
    ends = (*graph.inputs, *graph.outputs)
    meta.collection_def["train_op"].node_list.value.extend(each.tensor for each in ends)
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.optimizers.append("function")
    config.graph_options.rewrite_options.min_graph_nodes = -1  # else small graphs are left out
    flat = tf_optimizer.OptimizeGraph(config, meta)
    return graph._replace(definition=_only_data(flat, [each.tensor for each in ends]))


def _read_tables(nodes: Any, ending: str) -> None:
    """Look up in constants what was looked up in variables, in place: freezing leaves that out.

    `ending` is what the name of a node's output has behind the node's.
    """
    for node in list(nodes):
        if node.op != "ResourceGather":
            continue
        axis = nodes.add(name=f"{node.name}/axis", op="Const")
        axis.attr["dtype"].type = axis.attr["value"].tensor.dtype = 3  # int32
        axis.attr["value"].tensor.tensor_shape.SetInParent()
        axis.attr["value"].tensor.int_val.append(0)
        kinds = node.attr["dtype"].type, node.attr["Tindices"].type
        node.ClearField("attr")
        node.op = "GatherV2"
        node.input[:] = [*node.input[:2], f"{axis.name}{ending}"]
        node.attr["Tparams"].type, node.attr["Tindices"].type = kinds
        node.attr["Taxis"].type = 3


def _only_data(definition: Any, ends: list[str]) -> Any:
    """Return what the ends are computed from, without what only had to happen before: checks."""
    nodes = {node.name: node for node in definition.node}
    kept: set[str] = set()
    waiting = [end.split(":")[0] for end in ends]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept.add(name)
            inputs = [each for each in nodes[name].input if not each.startswith("^")]
            nodes[name].input[:] = inputs
            waiting += [each.split(":")[0] for each in inputs]
    done = type(definition)(versions=definition.versions)
    done.node.extend(node for node in definition.node if node.name in kept)
    functions = {each.signature.name: each for each in definition.library.function}
    done.library.function.extend(functions[name] for name in sorted(_used(done.node, functions)))
    return done


def _used(nodes: Any, functions: dict[str, Any]) -> set[str]:
    """Return the names of the functions that nodes call, and those that these call."""
    found: set[str] = set()
    waiting = [nodes]
    while waiting:
        values = [value for node in waiting.pop() for value in node.attr.values()]
        names = {value.func.name for value in values if value.HasField("func")}
        names |= {each.name for value in values for each in value.list.func}
        for name in (names & set(functions)) - found:
            found.add(name)
            waiting.append(functions[name].node_def)
    return found


def _outputs(graph: Graph, function: Any) -> tuple[TensorSpec, ...]:
    """Return the outputs with the sizes that follow from the inputs'."""
    return tuple(
        border.spec.model_copy(update={"shape": _sizes(tensor.shape, border.spec.shape)})
        for border, tensor in zip(graph.outputs, function.outputs, strict=True)
    )


def _sizes(shape: Any, before: tuple[int, ...]) -> tuple[int, ...]:
    if shape.rank is None:
        return before
    return tuple(-1 if size is None else int(size) for size in shape)


def from_function(function: Any, inputs: list[str], outputs: list[str]) -> Graph:
    """Return the graph of a traced function, its inputs and outputs under the names given."""
    inlined = frozen(function)
    return Graph(
        inlined.graph.as_graph_def(),
        tuple(_border(t, name) for t, name in zip(inlined.inputs, inputs, strict=True)),
        tuple(_border(t, name) for t, name in zip(inlined.outputs, outputs, strict=True)),
    )


def _border(tensor: Any, name: str) -> Border:
    shape = tuple(-1 if size is None else int(size) for size in tensor.shape)
    return Border(tensor.name, TensorSpec(name=name, shape=shape, dtype=tensor.dtype.name))


def frozen(function: Any) -> Any:
    """Return a concrete function with its variables as constants and without calls of others."""
    from tensorflow.python.framework import convert_to_constants

    convert = convert_to_constants.convert_variables_to_constants_v2
    return convert(function, lower_control_flow=False)


def _function(graph: Graph, *, batch: int | None) -> Any:
    """Return a concrete function over the graph; `batch` fixes an open first dimension."""
    import tensorflow as tf

    wanted = [each.tensor for each in graph.outputs]

    def fed(tensors: tuple[Any, ...]) -> dict[str, Any]:
        return {each.tensor: t for each, t in zip(graph.inputs, tensors, strict=True)}

    def imported(*tensors: Any) -> Any:
        return tf.compat.v1.import_graph_def(graph.definition, fed(tensors), wanted, name="")

    def written_out(*tensors: Any) -> Any:
        return loops.written_out(graph.definition, fed(tensors), wanted)

    specs = []
    for _, spec in graph.inputs:
        first, rest = spec.shape[:1], spec.shape[1:]
        sizes = [batch if size < 0 else size for size in first]
        sizes += [None if size < 0 else size for size in rest]
        specs.append(tf.TensorSpec(sizes, spec.dtype, name=spec.name))
    if batch is not None and loops.has_loops(graph.definition):
        # One whose steps are not known stays a loop, as TFLite and ONNX have them.
        with contextlib.suppress(loops.OpenLoop):
            return tf.compat.v1.wrap_function(written_out, specs)
    return tf.compat.v1.wrap_function(imported, specs)


def _predict(function: Any, inputs: tuple[TensorSpec, ...], batch: Arrays) -> Arrays:
    import tensorflow as tf

    n, first = len(batch[0]), inputs[0].shape[0]
    size = first if first > 0 else n
    parts = []
    for start in range(0, n, size):
        rows = [
            tf.constant(values[start : start + size], spec.dtype)
            for values, spec in zip(batch, inputs, strict=True)
        ]
        parts.append([output.numpy() for output in function(*rows)])
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _cast_images(definition: Any) -> None:
    """Cast images of whole numbers before they are resized, in place: TFLite resizes floats."""
    import tensorflow as tf

    wide = tf.float32.as_datatype_enum
    for node in list(definition.node):
        if node.op != "ResizeBilinear" or node.attr["T"].type == wide:
            continue
        cast = definition.node.add(name=f"{node.name}/image", op="Cast", input=[node.input[0]])
        cast.attr["SrcT"].type, cast.attr["DstT"].type = node.attr["T"].type, wide
        node.input[0], node.attr["T"].type = cast.name, wide


def _widened(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Return the graph in float32 where it computes in half precision, and say so."""
    import tensorflow as tf

    halves = {int(tf.float16.as_datatype_enum), int(tf.bfloat16.as_datatype_enum)}
    wide = int(tf.float32.as_datatype_enum)
    definition = type(graph.definition).FromString(graph.definition.SerializeToString())
    found = [_widen(value, halves, wide, tf) for value in _attributes(definition)]
    if not any(found):
        return graph, ()
    for function in definition.library.function:
        arguments = (*function.signature.input_arg, *function.signature.output_arg)
        for each in arguments:
            each.type = wide if each.type in halves else each.type
    borders = [
        tuple(
            each._replace(spec=each.spec.model_copy(update={"dtype": "float32"}))
            if each.spec.dtype in {"float16", "bfloat16"}
            else each
            for each in side
        )
        for side in (graph.inputs, graph.outputs)
    ]
    note = "computes in float32 what the model computes in half precision; its weights stay"
    return Graph(definition, *borders), (note,)


def _attributes(definition: Any) -> Iterator[Any]:
    for nodes in _bodies(definition):
        for node in nodes:
            yield from node.attr.values()


def _bodies(definition: Any) -> list[Any]:
    """Return the nodes of the graph, and those of each of its functions."""
    return [definition.node, *(function.node_def for function in definition.library.function)]


def _widen(value: Any, halves: set[int], wide: int, tf: Any) -> bool:
    """Make an attribute that says half precision say float32; return whether it did."""
    kind = value.WhichOneof("value")
    if kind == "type" and value.type in halves:
        value.type = wide
    elif kind == "tensor" and value.tensor.dtype in halves:
        array = tf.make_ndarray(value.tensor).astype(np.float32)
        value.tensor.CopyFrom(tf.make_tensor_proto(array))
    elif kind == "list" and halves & set(value.list.type):
        value.list.type[:] = [wide if each in halves else each for each in value.list.type]
    else:
        return False
    return True


def limits(function: Any, inputs: tuple[TensorSpec, ...]) -> dict[str, tuple[float, float]]:
    """Return, for inputs of whole numbers, the smallest and largest that tables have rows for.

    `function` is a concrete one whose inputs are those given, in order.
    """
    whole = [spec.dtype.startswith(("int", "uint")) for spec in inputs]
    if not any(whole):
        return {}
    found = {}
    for tensor, spec, is_whole in zip(frozen(function).inputs, inputs, whole, strict=True):
        rows = list(_rows(tensor)) if is_whole else []
        if rows:
            found[spec.name] = (0.0, float(min(rows) - 1))
    return found


def _rows(tensor: Any) -> Iterator[int]:
    """Yield the rows of each table that the tensor's values choose from."""
    for operation in tensor.consumers():
        places = [i for i, each in enumerate(operation.inputs) if each.name == tensor.name]
        if operation.type in TABLES and TABLES[operation.type] not in places:
            size = _looked_up(operation)
            if size:
                yield size
        elif set(places) & set(KEEPING.get(operation.type, ())):
            yield from _rows(operation.outputs[0])


def _looked_up(operation: Any) -> int | None:
    """Return how many rows a look-up chooses from; None where that differs by sample."""
    import tensorflow as tf

    if "batch_dims" in operation.node_def.attr and operation.get_attr("batch_dims"):
        return None
    table = operation.inputs[TABLES[operation.type]].shape
    axis = tf.get_static_value(operation.inputs[2]) if operation.type == "GatherV2" else 0
    return table[int(axis)] if table.rank and axis is not None else None
