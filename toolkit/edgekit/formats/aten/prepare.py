"""A PyTorch module as an ATen graph that can be lowered: no writes in place, no strides, no state.

What `torch.export` gives still writes into its tensors, keeps memory formats, pads by the word
`same`, and computes weights from other weights. Quantizers and delegates look for none of that:
some fail on it, others give wrong values.
"""

from collections.abc import Callable
from typing import Any

from edgekit.errors import ExportError

# A tensor that is computed from constants and is small, or not much larger than they are, is kept.
SMALL = 4096
GROWTH = 2

DRAWS = ("bernoulli", "dropout", "multinomial", "normal", "rand")
# The arguments of such a convolution: value, weight, bias, stride, padding, dilation, groups.
DEFAULTS: tuple[Any, ...] = (None, None, None, [1], "valid", 1, 1)
SPATIAL = {"aten.conv1d.padding": 1, "aten.conv2d.padding": 2, "aten.conv3d.padding": 3}


def program(module: Any, examples: tuple[Any, ...], sizes: Any = None) -> Any:
    """Return the `ExportedProgram` of `module`, in which nothing is written in place.

    `sizes` says which dimensions are open, as `torch.export` takes them. Raises `ExportError`
    where a call changes a buffer.
    """
    import torch

    exported = torch.export.export(module, examples, dynamic_shapes=sizes).run_decompositions({})
    changed = exported.graph_signature.buffers_to_mutate.values()
    if changed:
        raise keeps_state(tuple(changed))
    return exported


def keeps_state(buffers: tuple[str, ...]) -> ExportError:
    """Return the refusal of a model that remembers from one call to the next, its buffers named."""
    names = ", ".join(repr(name.removeprefix("inner.")) for name in buffers)
    return ExportError(
        f"got a model whose forward changes its buffer {names}: a call depends on those before it, "
        "and files that keep state are not made",
        "give the state to forward as an input, and return the new one as an output",
    )


def graph(exported: Any) -> Any:
    """Return a program's `torch.fx.GraphModule`, plain in memory, with its constants computed."""
    # Guards on sizes are calls in the graph that the quantizers and Arm's passes do not know.
    module = exported.module(check_guards=False)
    changed = replace(module, _padded)
    changed = replace(module, _scaled) or changed
    _free_views(module)
    if _unformat(module) or changed:
        propagate(module)
    _fold(module)
    module.graph.lint()
    module.recompile()
    return module


def propagate(module: Any) -> None:
    """Compute anew the fake tensor that each node gives: its shape or strides may be others now."""
    from torch.fx.passes.fake_tensor_prop import FakeTensorProp

    inputs = [n.meta["val"] for n in module.graph.nodes if n.op == "placeholder"]
    mode = inputs[0].fake_mode
    before, mode.allow_non_fake_inputs = mode.allow_non_fake_inputs, True
    try:
        FakeTensorProp(module, mode).propagate_dont_convert_inputs(*inputs)
    finally:
        mode.allow_non_fake_inputs = before


def replace(module: Any, make: Callable[[Any, Any], Any]) -> bool:
    """Replace each call for which `make` puts another before it; return whether any was."""
    changed = False
    for node in list(module.graph.nodes):
        with module.graph.inserting_before(node):
            made = make(module.graph, node) if node.op == "call_function" else None
        if made is not None:
            made.meta = dict(node.meta)
            node.replace_all_uses_with(made)
            module.graph.erase_node(node)
            changed = True
    return changed


def _free_views(module: Any) -> None:
    """Say `reshape` for `view`, which fails once what comes before it lies otherwise in memory."""
    import torch

    for node in module.graph.nodes:
        if node.target is torch.ops.aten.view.default:
            node.target = torch.ops.aten.reshape.default


