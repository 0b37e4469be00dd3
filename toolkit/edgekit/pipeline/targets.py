"""Reading target profiles."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgekit import formats
from edgekit.core.problems import in_words, wrong_fields
from edgekit.core.target import Target
from edgekit.errors import TargetError
from edgekit.system import resources

ENTRY = "{name}.toml"


def known() -> tuple[str, ...]:
    """Return the ids of all targets that can be found, sorted."""
    return resources.listing("targets", ENTRY)


def load(ref: str) -> Target:
    """Return the target with id `ref`, or the profile in the file `ref`."""
    if ref.endswith(".toml"):
        return check(Path(ref))
    return check(resources.find("targets", ref, ENTRY))


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
