"""Passes over ExecuTorch's edge graph, before delegates take their parts of it."""

from typing import Any

DEQUANTIZE = "quantized_decomposed.dequantize_per_tensor"


def one_dequantize_for_each() -> Any:
    """Return a pass that gives each reader of a quantized tensor a dequantize node of its own.

    Where XNNPACK's passes change the memory format before one reader of a shared node, they
    replace it for all its readers, also for those whose own format is settled: such a file fails
    in `execute` (0x10), or where height equals the number of channels, gives wrong values.
    """
    from torch.fx.passes.infra.pass_base import PassBase, PassResult

    class OneForEach(PassBase):  # type: ignore[misc]
        def call(self, graph_module: Any) -> Any:
            graph = graph_module.graph
            for node in list(graph.nodes):
                if node.op == "call_function" and DEQUANTIZE in str(node.target):
                    _split(graph, node)
            graph_module.recompile()
            return PassResult(graph_module, modified=True)

    return OneForEach()


def _split(graph: Any, node: Any) -> None:
    for user in [user for user in list(node.users)[1:] if user.op != "output"]:
        with graph.inserting_before(user):
            own = graph.node_copy(node)
        user.replace_input_with(node, own)
