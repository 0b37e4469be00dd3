"""What an app must know of a model, as a method of its ExecuTorch program that returns it.

ExecuTorch's own runners keep such facts in methods that only return constants (`get_max_seq_len`
and others of its language models). Java's `Module.execute`, Swift's and the C++ `Module` give
strings back, so all of it is one string of JSON, in ASCII.
"""

import json
from typing import Any

from pydantic import ValidationError

from edgekit.core.card import ModelCard, Task
from edgekit.core.layout import plain_name
from edgekit.core.noun import Noun
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import Layout, TensorSpec

METHOD = "edgekit_metadata"

# The texts of a card that it holds.
TEXTS = ("name", "version", "description", "intended_use", "licence")


class Input(Noun):
    """One input, and what a sample goes through before it."""

    spec: TensorSpec
    preprocess: Preprocess


class Metadata(Noun):
    """The facts of a card and of the file's inputs and outputs."""

    schema_version: int = 1
    name: str
    version: str
    description: str
    intended_use: str
    licence: str
    task: Task
    labels: tuple[str, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[TensorSpec, ...]


def constant_methods(
    card: ModelCard, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], layout: Layout
) -> dict[str, str]:
    """Return the methods to lower with a program: one, whose name is `METHOD`."""
    steps = [card.inputs.get(plain_name(spec.name), card.preprocess) for spec in inputs]
    facts = Metadata(
        name=card.name,
        version=card.version,
        description=card.description,
        intended_use=card.intended_use,
        licence=card.licence,
        task=card.task,
        labels=card.labels,
        inputs=tuple(
            Input(spec=spec, preprocess=each.model_copy(update={"layout": layout}))
            for spec, each in zip(inputs, steps, strict=True)
        ),
        outputs=outputs,
    )
    document = facts.model_dump(mode="json")
    return {METHOD: json.dumps(document, sort_keys=True, separators=(",", ":"))}


def read(plans: list[Any]) -> Metadata | None:
    """Return the facts out of a program's execution plans; None where it has none of edgekit's.

    Raises `ValueError` for a method of that name that returns something else. Nothing is run.
    """
    for plan in plans:
        if plan.name == METHOD:
            text = _constant(plan)
            try:
                return Metadata.model_validate_json(text)
            except ValidationError as error:
                raise ValueError(f"{METHOD} returns no metadata of edgekit's") from error
    return None


def _constant(plan: Any) -> str:
    values = [plan.values[index].val for index in plan.outputs]
    text = getattr(values[0], "string_val", None) if len(values) == 1 else None
    if not isinstance(text, str) or any(chain.instructions for chain in plan.chains):
        raise ValueError(f"{plan.name} is no method that returns one string")
    return text
