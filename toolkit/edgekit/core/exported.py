"""What an exporter answers: the facts about the file that it wrote."""

from edgekit.core.artifact import Share
from edgekit.core.noun import Noun
from edgekit.core.tensor import Layout, TensorSpec


class Exported(Noun):
    """Borders, operators and delegation of a freshly exported file.

    `layout` is that of its images; `min_runtime` the oldest runtime that can run it, where known.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    input_names: tuple[str, ...] = ()
    op_histogram: dict[str, int]
    layout: Layout = "NHWC"
    min_runtime: str | None = None
    delegated: Share | None = None
    notes: tuple[str, ...] = ()
