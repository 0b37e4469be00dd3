"""Whether ExecuTorch's runtime has a kernel for what no delegate took, asked before writing."""

from typing import Any

from edgekit.errors import ExportError
from edgekit.formats.executorch import explain

# `aten::convolution` with four of them: samples, channels, height, width. Its kernel takes no more.
LARGEST_CONVOLUTION = 4
RECURRENT = {"gru", "lstm", "rnn_relu", "rnn_tanh"}
# The place of this argument among those of a recurrent layer.
BATCH_FIRST = 8


def check(graph_module: Any, backend: str) -> None:
    """Raise `ExportError` for the first operator that the runtime would refuse, with its layer.

    `graph_module` is the finished program's: delegated parts are calls of their own in it.
    """
    from executorch.runtime import Runtime

    known = set(Runtime.get().operator_registry.operator_names)
    for node in graph_module.graph.nodes:
        name = node.target.name() if hasattr(node.target, "_schema") else ""
        missing = name.startswith("aten::") and name not in known
        if missing or (name == "aten::convolution.out" and _rank(node) > LARGEST_CONVOLUTION):
            operator = name.removeprefix("aten::").split(".")[0]
            raise ExportError(
                f"got an operator that ExecuTorch's runtime has no kernel for, and {backend} does "
                f"not take: {explain.describe(operator, node)}{_dimensions(node)}",
                "replace it in the model by others of the same values, or convert for --target "
                "tflite or onnxruntime",
            )


def unrolled(graph: Any) -> tuple[str, ...]:
    """Return what to say of recurrent layers, which become one copy of their cell for each step."""
    notes = []
    for node in graph.nodes:
        operator = str(node.target).removeprefix("aten.").split(".")[0]
        if operator in RECURRENT and len(node.args) > BATCH_FIRST:
            steps = node.args[0].meta["val"].shape[1 if node.args[BATCH_FIRST] else 0]
            notes.append(
                f"{explain.describe(operator, node)} is unrolled into {steps} steps: converting "
                "takes seconds for each, and the delegate gets a part of its own for each"
            )
    return tuple(notes)


def _rank(node: Any) -> int:
    value: Any = node.args[0].meta.get("val") if node.args else None
    return len(value.shape) if hasattr(value, "shape") else 0


def _dimensions(node: Any) -> str:
    rank = _rank(node)
    return f", on a tensor of {rank} dimensions" if rank > LARGEST_CONVOLUTION else ""