def _scaled(graph: Any, node: Any) -> Any:
    """Return a sum or difference with a factor (`alpha`) as one without, of a product; or None."""
    import torch

    aten = torch.ops.aten
    if node.target not in {aten.add.Tensor, aten.sub.Tensor} or node.kwargs.get("alpha", 1) == 1:
        return None
    first, second = node.args
    product = graph.call_function(aten.mul.Tensor, (second, node.kwargs["alpha"]))
    if hasattr(second, "meta"):
        product.meta = dict(second.meta)
    return graph.call_function(node.target, (first, product))


def _padded(graph: Any, node: Any) -> Any:
    """Return a convolution padded by a word as one padded by numbers, or None for other nodes.

    Of an odd padding the larger half lies at the end, as in PyTorch.
    """
    import torch

    rank = SPATIAL.get(str(node.target))
    if rank is None:
        return None
    given: tuple[Any, ...] = (*node.args, *DEFAULTS[len(node.args) :])
    value, weight, bias, stride, word, dilation, groups = given
    steps = [dilation] * rank if isinstance(dilation, int) else [*dilation] * rank
    spans = zip(steps, weight.meta["val"].shape[2:], strict=False)
    totals = [0 if word == "valid" else step * (size - 1) for step, size in spans]
    if any(total % 2 for total in totals):
        odd = [size for total in reversed(totals) for size in (0, total % 2)]
        value = graph.call_function(torch.ops.aten.constant_pad_nd.default, (value, odd, 0.0))
    target = getattr(torch.ops.aten, f"conv{rank}d").default
    halves = [total // 2 for total in totals]
    rest = (steps[:rank], groups)
    return graph.call_function(target, (value, weight, bias, stride, halves, *rest))


def _unformat(module: Any) -> bool:
    """Say `contiguous` where a memory format such as channels_last is asked for."""
    import torch

    formats = {torch.channels_last, torch.channels_last_3d}
    changed = False
    for node in module.graph.nodes:
        plain = tuple(torch.contiguous_format if _is(each, formats) else each for each in node.args)
        kwargs = {
            key: torch.contiguous_format if _is(each, formats) else each
            for key, each in node.kwargs.items()
        }
        if plain != node.args or kwargs != dict(node.kwargs):
            node.args, node.kwargs, changed = plain, kwargs, True
    return changed


def _is(value: Any, formats: set[Any]) -> bool:
    import torch

    return isinstance(value, torch.memory_format) and value in formats


def _fold(module: Any) -> None:
    """Compute what depends on no input: weights that are normalized, tables that are looked up."""
    import torch

    known = _constants(module)
    for number, (node, value) in enumerate(list(known.items())):
        ends = node.op == "call_function" and any(user not in known for user in node.users)
        if not ends or not isinstance(value, torch.Tensor):
            continue
        name = f"_folded_{number}"
        module.register_buffer(name, value.detach().clone().contiguous())
        with module.graph.inserting_before(node):
            kept = module.graph.get_attr(name)
        kept.meta = dict(node.meta)
        node.replace_all_uses_with(kept)
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()


def _constants(module: Any) -> dict[Any, Any]:
    """Return the value of each node that depends on no input, where it is worth keeping."""
    import torch
    from torch.fx.node import map_arg

    known: dict[Any, Any] = {}
    for node in module.graph.nodes:
        before = node.all_input_nodes
        if node.op == "get_attr":
            known[node] = _attribute(module, node.target)
        elif node.op == "call_function" and before and all(each in known for each in before):
            if any(word in str(node.target) for word in DRAWS):
                continue
            args, kwargs = (map_arg(part, known.__getitem__) for part in (node.args, node.kwargs))
            with torch.no_grad():
                value = node.target(*args, **kwargs)
            if _size(value) <= max(SMALL, GROWTH * max(_size(known[each]) for each in before)):
                known[node] = value
    return known


def _size(value: Any) -> int:
    return int(value.numel()) if hasattr(value, "numel") else 0


def _attribute(module: Any, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    return module
