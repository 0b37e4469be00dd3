"""Reading target profiles."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgekit import formats
from edgekit.core.problems import in_words, wrong_fields
from edgekit.core.suggest import did_you_mean
from edgekit.core.target import Target
from edgekit.errors import TargetError, UsageError
from edgekit.system import resources

ENTRY = "{name}.toml"

NO_BUDGET = "No budget: says whether the file runs and computes what its model computes."


def known() -> tuple[str, ...]:
    """Return the ids of all targets that can be found, and of those that a format is by itself."""
    return tuple(sorted({*resources.listing("targets", ENTRY), *_bare()}))


def load(ref: str) -> Target:
    """Return the target with id `ref`, or the profile in the file `ref`."""
    if ref.endswith(".toml"):
        return check(Path(ref))
    if ref in resources.listing("targets", ENTRY):
        return check(resources.find("targets", ref, ENTRY))
    name = _bare().get(ref)
    if name is None:
        raise UsageError(f"got target '{ref}', expected a known one", did_you_mean(ref, known()))
    return Target(id=ref, device=f"whatever runs {name} files", formats=(name,), notes=NO_BUDGET)


def _bare() -> dict[str, str]:
    """Return the formats by the ids of the targets that they are by themselves, with no budget."""
    return {name.replace("_", "-"): name for name in formats.exporters()}


def load_all(refs: Iterable[str]) -> tuple[Target, ...]:
    """Return the targets of all `refs`, each once. Raises `TargetError` for two of one id."""
    found = [load(ref) for ref in dict.fromkeys(refs)]
    ids = [target.id for target in found]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise TargetError(
            f"got two targets with the id {', '.join(twice)}", "give one of them another id"
        )
    return tuple(found)


def check(path: Path) -> Target:
    """Read a profile. Raises `TargetError` naming every wrong field."""
    try:
        data = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise TargetError(f"got no file {path}", "check the path") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TargetError(f"got an unreadable profile {path}: {error}") from error
    try:
        return Target.model_validate(data, context={"formats": formats.exporters()})
    except ValidationError as error:
        raise TargetError(
            in_words(wrong_fields(error, Target), str(path)),
            "edgekit targets schema prints the schema of a profile",
        ) from error


def schema() -> dict[str, Any]:  # a JSON document
    """Return the JSON schema of a profile, with the formats that there are exporters for."""
    found = Target.model_json_schema()
    found["properties"]["formats"]["items"]["enum"] = list(formats.exporters())
    return found
