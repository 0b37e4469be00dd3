"""Reading target profiles."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from edgekit import plugins, resources
from edgekit.core.suggest import did_you_mean
from edgekit.core.target import Target
from edgekit.errors import TargetError

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
        return Target.model_validate(data, context={"formats": plugins.names("exporters")})
    except ValidationError as error:
        wrong = wrong_fields(error, Target)
        lines = "\n".join(f"  {line}" for line in wrong)
        raise TargetError(
            f"got {len(wrong)} wrong fields in {path}:\n{lines}",
            "edgekit targets schema prints the schema of a profile",
        ) from error


def schema() -> dict[str, Any]:
    """Return the JSON schema of a profile, with the formats that there are exporters for."""
    found = Target.model_json_schema()
    found["properties"]["formats"]["items"]["enum"] = list(plugins.names("exporters"))
    return found


def wrong_fields(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one line for each wrong field, with a suggestion for a misspelt one."""
    lines = []
    problems = error.errors()
    inner = {problem["loc"][:-1] for problem in problems}
    for problem in problems:
        # A list whose only item is wrong counts as empty as well; once is enough.
        if problem["type"] == "too_short" and problem["loc"] in inner:
            continue
        place = ".".join(map(str, problem["loc"])) or "file"
        if problem["type"] == "extra_forbidden":
            hint = did_you_mean(str(problem["loc"][-1]), _siblings(model, problem["loc"][:-1]))
            lines.append(f"{place}: unknown field; {hint}")
        else:
            got = "" if problem["type"] == "missing" else f" (got {problem['input']!r:.60})"
            lines.append(f"{place}: {problem['msg'].lower()}{got}")
    return lines


def _siblings(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the field names of the record that `path` leads to."""
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for step in path:
        if isinstance(step, int):
            node = _follow(node.get("items", {}), schema)
        else:
            node = _follow(node.get("properties", {}).get(step, {}), schema)
    return list(node.get("properties", {}))


def _follow(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the record behind references and optional fields."""
    for option in [node, *node.get("anyOf", [])]:
        if "$ref" in option:
            found: dict[str, Any] = schema["$defs"][option["$ref"].split("/")[-1]]
            return found
        if option.get("type") == "array":
            found_array: dict[str, Any] = option
            return found_array
    return node
