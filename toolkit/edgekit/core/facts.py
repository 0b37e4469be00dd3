"""Facts: what a model file, or a model that code builds, says about itself."""

from typing import Self

from pydantic import Field, model_validator

from edgekit.core.noun import Noun
from edgekit.core.tensor import TensorSpec

# What only one format tells: a number, a text, a list, or counts and texts by name.
Fact = int | str | None | tuple[int | str | None, ...] | dict[str, int | str]


class Facts(Noun):
    """Format, inputs, outputs and operators, and in `more` what only this format has.

    `inputs` and `outputs` are empty, and `operators` is None, where the file does not say.
    """

    format: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    operators: dict[str, int] | None = None
    more: dict[str, Fact] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_more(self) -> Self:
        twice = sorted(set(self.more) & (set(Facts.model_fields) | set(Inspection.model_fields)))
        if twice:
            msg = f"got {', '.join(twice)} in more, expected names of its own"
            raise ValueError(msg)
        return self


class Inspection(Noun):
    """What was inspected, with its facts.

    `path` is the file or folder, or what the user typed for a model that code builds: that has no
    size. `sha256` covers every byte that decides the model.
    """

    path: str
    size_bytes: int | None = None
    sha256: str
    facts: Facts

    def document(self) -> dict[str, object]:
        """Return everything by name on one level, as plain data: what `inspect --json` prints."""
        whole = self.model_dump(mode="json")
        facts = whole.pop("facts")
        more = facts.pop("more")
        return {**whole, **facts, **more}
