"""A TorchScript graph as a plain `torch.nn.Module`, which `torch.export` can trace.

The inlined graph is read into steps, and the steps are run one by one: operators by PyTorch, lists,
sizes and branches by Python. torch's own converter (`TS2EPConverter`) was tried first: it fixes the
batch of scripted nets that compute with sizes, and fails on branches that return tuples.
"""

import inspect
import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from edgekit.errors import ModelLoadError

UNSAFE = {"aten::save", "aten::from_file"}
PRIM = {
    "prim::Constant", "prim::GetAttr", "prim::If", "prim::Loop", "prim::ListConstruct",
    "prim::ListUnpack", "prim::TupleConstruct", "prim::TupleUnpack", "prim::TupleIndex",
    "prim::DictConstruct", "prim::RaiseException", "prim::Uninitialized", "prim::NumToTensor",
    "prim::unchecked_cast", "prim::unchecked_unwrap_optional", "prim::dtype", "prim::device",
    "prim::layout", "prim::type", "prim::min", "prim::max", "prim::abs", "prim::requires_grad",
    "prim::is_cuda", "prim::is_nested", "prim::is_quantized", "prim::is_mkldnn",
    "prim::CallMethod", "prim::CallFunction", "prim::SetAttr", "prim::Print",
}  # fmt: skip

# By name, whatever TorchScript computes with: tensors, numbers, lists of both.
Held = dict[str, Any]


def _add_in_place(values: Any, more: Any) -> Any:
    values += more
    return values


