"""A model as the rest of a job takes it: its source, with its card."""

from dataclasses import dataclass

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.noun import Noun
from edgekit.core.tensor import Layout


class Loading(Noun):
    """What a child process needs to load a model.

    Without `trust` nothing in its file runs; `seed` draws weights that are not given.
    `input_names` are those of the model that this one was made from, or ().
    """

    source: ModelSource
    card: ModelCard
    input_names: tuple[str, ...] = ()
    trust: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Model:
    """A source with its card, ready to be converted.

    `input_names` are those of the model that this one was made from, where it was; `warnings` are
    what its user should be told before anything is made of it, `notes` what was done to
    make the file that it is.
    """

    source: ModelSource
    card: ModelCard
    input_names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """Return how the model wants its images: as its card says, else as its framework does."""
        return self.card.layout or formats.loader(self.source.kind).LAYOUT

    @property
    def untrained(self) -> tuple[str, ...]:
        """Return a warning where weights are only drawn by the seed, for whoever ships them."""
        if self.source.is_trained:
            return ()
        ref = self.source.ref
        drawn = f"the weights of {ref} are untrained, drawn by the seed"
        return (f"{drawn}; give --weights FILE, or train them: edgekit train {ref}",)

    def loading(self, *, trust: bool, seed: int) -> Loading:
        """Return what a child process needs to load the model."""
        return Loading(
            source=self.source, card=self.card, input_names=self.input_names, trust=trust, seed=seed
        )


def hub_of(source: ModelSource) -> str:
    """Return the hub that a source yields."""
    return formats.loader(source.kind).HUB
