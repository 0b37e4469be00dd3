"""From MODEL, as the command line or edgekit.toml has it, to a model ready for a job."""

from pathlib import Path

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.errors import UsageError
from edgekit.sources import cards, resolve
from edgekit.sources.model import Model

Shapes = tuple[tuple[int, ...], ...]


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
    fallback: ModelCard | None = None,
    download: bool = False,
) -> Model:
    """Return the model that `ref` names, with its card.

    Paths are relative to `root`: the folder of the file that has them. `inputs` are the shapes of
    one sample, in NHWC order, and replace the card's. A zoo name without `framework` takes the one
    that `for_format` is made from most directly. `fallback` is the card where the model has none:
    that of a file made from it. `signature` chooses one of a SavedModel's. Nothing comes from the
    network without `download`.

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
    return Model(source, found, warnings=warnings)


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
