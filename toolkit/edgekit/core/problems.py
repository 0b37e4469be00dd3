"""What is wrong with a document, in words: one wording for every file and option people write."""

from collections.abc import Sequence
from types import UnionType
from typing import TYPE_CHECKING, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from edgekit.core.suggest import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

OWN = "Value error, "
SHOWN = 60


def in_words(wrong: Sequence[str], where: str) -> str:
    """Return the message for a document with these wrong fields, a line each."""
    fields = "field" if len(wrong) == 1 else "fields"
    lines = "\n".join(f"  {line}" for line in wrong)
    return f"got {len(wrong)} wrong {fields} in {where}:\n{lines}"


def wrong_fields(
    error: ValidationError, model: type[BaseModel] | None = None, whole: str = "file"
) -> list[str]:
    """Return a line for each wrong field: `where.it.stands: what is wrong (got X)`.

    With `model`, which the document was read as, there is a suggestion for a misspelt one. `whole`
    is what a line begins with that is of no field, but of all of it.
    """
    details = error.errors()
    around = {each["loc"][:k] for each in details for k in range(len(each["loc"]))}
    return [
        _line(each, model, whole)
        for each in details
        # A list whose only item is wrong counts as empty as well; once is enough.
        if each["type"] != "too_short" or each["loc"] not in around
    ]


def _line(problem: "ErrorDetails", model: type[BaseModel] | None, whole: str) -> str:
    place = problem["loc"]
    name = ".".join(map(str, place)) or whole
    if problem["type"] == "extra_forbidden":
        hint = f"; {did_you_mean(str(place[-1]), _fields(model, place[:-1]))}" if model else ""
        return f"{name}: unknown field{hint}"
    said = problem["msg"].removeprefix(OWN)
    said = f"{said[:1].lower()}{said[1:]}"
    if problem["type"] == "missing" or said.startswith("got "):
        return f"{name}: {said}"
    got = repr(problem["input"])
    return f"{name}: {said} (got {got if len(got) <= SHOWN else f'{got[:SHOWN]}…'})"


def _fields(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Return the field names of the record that `path` leads to; none where it leads to none."""
    kinds: list[object] = [model]
    for step in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    records = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return sorted({name for record in records for name in record.model_fields})


def _inside(kind: object, step: int | str) -> list[object]:
    """Return the types that may stand at `step` in a value of a type, those of a union apart."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(step))
        return _alternatives(field.annotation) if field else []
    # A tuple's first type is that of its items, a dictionary's last that of its values.
    arguments = [each for each in get_args(kind) if each is not ...]
    return _alternatives(arguments[-1]) if arguments else []


def _alternatives(kind: object) -> list[object]:
    return list(get_args(kind)) if get_origin(kind) in {Union, UnionType} else [kind]
