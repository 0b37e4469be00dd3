"""A model as the rest of a job takes it: its source, with its card."""

from dataclasses import dataclass
from typing import Any

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Layout


@dataclass(frozen=True)
class Model:
    """A source with its card, ready to be converted.

    `input_names` are those of the model that this one was made from, where it was.
    """

    source: ModelSource
    card: ModelCard
    input_names: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """Return how the model wants its images: as its card says, else as its framework does."""
        own: Layout = formats.loader(self.source.kind).LAYOUT
        return self.card.layout or own

    def payload(self, *, trust: bool, seed: int) -> dict[str, Any]:
        """Return what a job needs to load the model."""
        return {
            "source": self.source.model_dump(mode="json"),
            "card": self.card.model_dump(mode="json"),
            "input_names": self.input_names,
            "trust": trust,
            "seed": seed,
        }


def hub_of(source: ModelSource) -> str:
    """Return the hub that a source yields."""
    return str(formats.loader(source.kind).HUB)
