"""What an exporter answers: the facts about the file that it wrote."""

from edgekit.core.artifact import Share
from edgekit.core.noun import Noun
from edgekit.core.tensor import TensorSpec


class Exported(Noun):
    """Borders, operators and delegation of a freshly exported file."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    op_histogram: dict[str, int]
    delegated: Share | None = None
    notes: tuple[str, ...] = ()
