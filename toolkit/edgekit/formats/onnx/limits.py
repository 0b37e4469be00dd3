"""What whole numbers an ONNX model's inputs can take, where the graph tells."""

from typing import Any

import numpy as np

from edgekit.formats.onnx.file import inputs_of

# They pass on the values that they read first, whatever their order.
PASSING = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice",
           "Expand", "Tile", "Split"}  # fmt: skip


def of(static: Any) -> dict[str, tuple[float, float]]:
    """Return, for each input of whole numbers that picks rows, its smallest and largest value.

    Rows are picked from a table (Gather), by comparison with their numbers (Equal), or by OneHot.
    A byte goes from 0 to 255.
    """
    graph, opens = static.graph, {spec.name: spec.dtype for spec in inputs_of(static)}
    known = {tensor.name: tensor for tensor in graph.initializer}
    maker = {name: node for node in graph.node for name in node.output}
    found = {name: (0.0, 255.0) for name, dtype in opens.items() if dtype == "uint8"}
    for node in graph.node:
        for picked, (low, high) in _picks(node, known):
            name = picked
            while name in maker and maker[name].op_type in PASSING:
                name = maker[name].input[0]
            if name in opens and not opens[name].startswith("float"):
                old = found.get(name, (low, high))
                found[name] = max(old[0], low), min(old[1], high)
    return found


def _picks(node: Any, known: dict[str, Any]) -> list[tuple[str, tuple[float, float]]]:
    """Return what a node picks rows by, and from which number to which."""
    import onnx

    def value(name: str) -> Any:
        return onnx.numpy_helper.to_array(known[name])

    if node.op_type == "Gather" and node.input[0] in known:
        axis = next((item.i for item in node.attribute if item.name == "axis"), 0)
        return [(node.input[1], (0, known[node.input[0]].dims[axis] - 1))]
    if node.op_type == "OneHot" and node.input[1] in known:
        return [(node.input[0], (0, int(value(node.input[1]).item()) - 1))]
    if node.op_type == "Equal":
        sides = zip(node.input, reversed(node.input), strict=True)
        rows = [(name, value(to)) for name, to in sides if to in known]
        return [(name, _ends(numbers)) for name, numbers in rows if _is_count(numbers)]
    return []


def _is_count(values: Any) -> bool:
    """Whether the values are all numbers from a smallest to a largest, as those of rows are."""
    low, high = _ends(values)
    if values.size < 2 or values.size != high - low + 1:
        return False
    return np.array_equal(np.sort(values.ravel()), np.arange(low, high + 1))


def _ends(values: Any) -> tuple[float, float]:
    return float(values.min(initial=0)), float(values.max(initial=0))
