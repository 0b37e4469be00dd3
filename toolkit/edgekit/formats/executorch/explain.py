"""Which operator and which layer of a model ExecuTorch stumbled over, from what it threw."""

import contextlib
import re
import traceback
from typing import Any

from edgekit.core.reason import reason
from edgekit.errors import ExportError

# How ExecuTorch's messages name an operator, and a node of the graph.
OPERATOR = re.compile(r"aten(?:::|\.)(\w+)")
NODE = re.compile(r"While executing %(\w+)")
# Where the lines lie that call an operator for the user's own.
LIBRARY = "/site-packages/torch/"
CALL = re.compile(r'File "([^"]+)", line (\d+)')


def explain(error: Exception, program: Any, backend: str, recipe: str) -> ExportError:
    """Return the error for the user: what failed, at which operator and layer, what to do.

    `program` is the `ExportedProgram` that was being lowered, None where export itself failed.
    """
    where = _in_graph(str(error).strip(), program) if program is not None else _in_module(error)
    return ExportError(
        f"got an error from ExecuTorch for {backend} {recipe}{f', at {where}' if where else ''}: "
        f"{reason(error)} ({type(error).__name__})",
        "replace this operation in the model by one that can be exported"
        if program is None
        else "replace this operator in the model; core ATen operators can be lowered",
    )


def _in_graph(text: str, program: Any) -> str:
    """Return operator, layer and line of the node that the message names, or an empty string."""
    # Only the beginning: some messages print the whole graph after it.
    names = OPERATOR.findall(text[:600].split("graph():", maxsplit=1)[0])
    nodes = set(NODE.findall(text))
    programs = [program]
    with contextlib.suppress(Exception):
        programs.append(program.run_decompositions())  # Where the operators have their last names.
    for candidate in programs:
        for node in candidate.graph.nodes:
            operator = str(node.target).removeprefix("aten.").split(".")[0]
            if node.op == "call_function" and (operator in names or node.name in nodes):
                return describe(operator, node)
    return f"aten.{names[0]}" if names else ""


def describe(operator: str, node: Any) -> str:
    """Return an operator with the layer and the line that call it, where the node knows them."""
    layers = list((node.meta.get("nn_module_stack") or {}).values())
    words = [f"aten.{operator}"]
    if layers:
        path, kind = layers[-1]
        path = re.sub(r"^(L\['self'\])?\.?(inner\.?)*", "", path)
        kind = (kind if isinstance(kind, str) else kind.__name__).rsplit(".", 1)[-1]
        words.append(f"in layer {path} ({kind})" if path else f"in {kind}.forward")
    lines = CALL.findall(node.meta.get("stack_trace") or "")
    own = [each for each in lines if LIBRARY not in each[0]]
    if own or lines:
        words.append(":".join((own or lines)[-1]))
    return ", ".join(words)


def _in_module(error: Exception) -> str:
    """Return the innermost module's forward that the error passed through, or an empty string."""
    import torch

    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        if isinstance(owner, torch.nn.Module) and frame.f_code.co_name == "forward":
            found = f"{type(owner).__name__}.forward, {frame.f_code.co_filename}:{line}"
    return found
