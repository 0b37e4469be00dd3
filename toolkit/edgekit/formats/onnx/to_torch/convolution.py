"""Convolutions, plain and transposed, and the padding that they share with pools."""

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts
from edgekit.formats.onnx.to_torch.shapes import padded


class Window:
    """How a kernel moves: sizes per spatial axis, and pads as (before, after)."""

    def __init__(self, n: Node, sizes: tuple[int, ...], kernel: list[int]) -> None:
        rank = len(kernel)
        self.kernel = kernel
        self.strides = list(n.attr("strides") or [1] * rank)
        self.dilations = list(n.attr("dilations") or [1] * rank)
        # The reach of a kernel with gaps.
        self.reach = [(k - 1) * d + 1 for k, d in zip(kernel, self.dilations, strict=True)]
        given = n.attr("pads") or [0] * 2 * rank
        self.pads = list(zip(given[:rank], given[rank:], strict=True))
        mode = n.attr("auto_pad", "NOTSET")
        if mode == "VALID":
            self.pads = [(0, 0)] * rank
        elif mode.startswith("SAME"):
            self.pads = [
                halved(max((-(-size // stride) - 1) * stride + reach - size, 0), mode)
                for size, stride, reach in zip(sizes, self.strides, self.reach, strict=True)
            ]

    @property
    def is_symmetric(self) -> bool:
        """Whether as much is added before as after."""
        return all(before == after for before, after in self.pads)


def halved(total: int, mode: str) -> tuple[int, int]:
    """Return a padding in two halves, the odd one after for SAME_UPPER, else before."""
    small = total // 2
    return (small, total - small) if mode == "SAME_UPPER" else (total - small, small)


@converts("Conv")
def conv(g: Graph, n: Node) -> Value:
    """Convert Conv in 1 to 3 dimensions; what cannot be padded evenly is padded before."""
    x, weight = n.tensor(0), n.tensor(1)
    rank = _rank(x)
    window = Window(n, x.shape[2:], list(weight.shape[2:]))
    padding = [before for before, _ in window.pads]
    if not window.is_symmetric:
        x, padding = padded(g, x, window.pads), [0] * rank
    return g.call(
        f"conv{rank}d", x, weight, n.optional(2), window.strides, padding, window.dilations,
        n.attr("group", 1),
    )  # fmt: skip


@converts("ConvTranspose")
def conv_transpose(g: Graph, n: Node) -> Value:
    """Convert ConvTranspose; what is not cut off evenly is cut off afterwards."""
    x, weight = n.tensor(0), n.tensor(1)
    rank = _rank(x)
    window = Window(n, x.shape[2:], list(weight.shape[2:]))
    extra = list(n.attr("output_padding") or [0] * rank)
    pads = _transposed_pads(n, window, x.shape[2:], extra)
    if min(min(pair) for pair in pads) < 0:
        raise Unsupported(f"got pads {pads}: the output is larger than what the kernel reaches")
    is_even = all(before == after for before, after in pads)
    padding = [before for before, _ in pads] if is_even else [0] * rank
    result = g.call(
        f"conv_transpose{rank}d", x, weight, n.optional(2), window.strides, padding, extra,
        n.attr("group", 1), window.dilations,
    )  # fmt: skip
    if is_even:
        return result
    sizes = result.shape[2:]
    cut = [slice(before, size - after) for (before, after), size in zip(pads, sizes, strict=True)]
    return g.item(result, (slice(None), slice(None), *cut))


def _transposed_pads(
    n: Node, window: Window, sizes: tuple[int, ...], extra: list[int]
) -> list[tuple[int, int]]:
    wanted = n.attr("output_shape")
    mode = n.attr("auto_pad", "NOTSET")
    if not wanted and not mode.startswith("SAME"):
        return window.pads
    if not wanted:
        wanted = [size * stride for size, stride in zip(sizes, window.strides, strict=True)]
    full = [
        (size - 1) * stride + reach + more
        for size, stride, reach, more in zip(
            sizes, window.strides, window.reach, extra, strict=True
        )
    ]
    return [halved(a - b, mode) for a, b in zip(full, wanted[-len(full) :], strict=True)]


def _rank(x: Value) -> int:
    rank = x.ndim - 2
    if rank not in {1, 2, 3}:
        raise Unsupported(f"got {rank} spatial dimensions, expected 1 to 3")
    return rank
