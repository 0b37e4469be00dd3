"""What the user means by MODEL, inspected: a file as it lies there, code by what it builds."""

from pathlib import Path

from edgekit.core.facts import Inspection
from edgekit.errors import UsageError
from edgekit.formats import inspection
from edgekit.sources import resolve
from edgekit.sources.open import Shapes, open_model


def inspect(  # noqa: PLR0913 - what may be said of one model
    ref: str,
    *,
    framework: str | None = None,
    weights: Path | None = None,
    signature: str | None = None,
    card: Path | None = None,
    inputs: Shapes = (),
    trust: bool = False,
    download: bool = False,
) -> Inspection:
    """Return what the model says of itself.

    Of the options, a file takes `download` alone, and a SavedModel `signature`. With `trust` what
    code loads may run as well. Raises as `open_model` and `inspection` do.
    """
    path = resolve.path_of(ref, download=download)
    if path is None:
        model = open_model(
            ref, framework=framework, weights=weights, signature=signature, card=card,
            inputs=inputs, download=download,
        )  # fmt: skip
        return inspection.inspect_code(model.source, model.card, trust=trust)
    if weights is not None:
        raise UsageError(
            f"got --weights for {ref}, which has its own",
            "leave one of them out, or name the code that builds the model: file.py:factory",
        )
    return inspection.inspect(path, signature)
