"""ONNX to PyTorch: one static `torch.fx.GraphModule` per model, made for `torch.export`.

Every node is translated by a converter, a function registered for the op's name and domain; the
families of converters are the other modules of this package. Whatever can be known while building
(shapes, axes, pads, weights in another layout) is computed while building. `pipeline` calls it
where an exporter takes PyTorch models only; it never runs the model.
"""

from typing import Any

from edgekit.core.reason import reason
from edgekit.errors import ModelLoadError
from edgekit.formats.onnx.to_torch import registry
from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value

HINT = (
    "export the model with these ops replaced, or from its own framework, "
    "and give edgekit the Keras or PyTorch model itself where there is one"
)
# What torch raises for operands that it cannot take.
TORCH_REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)


def to_module(model: Any) -> Any:
    """Return a `torch.nn.Module` in evaluation mode that computes `model`, an `onnx.ModelProto`.

    The module takes the graph's inputs by position and returns its outputs: a tensor, or a tuple
    where there are several. Every input needs a fixed shape. Raises `ModelLoadError` naming all
    ops, or uses of an op, that have no converter.
    """
    opsets = {_domain(entry.domain): entry.version for entry in model.opset_import}
    known = {item.name for item in model.graph.initializer}
    graph = Graph()
    values: dict[str, Value] = {}
    for item in model.graph.input:
        if item.name not in known:
            kind = item.type.tensor_type
            shape = [dim.dim_value for dim in kind.shape.dim]
            values[item.name] = graph.input(item.name, shape, kind.elem_type)
    for item in model.graph.initializer:
        values[item.name] = graph.constant_of(item)
    problems = _translate(graph, model.graph.node, values, opsets)
    if problems:
        raise ModelLoadError(
            f"got {len(problems)} ONNX nodes that cannot become PyTorch: {'; '.join(problems)}",
            HINT,
        )
    return graph.finish([_output(values, item.name) for item in model.graph.output])


def _translate(
    graph: Graph, nodes: Any, values: dict[str, Value], opsets: dict[str, int]
) -> list[str]:
    """Add every node to `graph`; return what is wrong with those that cannot be."""
    problems = []
    for proto in nodes:
        domain = _domain(proto.domain)
        convert = registry.find(domain, proto.op_type)
        opset = opsets.get(domain, 1)
        place = (
            f"{proto.op_type} ({domain} opset {opset}) "
            f"at node '{proto.name}' giving {', '.join(filter(None, proto.output))}"
        )
        if convert is None:
            problems.append(f"{place}: {registry.why_not(proto.op_type)}")
        elif all(name in values for name in proto.input if name):
            # A node behind one that failed is not judged.
            try:
                _add(graph, Node(proto, opset, values), convert, values)
            except Unsupported as error:
                problems.append(f"{place}: {error}")
            except TORCH_REFUSALS as error:
                problems.append(f"{place}: {type(error).__name__}: {reason(error)}")
    return problems


def _add(graph: Graph, node: Node, convert: registry.Converter, values: dict[str, Value]) -> None:
    results = convert(graph, node)
    results = [results] if isinstance(results, Value) else results
    for i, name in enumerate(node.outputs):
        if name and i >= len(results):
            raise Unsupported(f"output {i} ('{name}') is not computed")
        if name:
            values[name] = results[i]


def _output(values: dict[str, Value], name: str) -> Value:
    value = values[name]
    if value.is_constant:
        raise ModelLoadError(
            f"got output '{name}', which does not depend on the input",
            "remove it from the model's outputs",
        )
    return value


def _domain(name: str) -> str:
    return name or "ai.onnx"
