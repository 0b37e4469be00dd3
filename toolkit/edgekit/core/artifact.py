"""Models on their way to a device: ModelSource, FloatModel, Artifact."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from edgekit.core.card import ModelCard
from edgekit.core.cpu import INT8_OPERATORS
from edgekit.core.noun import Noun
from edgekit.core.preprocess import Preprocess
from edgekit.core.recipe import UNKNOWN, Recipe
from edgekit.core.tensor import Arrays, Layout, TensorSpec

# A relative path that does not climb out of the folder it is in.
INSIDE = r"^(artifacts/)?[^./\\\x00-\x1f][^/\\\x00-\x1f]*$"


class ModelSource(Noun):
    """Where a model comes from.

    `ref` is what the user typed; `path` the file or folder behind it; `factory` the function to
    call in a Python file; `signature` the one to take of a SavedModel's. `sha256` covers every byte
    that decides the weights and the graph; it is empty as long as nobody has looked which files a
    factory reads.
    """

    kind: str
    framework: str
    ref: str
    path: str
    sha256: str
    factory: str | None = None
    signature: str | None = None
    arguments: dict[str, object] = Field(default_factory=dict)
    weights: str | None = None
    is_trained: bool = True


@dataclass(frozen=True)
class FloatModel:
    """A loaded model, alive in this process only.

    `predict` maps a batch, one array per input, to one array per output. `layout` is that of its
    images; `notes` say what had to be changed to load it. `limits` has, for an input by its name,
    the smallest and largest value that it can take, where the graph tells: the rows of a table.
    """

    source: ModelSource
    hub: str
    native: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    predict: Callable[[Arrays], Arrays]
    layout: Layout = "NHWC"
    notes: tuple[str, ...] = ()
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class Share(Noun):
    """How many operators a delegate (XNNPACK) takes, of how many, and in how many parts.

    `subgraphs` is None where the runtime does not say.
    """

    delegated: int
    total: int
    subgraphs: int | None = None

    def in_words(self) -> str:
        """Return for example `15/16`, or `15/16 in 2 parts`."""
        parts = f" in {self.subgraphs} parts" if (self.subgraphs or 0) > 1 else ""
        return f"{self.delegated}/{self.total}{parts}"


class Parity(Noun):
    """The exported file against the float model, run once in a child process before it counts.

    `agreement` is the share of samples with the same largest output, for rows of scores; `sqnr_db`
    the signal to quantization noise ratio of the worst output. `inputs_from` is data, calibration
    or noise; `shortfall` says where the file is worse than its recipe promises, "" where it is not.
    """

    samples: int
    max_abs_difference: float
    reference_max_abs: float
    sqnr_db: float | None = None
    agreement: float | None = None
    inputs_from: str
    shortfall: str = ""


class Artifact(Noun):
    """One exported file, with everything needed to run it, judge it and make it again.

    `input_names` are what the model itself calls its inputs, in the file's order.
    """

    path: Annotated[str, StringConstraints(pattern=INSIDE)]
    format: str
    size_bytes: int
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    recipe: Recipe
    source: ModelSource
    key: str = ""
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    input_names: tuple[str, ...] = ()
    op_histogram: dict[str, int]
    layout: Layout = "NHWC"
    delegated: Share | None = None
    min_runtime: str | None = None
    tools: dict[str, str] = Field(default_factory=dict)
    parity: Parity | None = None
    card: ModelCard | None = None
    notes: tuple[str, ...] = ()

    @property
    def named_inputs(self) -> tuple[TensorSpec, ...]:
        """Return the inputs under the model's own names for them, where these are known."""
        if not self.input_names:
            return self.inputs
        pairs = zip(self.inputs, self.input_names, strict=True)
        return tuple(spec.model_copy(update={"name": name}) for spec, name in pairs)

    @property
    def label(self) -> str:
        """Return a short name for tables, for example `mobilenet tflite int8`."""
        name = self.card.name if self.card else self.source.ref
        return f"{name} {self.format} {self.recipe.label}"

    @property
    def depends_on_cpu(self) -> bool:
        """Whether its figures are those of one kind of CPU.

        So are those of files for exact CPUs, and of int8 ONNX files that were made elsewhere.
        """
        foreign = self.recipe.name == UNKNOWN and not INT8_OPERATORS.isdisjoint(self.op_histogram)
        return self.recipe.exact_cpu or foreign

    @property
    def preprocess(self) -> Preprocess:
        """Return what a sample goes through before this file sees it."""
        return (self.card or ModelCard(name="unknown")).preprocess_for(self.layout)


class Exported(Noun):
    """Inputs, outputs, operators and delegation of a freshly exported file.

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
