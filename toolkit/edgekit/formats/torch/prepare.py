"""A module made ready for all that starts from PyTorch: float32, plain in memory, no side effects.

What cannot be made ready is refused here, by the layer, buffer or input that is at fault.
"""

import inspect
from typing import Any

from edgekit.errors import ModelLoadError
from edgekit.formats.torch import watch

STATISTICS_HINT = (
    "train it with track_running_stats=True, which is the default, or put InstanceNorm there if "
    "each sample's own statistics are meant"
)
RANDOM_HINT = (
    "pass training=self.training to the functions that drop values, and give random numbers to "
    "forward as an input"
)
STATE_HINT = (
    "give the state to forward as an input, and return the new one as an output: files that keep "
    "state are not made"
)


def plain(module: Any) -> tuple[str, ...]:
    """Cast weights to float32 and lay them out in order, in place; return what was cast."""
    import torch

    held = (*module.parameters(), *module.buffers())
    others = {each.dtype for each in held if each.is_floating_point()} - {torch.float32}
    if others:
        module.float()
    for each in (*module.parameters(), *module.buffers()):
        if not each.is_contiguous():
            each.data = each.data.contiguous()
    kinds = " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in others))
    return (f"its weights are {kinds}; they were cast to float32",) if others else ()


def check(seen: watch.Seen, again: watch.Seen, ref: str) -> None:
    """Refuse what trains, draws, or depends on the call before.

    `seen` and `again` are two calls with the same values.
    """
    if again.odd:
        layer, what = next(iter(again.odd.items()))
        raise ModelLoadError(
            f"got {layer} of {ref}, which {what} also in evaluation mode",
            STATISTICS_HINT if what == watch.BATCH_STATISTICS else RANDOM_HINT,
        )
    if again.buffers_changed:
        named = ", ".join(f"'{name}'" for name in again.buffers_changed)
        raise ModelLoadError(
            f"got {ref}, whose forward changes its buffer {named}: what it gives depends on the "
            "calls before",
            STATE_HINT,
        )
    if not _same(seen.output, again.output):
        raise ModelLoadError(
            f"got other values from {ref} when it was called again with the same input: it keeps "
            "state outside its buffers, or draws random numbers",
            STATE_HINT,
        )


def _same(first: Any, second: Any) -> bool:
    import torch
    from torch.utils import _pytree as tree

    pairs = zip(tree.tree_leaves(first), tree.tree_leaves(second), strict=False)
    return all(
        torch.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True)
        for a, b in pairs
        if isinstance(a, torch.Tensor) and a.shape == b.shape and a.is_floating_point()
    )


def copying(module: Any, names: tuple[str, ...]) -> Any:
    """Return a module that gives `module` copies: it writes to its inputs, named as in `names`."""
    import torch

    class Copying(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *inputs: Any) -> Any:
            return self.inner(*(value.clone() for value in inputs))

    copies = called_by(Copying, names)()
    # An exported program is fixed as it is, and refuses to be told so.
    copies.training = False
    return copies


def called_by(kind: Any, names: tuple[str, ...]) -> Any:
    """Give `forward` of a class that takes any number of tensors their names; return the class."""
    place = inspect.Parameter.POSITIONAL_OR_KEYWORD
    plain_names = [inspect.Parameter(name, place) for name in ("self", *names)]
    kind.forward.__signature__ = inspect.Signature(plain_names)
    return kind
