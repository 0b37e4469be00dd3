"""Loops of a TensorFlow graph written out: mobile formats have none that int8 or delegates know.

A recurrent layer is a loop in a SavedModel, over lists of tensors. Where the number of steps does
not hang on the input's values, the graph is copied node by node into the current one, the body as
often as it runs, and the lists are gone.
"""

from collections.abc import Callable
from typing import Any

# A step is some ten operators: beyond this, files and conversion times run away.
MAX_STEPS = 512

LOOPS = {"StatelessWhile", "While"}
CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


class OpenLoop(Exception):  # noqa: N818 - it names what was found, and never reaches the user
    """A loop whose number of steps is not known before it runs, or too large."""


def has_loops(definition: Any) -> bool:
    """Return whether there is a loop in a graph without calls."""
    return any(node.op in LOOPS for node in definition.node)


def written_out(definition: Any, feeds: dict[str, Any], wanted: list[str]) -> list[Any]:
    """Copy a graph into the current one with its loops written out; return the tensors `wanted`.

    `feeds` has the tensors that stand for the graph's inputs, by the names of those. Raises
    `OpenLoop`.
    """
    return _Copying(definition).run(definition, feeds, wanted)


class _Copying:
    """A graph's functions, by name, while it is copied into the current graph."""

    def __init__(self, definition: Any) -> None:
        self.library = definition.library
        self.functions = {each.signature.name: each for each in definition.library.function}
        self.bodies: dict[str, tuple[Any, list[str], list[str]]] = {}

    def run(self, definition: Any, feeds: dict[str, Any], wanted: list[str]) -> list[Any]:
        """Return the tensors `wanted`, or lists of tensors, of a graph that is fed with `feeds`."""
        values = {_full(name): value for name, value in feeds.items()}
        for node in _ordered(definition, set(values), wanted):
            inputs = [values[_full(name)] for name in node.input if name[0] != "^"]
            for i, value in enumerate(self.results(node, inputs)):
                values.setdefault(f"{node.name}:{i}", value)
        return [values[_full(name)] for name in wanted]

    def results(self, node: Any, inputs: list[Any]) -> list[Any]:
        """Return what a node gives, as tensors, or lists of them."""
        if node.op in LOOPS:
            return self.looped(node, inputs)
        if node.op in CALLS:
            return self.call(node.attr["f"].func.name, inputs)
        if node.op in LISTS:
            return [LISTS[node.op](*inputs)]
        if any(isinstance(each, list) for each in inputs):
            if node.op != "Identity":
                raise OpenLoop(node.op)
            return inputs
        return self.copied(node, inputs)

    def looped(self, node: Any, inputs: list[Any]) -> list[Any]:
        """Return what a loop gives at its end."""
        cond, body = (node.attr[key].func.name for key in ("cond", "body"))
        for _ in range(MAX_STEPS + 1):
            if not _known(self.call(cond, inputs)[0]):
                return inputs
            inputs = self.call(body, inputs)
        raise OpenLoop(node.name)

    def call(self, name: str, inputs: list[Any]) -> list[Any]:
        """Return what a function of the graph gives, copied in."""
        from tensorflow.python.framework import function_def_to_graph

        if name not in self.bodies:
            function = self.functions[name]
            body, flat = function_def_to_graph.function_def_to_graph_def(function)
            ends = [flat[function.ret[each.name]] for each in function.signature.output_arg]
            self.bodies[name] = body, [a.name for a in function.signature.input_arg], ends
        body, arguments, ends = self.bodies[name]
        return self.run(body, dict(zip(arguments, inputs, strict=True)), ends)

    def copied(self, node: Any, inputs: list[Any]) -> list[Any]:
        """Return the results of one operator, copied; whole numbers that are known as constants."""
        import tensorflow as tf
        from tensorflow.core.framework import graph_pb2

        names = [_full(name) for name in node.input if name[0] != "^"]
        alone = graph_pb2.GraphDef(node=[node])
        del alone.node[0].input[:]
        alone.node[0].input.extend(names)
        alone.node[0].attr.pop("_class", None)
        if any(value.HasField("func") for value in node.attr.values()):
            alone.library.CopyFrom(self.library)
        feeds = dict(zip(names, inputs, strict=True))
        (made,) = tf.graph_util.import_graph_def(alone, feeds, [node.name], name="")
        return [_folded(each) for each in made.outputs]


def _folded(tensor: Any) -> Any:
    """Return a small tensor of whole numbers as a constant, where it is known."""
    import tensorflow as tf

    small = tensor.shape.rank == 0 and (tensor.dtype.is_integer or tensor.dtype.is_bool)
    value = _value(tensor) if small else None
    return tensor if value is None else tf.constant(value, tensor.dtype)


def _value(tensor: Any) -> Any:
    from tensorflow.python.client import pywrap_tf_session

    evaluate = pywrap_tf_session.TF_TryEvaluateConstant_wrapper
    return evaluate(tensor.graph._c_graph, tensor._as_tf_output())  # noqa: SLF001


def _known(tensor: Any) -> Any:
    value = _value(tensor)
    if value is None:
        raise OpenLoop(tensor.name)
    return value


def _reserve(shape: Any, size: Any) -> list[Any]:
    del shape
    return [None] * int(_known(size))


def _from_tensor(tensor: Any, shape: Any) -> list[Any]:
    import tensorflow as tf

    del shape
    if tensor.shape.rank is None or tensor.shape[0] is None:
        raise OpenLoop(tensor.name)
    return list(tf.unstack(tensor))


def _set(items: list[Any], index: Any, item: Any, *more: Any) -> list[Any]:
    del more
    place = int(_known(index))
    return [*items[:place], item, *items[place + 1 :]]


def _get(items: list[Any], index: Any, shape: Any) -> Any:
    del shape
    return _whole([items[int(_known(index))]])[0]


def _stack(items: list[Any], shape: Any) -> Any:
    import tensorflow as tf

    del shape
    return tf.stack(_whole(items))


def _whole(items: list[Any]) -> list[Any]:
    if any(each is None for each in items):
        raise OpenLoop("a list with gaps")
    return items


# What is done to lists of tensors: they are Python's here, of tensors or of None.
LISTS: dict[str, Callable[..., Any]] = {
    "TensorListReserve": _reserve,
    "TensorListFromTensor": _from_tensor,
    "TensorListSetItem": _set,
    "TensorListGetItem": _get,
    "TensorListStack": _stack,
}


def _full(name: str) -> str:
    """Return a tensor's whole name: `node` is the first output of its node, `node:0`."""
    return name if ":" in name else f"{name}:0"


def _ordered(definition: Any, fed: set[str], wanted: list[str]) -> list[Any]:
    """Return the nodes that `wanted` needs, each after those that it reads from."""
    nodes = {node.name: node for node in definition.node}
    done: dict[str, Any] = {}  # nodes, which protobuf does not type
    # A stack of its own: an unrolled network is deeper than Python's.
    waiting = [_full(name) for name in wanted]
    while waiting:
        reference = waiting[-1]
        name = reference.split(":")[0]
        if reference in fed or name in done:
            waiting.pop()
            continue
        before = [_full(each) for each in nodes[name].input if each[0] != "^"]
        missing = [each for each in before if each not in fed and each.split(":")[0] not in done]
        if missing:
            waiting += missing
        else:
            done[name] = nodes[name]
    return list(done.values())
