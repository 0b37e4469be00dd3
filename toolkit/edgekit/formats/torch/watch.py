"""What a module's forward does besides computing: draws, trains, keeps state, writes to inputs.

Seen by running it once under a mode that is told of every function of PyTorch that is called, with
the layer that calls it; nothing is exported or traced.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DRAWS = {
    "bernoulli", "bernoulli_", "multinomial", "normal", "normal_", "poisson", "rand", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "randperm", "uniform_",
}  # fmt: skip
DROPOUTS = {
    "dropout", "dropout_", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout",
    "alpha_dropout_", "feature_dropout", "feature_dropout_", "feature_alpha_dropout",
    "feature_alpha_dropout_", "native_dropout",
}  # fmt: skip
# What gives the same whole numbers in another shape or width.
SAME = {
    "__getitem__", "clone", "contiguous", "detach", "expand", "flatten", "int", "long", "permute",
    "reshape", "select", "slice", "squeeze", "to", "transpose", "type", "unsqueeze", "view",
}  # fmt: skip

BATCH_STATISTICS = "takes the statistics of each batch"


@dataclass
class Seen:
    """What one call did.

    `odd` has the layers that train or draw, each with what it does; `rows` the sizes of the
    tables that an input's values choose from, by the input's place.
    """

    output: Any = None
    odd: dict[str, str] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    inputs_changed: tuple[int, ...] = ()
    buffers_changed: tuple[str, ...] = ()


def call(module: Any, inputs: tuple[Any, ...]) -> Seen:
    """Call `module` on tensors, without gradients, and return what it gave and did."""
    import torch

    seen = Seen()
    buffers = {name: (held, held._version) for name, held in module.named_buffers()}  # noqa: SLF001
    versions = [value._version for value in inputs]  # noqa: SLF001
    with torch.no_grad(), _layers(module) as stack, _mode(seen, stack, inputs):
        seen.output = module(*inputs)
    seen.inputs_changed = tuple(
        i
        for i, (value, version) in enumerate(zip(inputs, versions, strict=True))
        if value._version != version  # noqa: SLF001
    )
    seen.buffers_changed = tuple(
        name
        for name, held in module.named_buffers()
        if name in buffers and (held is not buffers[name][0] or held._version != buffers[name][1])  # noqa: SLF001
    )
    return seen


@contextlib.contextmanager
def _layers(module: Any) -> Iterator[list[str]]:
    """Yield the names of the layers that are being called, the innermost last."""
    from torch.nn.modules import module as hooks

    names = {part: name for name, part in module.named_modules() if name}
    stack: list[str] = []

    def enter(part: Any, _: Any) -> None:
        stack.append(f"layer {names[part]} ({type(part).__name__})" if part in names else "forward")

    def leave(*_: Any) -> None:
        stack.pop()

    handles = (
        hooks.register_module_forward_pre_hook(enter),
        hooks.register_module_forward_hook(leave, always_call=True),
    )
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()


def _mode(seen: Seen, stack: list[str], inputs: tuple[Any, ...]) -> Any:
    from torch.overrides import TorchFunctionMode

    # The tensors are kept too: an id is only unique among what lives.
    origin = {id(value): (i, value) for i, value in enumerate(inputs)}

    class Watching(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            del types
            name = getattr(function, "__name__", "").split(".")[0]
            kwargs = kwargs or {}
            what = _oddity(name, args, kwargs)
            if what:
                seen.odd.setdefault(stack[-1] if stack else "forward", what)
            _note_rows(name, args, kwargs, origin, seen.rows)
            result = function(*args, **kwargs)
            if name in SAME and args and id(args[0]) in origin:
                origin[id(result)] = (origin[id(args[0])][0], result)
            return result

    return Watching()


def _oddity(name: str, args: tuple[Any, ...], kwargs: Any) -> str:
    """Return what a call does that a converted file would not, or an empty string."""
    if name == "batch_norm" and _given(args, kwargs, 5, ("training",), default=False):
        return BATCH_STATISTICS
    if name in DROPOUTS:
        trains = _given(args, kwargs, 2, ("training", "train"), default=True)
        return "drops values at random" if trains and _given(args, kwargs, 1, ("p",), 0.5) else ""
    if name == "scaled_dot_product_attention" and _given(args, kwargs, 4, ("dropout_p",), 0.0):
        return "drops values at random"
    return f"draws random numbers ({name})" if name in DRAWS else ""


def _given(
    args: tuple[Any, ...], kwargs: Any, place: int, names: tuple[str, ...], default: Any
) -> Any:
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return args[place] if len(args) > place else default


def _note_rows(
    name: str, args: tuple[Any, ...], kwargs: Any, origin: Any, rows: dict[int, int]
) -> None:
    """Note how many rows there are to choose from, where an input's values choose."""
    for index, size in _chosen(name, (*args, *kwargs.values())):
        if id(index) in origin:
            place = origin[id(index)][0]
            rows[place] = min(size, rows.get(place, size))


def _chosen(name: str, args: tuple[Any, ...]) -> Iterator[tuple[Any, int]]:
    """Yield each tensor of whole numbers that a call takes rows by, and how many rows there are."""
    tensors = [value for value in args if hasattr(value, "untyped_storage")]
    if name in {"embedding", "embedding_bag"}:
        table = next(value for value in tensors if value.is_floating_point() and value.ndim == 2)
        # The first beside it: offsets of bags are whole numbers too, and choose nothing.
        yield next(value for value in tensors if value is not table), table.shape[0]
    elif name in {"index_select", "gather"} and len(tensors) == 2:
        dims = [value for value in args if isinstance(value, int)]
        yield tensors[1], tensors[0].shape[dims[0] if dims else 0]
    elif name in {"__getitem__", "index"} and len(args) > 1 and tensors:
        chosen = args[1] if isinstance(args[1], tuple | list) else (args[1],)
        yield from _indexed(tensors[0], tuple(chosen))


def _indexed(table: Any, chosen: tuple[Any, ...]) -> Iterator[tuple[Any, int]]:
    """Yield each tensor of whole numbers in square brackets, and the size that it chooses from."""
    taken = sum(_dimensions(each) for each in chosen)
    dim = 0
    for each in chosen:
        if each is Ellipsis:
            dim += table.ndim - taken
        elif hasattr(each, "untyped_storage") and not str(each.dtype).endswith("bool"):
            yield each, table.shape[dim]
        dim += _dimensions(each)


def _dimensions(each: Any) -> int:
    """Return how many dimensions of a tensor one thing in square brackets stands for."""
    if each is None or each is Ellipsis:
        return 0
    return each.ndim if str(getattr(each, "dtype", "")).endswith("bool") else 1
