"""From MODEL, as the command line or edgekit.toml has it, to a model ready for a job."""

from pathlib import Path

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Colour
from edgekit.errors import UsageError
from edgekit.formats import inspection
from edgekit.sources import cards, resolve
from edgekit.sources.model import Model

Shapes = tuple[tuple[int, ...], ...]

COLOURS: dict[int, Colour] = {1: "L", 3: "RGB"}


def open_model(  # noqa: PLR0913 - what may be said of one model
    ref: str,
    *,
    root: Path = Path(),
    framework: str | None = None,
    for_format: str = "tflite",
    weights: Path | None = None,
    signature: str | None = None,
    card: Path | None = None,
    inputs: Shapes = (),
    takes_images: bool = False,
    fallback: ModelCard | None = None,
    download: bool = False,
) -> Model:
    """Return the model that `ref` names, with its card.

    Paths are relative to `root`: the folder of the file that has them. `inputs` are the shapes of
    one sample, in NHWC order, and replace the card's. A zoo name without `framework` takes the one
    that `for_format` is made from most directly. `fallback` is the card where the model has none:
    that of a file made from it. `signature` chooses one of a SavedModel's. `takes_images` declares
    what it is fed to be images, where the card does not. Nothing comes from the network without
    `download`.

    Raises as `resolve` does, and `UsageError` for a wrong card.
    """
    if framework is None and resolve.is_zoo_name(ref):
        framework = formats.exporter(for_format).HUBS[0]
    source = resolve.resolve(
        ref, root=root, framework=framework, weights=weights, download=download
    )
    if signature is not None:
        source = with_signature(source, signature)
    found = cards.card_of(source, root / card if card else None) or fallback
    warnings: tuple[str, ...] = ()
    if found is None:
        found = cards.bare_card(source)
        if not inputs or not source.factory:
            fed = "samples are passed as they are, unscaled"
            warnings = (f"no card beside {source.ref}: {fed}; give --card",)
    if len(inputs) == 1:
        found = found.model_copy(update={"input_shape": inputs[0], "input_shapes": ()})
    elif inputs:
        found = found.model_copy(update={"input_shape": (), "input_shapes": inputs})
    if takes_images:
        found = _with_images(found, source)
    return Model(source, found, warnings=warnings)


def _with_images(card: ModelCard, source: ModelSource) -> ModelCard:
    """Return the card with a preprocess of images, by how many channels the model takes.

    Raises `UsageError` where that is not known, or none that images have.
    """
    if card.preprocess.colour is not None:
        return card
    shape = card.input_shape or next(iter(card.input_shapes), ())
    channels: tuple[int, ...] = shape[2:]
    if not shape and Path(source.path).suffix.lower() in inspection.suffixes():
        inputs = inspection.inspect(Path(source.path)).facts.inputs or ()
        found = inputs[0].shape if inputs else ()
        channels = tuple(size for size in (*found[1:2], *found[3:4]) if size in COLOURS)
    if len(channels) != 1 or channels[0] not in COLOURS:
        raise UsageError(
            f"got --layout nhwc for {source.ref}, which takes no images of 1 or 3 channels as far "
            "as is known",
            "give one sample's shape, as in --input 224,224,3; leave --layout out for what is no "
            "image",
        )
    steps = card.preprocess.model_copy(update={"colour": COLOURS[channels[0]]})
    return card.model_copy(update={"preprocess": steps})


def with_signature(source: ModelSource, signature: str) -> ModelSource:
    """Return the source of one signature. Raises `UsageError` for a model that has none."""
    loader = formats.loader(source.kind)
    if source.factory or not isinstance(loader, formats.Foldered):
        raise UsageError(
            f"got --signature {signature} for {source.ref}, which has no signatures",
            "leave it out; a SavedModel folder has them",
        )
    return source.model_copy(update={"signature": signature})


def parse_shapes(texts: list[str] | None) -> Shapes:
    """Read shapes such as `28,28,1` or `28x28x1`. Raises `UsageError` for anything else."""
    return tuple(_shape(text) for text in texts or ())


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise UsageError(
            f"got --input {text}, expected whole numbers above 0", "for example --input 28,28,1"
        )
    return shape
