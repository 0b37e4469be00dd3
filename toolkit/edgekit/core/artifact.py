"""Models on their way to a device: ModelSource, FloatModel, Artifact."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from edgekit.core.card import Framework, ModelCard
from edgekit.core.noun import Noun
from edgekit.core.preprocess import Preprocess
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array, TensorSpec

# A relative path that does not climb out of the folder it is in.
INSIDE = r"^(artifacts/)?[^./\\\x00-\x1f][^/\\\x00-\x1f]*$"


class ModelSource(Noun):
    """Where a model comes from.

    `ref` is what the user typed; `path` the file or folder behind it; `factory` the function to
    call in a Python file. `sha256` covers every byte that decides the weights and the graph.
    """

    kind: str
    framework: str
    ref: str
    path: str
    sha256: str
    factory: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    is_trained: bool = True


@dataclass(frozen=True)
class FloatModel:
    """A loaded model, alive in this process only. `predict` maps a batch to its outputs."""

    source: ModelSource
    hub: str
    native: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    predict: Callable[[Array], Array]


class Share(Noun):
    """How many operators a delegate (XNNPACK) takes, of how many."""

    delegated: int
    total: int

    def in_words(self) -> str:
        """Return for example `15/16`."""
        return f"{self.delegated}/{self.total}"


class Parity(Noun):
    """The exported file against the float model, run once in a child process before it counts."""

    samples: int
    max_abs_difference: float
    reference_max_abs: float
    inputs_from: str


class Artifact(Noun):
    """One exported file, with everything needed to run it, judge it and make it again."""

    path: Annotated[str, StringConstraints(pattern=INSIDE)]
    format: str
    size_bytes: int
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    recipe: Recipe
    source: ModelSource
    key: str = ""
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    op_histogram: dict[str, int]
    delegated: Share | None = None
    tools: dict[str, str] = Field(default_factory=dict)
    parity: Parity | None = None
    card: ModelCard | None = None
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return a short name for tables, for example `mobilenet tflite int8`."""
        name = self.card.name if self.card else self.source.ref
        return f"{name} {self.format} {self.recipe.name}"

    @property
    def preprocess(self) -> Preprocess:
        """Return what a sample goes through before this file sees it."""
        framework: Framework = "torch" if self.source.framework == "torch" else "keras"
        return (self.card or ModelCard(name="unknown")).preprocess_for(framework)
