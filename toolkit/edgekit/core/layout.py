"""Which of the data's inputs feeds which of a model's, and how images lie in each."""

import re

import numpy as np

from edgekit.core.card import ModelCard
from edgekit.core.tensor import Array, Arrays, Layout, TensorSpec
from edgekit.errors import DataError, UsageError

# What converters put around an input's own name.
DECORATION = re.compile(r"^serving_default_|:0$")


def plain_name(name: str) -> str:
    """Return an input's name as its model gave it, without what converters put around it."""
    return DECORATION.sub("", name)


def order_of(names: tuple[str, ...], specs: tuple[TensorSpec, ...]) -> tuple[int, ...]:
    """Return, for each of a model's inputs, the place of its array in data called `names`.

    Equal names decide. Without them the places do, but only where every input has a shape of its
    own, which is checked elsewhere. Raises `DataError` where there is no telling them apart.
    """
    if len(names) != len(specs):
        raise DataError(
            f"got {len(names)} inputs in the data, expected {len(specs)} by the model: "
            f"{', '.join(spec.name for spec in specs)}",
            "save one array each: numpy.savez(path, inputs_a=..., inputs_b=..., labels=...)",
        )
    wanted = tuple(plain_name(spec.name) for spec in specs)
    if len(names) == 1 or set(names) == set(wanted):
        return tuple(names.index(name) if name in names else 0 for name in wanted)
    if len({spec.shape[1:] for spec in specs}) < len(specs):
        raise DataError(
            f"got inputs {', '.join(names)} in the data, expected {', '.join(wanted)}: "
            "some have the same shape, so their order would be a guess",
            f"name the arrays after the model's inputs: inputs_{wanted[0]}, ...",
        )
    return tuple(range(len(specs)))


def check_fit(values: Array, spec: TensorSpec, reader: str) -> None:
    """Raise `DataError` where samples `(n, ...)` have not the shape of the input that reads them.

    `reader` says whose input it is.
    """
    wanted, got = spec.shape[1:], values.shape[1:]
    if not _takes(spec, got):
        hint = "give a card whose preprocess makes them fit (--card), or other data"
        if len(got) == 3 and (got[2], *got[:2]) == wanted:
            hint = (
                "say that they are images: --layout nhwc, or colour = 'RGB' in a card's preprocess"
            )
        raise DataError(f"got samples of shape {got}, expected {wanted} by {reader}", hint)


def fixed(
    specs: tuple[TensorSpec, ...], shapes: tuple[tuple[int, ...], ...]
) -> tuple[tuple[TensorSpec, ...], tuple[str, ...]]:
    """Return a model's inputs with open sizes fixed by `shapes`, one sample's each, and notes.

    Without an open size but the batch, or without shapes, they stay as they are. Raises
    `UsageError` for shapes that do not fit.
    """
    if not shapes or not any(-1 in spec.shape[1:] for spec in specs):
        return specs, ()
    wanted = "; ".join(f"{spec.name} {spec.in_words()}" for spec in specs)
    if len(shapes) != len(specs) or not all(map(_takes, specs, shapes)):
        given = "; ".join("x".join(map(str, shape)) for shape in shapes)
        raise UsageError(
            f"got the input shape {given}, expected one for each of: {wanted}",
            "give --input for each input, in this order: one sample's sizes, without the batch",
        )
    done, notes = [], []
    for spec, shape in zip(specs, shapes, strict=True):
        done.append(spec.model_copy(update={"shape": (*spec.shape[:1], *shape)}))
        if -1 in spec.shape[1:]:
            sizes = "x".join(map(str, shape))
            notes.append(f"input {spec.name} is fixed to {sizes}; the model leaves sizes open")
    return tuple(done), tuple(notes)


def _takes(spec: TensorSpec, shape: tuple[int, ...]) -> bool:
    own = spec.shape[1:]
    return len(own) == len(shape) and all(a in {-1, b} for a, b in zip(own, shape, strict=True))


def is_image(name: str, rank: int, card: ModelCard | None) -> bool:
    """Return whether the input `name` of `rank` dimensions is an image, by its Preprocess."""
    if card is None or rank != 4:
        return False
    return card.inputs.get(plain_name(name), card.preprocess).colour is not None


def gives_images(card: ModelCard | None) -> bool:
    """Return whether outputs `(n, h, w, c)` lie as images do: where an input is one."""
    steps = [card.preprocess, *card.inputs.values()] if card else []
    return any(step.colour is not None for step in steps)


def relaid(values: Array, before: Layout, after: Layout) -> Array:
    """Return images `(n, ...)` as `after` lays them out."""
    if before == after or values.ndim != 4:
        return values
    return np.ascontiguousarray(values.transpose((0, 3, 1, 2) if after == "NCHW" else (0, 2, 3, 1)))


def inputs_laid_out(
    arrays: Arrays, names: tuple[str, ...], before: Layout, after: Layout, card: ModelCard | None
) -> Arrays:
    """Return the inputs called `names`, images as `after` lays them out."""
    return tuple(
        relaid(values, before, after) if is_image(name, values.ndim, card) else values
        for name, values in zip(names, arrays, strict=True)
    )


def outputs_laid_out(
    arrays: Arrays, before: Layout, after: Layout, card: ModelCard | None
) -> Arrays:
    """Return the outputs, maps of an image model as `after` lays them out."""
    if not gives_images(card):
        return arrays
    return tuple(relaid(values, before, after) for values in arrays)


def layout_of(shape: tuple[int, ...]) -> Layout | None:
    """Return how images of `shape`, with batch, lie: where 1 or 3 channels are; None: unclear."""
    if len(shape) != 4 or (shape[1] in {1, 3}) == (shape[3] in {1, 3}):
        return None
    return "NCHW" if shape[1] in {1, 3} else "NHWC"
