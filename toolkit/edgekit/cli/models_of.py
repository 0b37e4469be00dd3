"""From the MODEL argument and its options to a model ready to convert."""

from pathlib import Path

from edgekit import formats
from edgekit.cli import console
from edgekit.core.card import ModelCard
from edgekit.core.target import Target
from edgekit.errors import UsageError
from edgekit.sources import cards
from edgekit.sources import resolve as resolving
from edgekit.sources.model import Model


def resolve(  # noqa: PLR0913, PLR0917 - the options of one argument
    ref: str,
    framework: str | None = None,
    weights: Path | None = None,
    card: Path | None = None,
    inputs: list[str] | None = None,
    targets: tuple[Target, ...] = (),
    fallback: ModelCard | None = None,
    *,
    download: bool = False,
) -> Model:
    """Return the model; for a zoo name without a framework, the one the first target needs.

    `fallback` is the card where the model has none: that of a file made from it.
    """
    if framework is None and resolving.is_zoo_name(ref):
        first = targets[0].formats[0] if targets else "tflite"
        framework = formats.exporter(first).HUBS[0]
    shapes = tuple(parse_shape(text) for text in inputs or ())
    source = resolving.resolve(ref, framework=framework, weights=weights, download=download)
    found = cards.card_of(source, card) or fallback
    if found is None:
        found = cards.bare_card(source)
        if not shapes or not source.factory:
            console.note(
                f"warning: no card beside {ref}: samples are passed as they are, unscaled; "
                "give --card"
            )
    if shapes:
        found = found.model_copy(update=shapes_of(shapes))
    return Model(source, found)


def shapes_of(shapes: tuple[tuple[int, ...], ...]) -> dict[str, object]:
    """Return the fields of a card that hold these shapes."""
    if len(shapes) == 1:
        return {"input_shape": shapes[0], "input_shapes": ()}
    return {"input_shape": (), "input_shapes": shapes}


def parse_shape(text: str) -> tuple[int, ...]:
    """Read `28,28,1` or `28x28x1`. Raises `UsageError` for anything else."""
    try:
        shape = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise UsageError(
            f"got --input {text}, expected whole numbers above 0", "for example --input 28,28,1"
        )
    return shape


def warn_untrained(model: Model) -> None:
    """Say so where weights are only drawn by the seed."""
    if not model.source.is_trained:
        console.note(
            f"warning: the weights of {model.source.ref} are untrained, drawn by the seed; "
            f"train them first: edgekit train {model.source.ref}"
        )