# What TorchScript decides in Python numbers, and torch.export must not see as operators.
PYTHON: dict[str, Callable[..., Any]] = {
    "prim::ListConstruct": lambda *values: list(values),
    "prim::TupleConstruct": lambda *values: values,
    "prim::DictConstruct": lambda *pairs: dict(zip(pairs[::2], pairs[1::2], strict=True)),
    "prim::TupleIndex": operator.getitem,
    "prim::Uninitialized": lambda: None,
    "prim::NumToTensor": lambda value: value,
    "prim::unchecked_cast": lambda value: value,
    "prim::unchecked_unwrap_optional": lambda value: value,
    "prim::dtype": lambda value: value.dtype,
    "prim::device": lambda value: value.device,
    "prim::layout": lambda value: value.layout,
    "prim::type": lambda value: value.type,
    "prim::min": min,
    "prim::max": max,
    "prim::abs": abs,
    # As while training: some modules would else take a fused path that only PyTorch has.
    "prim::requires_grad": lambda _: True,
    "aten::is_grad_enabled": lambda: True,
    "aten::is_autocast_enabled": lambda: False,
    "aten::is_scripting": lambda: True,
    "prim::is_cuda": lambda _: False,
    "prim::is_nested": lambda _: False,
    "prim::is_quantized": lambda _: False,
    "prim::is_mkldnn": lambda _: False,
    "prim::Print": lambda *_: None,
    "aten::warn": lambda *_: None,
    "aten::size": lambda value, dim=None: list(value.shape) if dim is None else value.shape[dim],
    "aten::dim": lambda value: value.dim(),
    "aten::is_floating_point": lambda value: value.is_floating_point(),
    "aten::__getitem__": operator.getitem,
    "aten::__contains__": operator.contains,
    "aten::__is__": operator.is_,
    "aten::__isnot__": operator.is_not,
    "aten::append": lambda values, value: (values.append(value), values)[1],
    "aten::extend": lambda values, more: values.extend(more),
    "aten::insert": lambda values, i, value: values.insert(i, value),
    "aten::list": list,
    "aten::len": len,
    "aten::keys": lambda values: list(values.keys()),
    "aten::values": lambda values: list(values.values()),
    "aten::items": lambda values: list(values.items()),
    "aten::_unwrap_optional": lambda value: value,
    "aten::format": lambda text, *values: text.format(*values),
    "aten::__range_length": lambda low, high, step: len(range(low, high, step)),
    "aten::__derive_index": lambda i, start, step: start + i * step,
}
ROUNDED: dict[str, Callable[[float], int]] = {"floor": math.floor, "trunc": math.trunc}
# The same for operators that PyTorch computes when a tensor is among the arguments.
WITHOUT_TENSORS: dict[str, Callable[..., Any]] = {
    "aten::add": lambda a, b, *_: a + b,
    "aten::add_": lambda a, b, *_: _add_in_place(a, b),
    "aten::sub": lambda a, b, *_: a - b,
    "aten::rsub": lambda a, b, *_: b - a,
    "aten::mul": operator.mul,
    "aten::div": lambda a, b, mode=None: ROUNDED[mode](a / b) if mode else a / b,
    "aten::floordiv": operator.floordiv,
    "aten::floor_divide": operator.floordiv,
    "aten::remainder": operator.mod,
    "aten::pow": operator.pow,
    "aten::neg": operator.neg,
    "aten::eq": operator.eq,
    "aten::ne": operator.ne,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
    "aten::__not__": operator.not_,
    "aten::__and__": operator.and_,
    "aten::__or__": operator.or_,
    # int() and float() would fix a size that torch.export leaves open.
    "aten::Int": lambda value: int(value) if isinstance(value, float | bool | str) else value,
    "aten::IntImplicit": lambda value: value,
    "aten::Float": lambda value: float(value) if isinstance(value, str) else value * 1.0,
    "aten::FloatImplicit": lambda value: value,
    "aten::ScalarImplicit": lambda value: value,
    "aten::Bool": bool,
    "aten::item": lambda value: value,
    "aten::floor": math.floor,
    "aten::ceil": math.ceil,
    "aten::sqrt": math.sqrt,
    "aten::any": any,
    "aten::all": all,
    "aten::slice": lambda values, start=None, end=None, step=1: values[start:end:step],
}
STATEFUL = {"prim::SetAttr", "prim::CallMethod", "prim::CallFunction"}
# A number out of a tensor: what follows from it cannot be fixed when the model is exported.
FROM_TENSOR = {
    "aten::Int", "aten::IntImplicit", "aten::Float", "aten::FloatImplicit", "aten::ScalarImplicit",
    "aten::Bool", "aten::item",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A list of steps with its own inputs and outputs, by name."""

    inputs: tuple[str, ...]
    steps: tuple["Step", ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One node of the graph.

    `keywords` names the arguments that go by keyword, from the end; `tensors` says which must be
    tensors.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    where: str
    overload: Any
    keywords: tuple[str, ...]
    tensors: tuple[bool, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class _Names:
    """What is known by name before the graph runs.

    `held` are values, `objects` modules with their path, `paths` where in them a value came from.
    """

    held: Held
    objects: dict[str, tuple[str, Any]]
    paths: dict[str, str]


def unsafe_nodes(graph: Any) -> list[str]:
    """Return the nodes of an inlined graph that could touch more than tensors, with their place."""
    return [
        f"{node.kind()} ({_where(node)})"
        for node in _nodes(graph)
        if node.kind() in UNSAFE
        or (not node.kind().startswith("aten::") and node.kind() not in PRIM)
    ]


def to_module(script: Any, label: str) -> Any:
    """Return an evaluation-mode `torch.nn.Module` that computes what `script.forward` does.

    Takes the inputs positionally. Raises `ModelLoadError` for a node that cannot be converted; one
    that depends on values raises it when the module is first called.
    """
    import torch

    graph = inlined(script)
    names = _Names({}, {next(graph.inputs()).debugName(): ("", script)}, {})
    block = _block(graph, names, label, torch)
    wanted = block.inputs[1:]

    class ScriptNet(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.own: dict[str, str] = {}
            for name, value in names.held.items():
                if isinstance(value, torch.Tensor):
                    self._hold(name, value)

        def _hold(self, name: str, value: Any) -> None:
            path = names.paths.get(name, f"constant_{name}")
            own = self.own[name] = re.sub(r"\W", "_", f"script_{path}")
            if hasattr(self, own):
                return
            if value.is_floating_point():
                self.register_parameter(
                    own, torch.nn.Parameter(value.detach(), requires_grad=False)
                )
            else:
                self.register_buffer(own, value.detach())

        def forward(self, *inputs: Any) -> Any:
            known = {**names.held, **{name: getattr(self, own) for name, own in self.own.items()}}
            known.update(zip(wanted, inputs, strict=True))
            _run(block, known, label, torch)
            found = [known[name] for name in block.outputs]
            return found[0] if len(found) == 1 else tuple(found)

    # TorchScript numbers its names: `x.1` was `x`.
    takes = signature([name.partition(".")[0] for name in wanted])
    ScriptNet.forward.__signature__ = takes  # type: ignore[attr-defined]
    return ScriptNet().eval()


def inlined(script: Any) -> Any:
    """Return the graph of `script.forward` with all that it calls in one piece."""
    import torch

    graph = script.graph.copy()
    torch._C._jit_pass_inline(graph)  # noqa: SLF001 - the only way in
    return graph


def signature(names: list[str]) -> inspect.Signature:
    """Return the signature of a `forward` that takes tensors called `names`, for torch.export."""
    plain = [name if name.isidentifier() else f"input_{i}" for i, name in enumerate(names)]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in ("self", *plain)])


def input_count(script: Any) -> int:
    """Return how many inputs `script.forward` takes."""
    return len(list(script.graph.inputs())) - 1


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _where(node: Any) -> str:
    """Return the file and line that a node was written in, as the archive recorded it."""
    found = re.search(r'File "([^"]+)", line (\d+)', node.sourceRange())
    return f"{found[1].rpartition('/')[2]}:{found[2]}" if found else "no line recorded"


def _block(block: Any, names: _Names, label: str, torch: Any) -> Block:
    steps = []
    for node in block.nodes():
        if node.kind() == "prim::Constant":
            names.held[node.output().debugName()] = _constant(node, label, torch)
        elif node.kind() == "prim::GetAttr":
            _attribute(node, names, label, torch)
        else:
            steps.append(_step(node, names, label, torch))
    return Block(
        inputs=tuple(value.debugName() for value in block.inputs()),
        steps=tuple(steps),
        outputs=tuple(value.debugName() for value in block.outputs()),
    )


def _constant(node: Any, label: str, torch: Any) -> Any:
    try:
        value = node.output().toIValue()
    except RuntimeError as error:
        raise _refused(label, node.kind(), _where(node), "a constant that is no value") from error
    # A number in a traced size is recorded as a tensor; as one, the size would not be known.
    if isinstance(value, torch.Tensor) and not value.ndim and not value.is_floating_point():
        return value.item()
    return value


def _attribute(node: Any, names: _Names, label: str, torch: Any) -> None:
    """Take an attribute of the model as it is now: nothing in the graph sets one."""
    owner, name = node.input().debugName(), node.s("name")
    if owner not in names.objects:
        what = f"an object that is only known while running ('{name}' of it)"
        raise _refused(label, node.kind(), _where(node), what)
    path, holder = names.objects[owner]
    try:
        value = getattr(holder, name)
    except Exception as error:
        raise _refused(label, node.kind(), _where(node), f"no readable '{name}'") from error
    if isinstance(value, torch.jit.ScriptModule | torch._C.ScriptObject | torch.ScriptObject):  # noqa: SLF001
        names.objects[node.output().debugName()] = (f"{path}{name}.", value)
    else:
        names.held[node.output().debugName()] = value
        names.paths[node.output().debugName()] = f"{path}{name}"


def _step(node: Any, names: _Names, label: str, torch: Any) -> Step:
    kind, where = node.kind(), _where(node)
    overload: Any = None
    keywords: tuple[str, ...] = ()
    tensors: tuple[bool, ...] = ()
    if kind in STATEFUL or (kind.startswith("prim::") and kind not in PRIM):
        raise _refused(label, kind, where, "a node that cannot be converted")
    if not kind.startswith("prim::") and kind not in PYTHON:
        overload, keywords, tensors = _overload(node, label, torch)
    return Step(
        kind=kind,
        inputs=tuple(value.debugName() for value in node.inputs()),
        outputs=tuple(value.debugName() for value in node.outputs()),
        where=where,
        overload=overload,
        keywords=keywords,
        tensors=tensors,
        blocks=tuple(_block(inner, names, label, torch) for inner in node.blocks()),
    )


def _overload(node: Any, label: str, torch: Any) -> tuple[Any, tuple[str, ...], tuple[bool, ...]]:
    schema = torch._C.parse_schema(node.schema())  # noqa: SLF001 - the only way in
    space, _, name = schema.name.partition("::")
    try:
        packet = getattr(getattr(torch.ops, space), name)
        overload = getattr(packet, schema.overload_name or "default")
    except AttributeError as error:
        if node.kind() not in WITHOUT_TENSORS:
            what = "an operator that this torch lacks"
            raise _refused(label, node.kind(), _where(node), what) from error
        overload = None
    keywords = tuple(each.name for each in schema.arguments if each.kwarg_only)
    return overload, keywords, tuple(str(a.type).endswith("Tensor") for a in schema.arguments)


def _run(block: Block, known: Held, label: str, torch: Any) -> None:
    for step in block.steps:
        values = [known[name] for name in step.inputs]
        if step.kind == "prim::If":
            chosen = step.blocks[0 if values[0] else 1]
            _run(chosen, known, label, torch)
            results = [known[name] for name in chosen.outputs]
        elif step.kind == "prim::Loop":
            results = _loop(step, values, known, label, torch)
        else:
            results = _outputs(step, _call(step, values, label, torch))
        known.update(zip(step.outputs, results, strict=True))


def _loop(step: Step, values: list[Any], known: Held, label: str, torch: Any) -> Any:
    (body,), (trips, go_on, *carried) = step.blocks, values
    count = 0
    while count < trips and go_on:
        known.update(zip(body.inputs, [count, *carried], strict=True))
        _run(body, known, label, torch)
        go_on, *carried = [known[name] for name in body.outputs]
        count += 1
    return carried


def _call(step: Step, values: list[Any], label: str, torch: Any) -> Any:
    has_tensor = any(isinstance(value, torch.Tensor) for value in values)
    if step.kind in FROM_TENSOR and has_tensor:
        what = "a number taken out of a tensor, which a fixed graph cannot follow"
        raise _refused(label, step.kind, step.where, what)
    if step.kind == "prim::RaiseException":
        raise ModelLoadError(
            f"got an error raised by the model itself: {label}: {values[0]} ({step.where})",
            "check --input (height, width, channels)",
        )
    if step.kind in {"prim::ListUnpack", "prim::TupleUnpack"}:
        return tuple(values[0])
    python = PYTHON.get(step.kind) or (None if has_tensor else WITHOUT_TENSORS.get(step.kind))
    if python is not None:
        return python(*values)
    if step.overload is None:
        raise _refused(label, step.kind, step.where, "an operator that this torch lacks")
    if step.kind == "aten::_convolution":
        return _convolution(values, torch)
    for i, (value, is_tensor) in enumerate(zip(values, step.tensors, strict=True)):
        if is_tensor and value is not None and not isinstance(value, torch.Tensor):
            kind = torch.get_default_dtype() if isinstance(value, float) else torch.int64
            values[i] = torch.scalar_tensor(value, dtype=kind)
    cut = len(values) - len(step.keywords)
    return step.overload(*values[:cut], **dict(zip(step.keywords, values[cut:], strict=True)))


def _convolution(values: list[Any], torch: Any) -> Any:
    """Convolve by the operator that exporters know; a trace records one that they do not."""
    image, weight, bias, stride, padding, dilation, transposed, more, groups = values[:9]
    name = f"conv{'_transpose' if transposed else ''}{weight.dim() - 2}d"
    operation = getattr(torch.nn.functional, name)
    if transposed:
        return operation(image, weight, bias, stride, padding, more, groups, dilation)
    return operation(image, weight, bias, stride, padding, dilation, groups)


def _outputs(step: Step, result: Any) -> list[Any]:
    if len(step.outputs) == 1 and step.kind not in {"prim::ListUnpack", "prim::TupleUnpack"}:
        return [result]
    return list(result) if step.outputs else []


def _refused(label: str, kind: str, where: str, what: str) -> ModelLoadError:
    return ModelLoadError(
        f"got {what} in {label}: {kind} at {where}",
        "rewrite that line without it, or trace the model: torch.jit.trace(model, example)",
    )
