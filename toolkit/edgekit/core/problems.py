"""What is wrong with a document, in words: one wording for every file that people write."""

from typing import Any

from pydantic import BaseModel, ValidationError

from edgekit.core.suggest import did_you_mean


def problems(error: ValidationError) -> str:
    """Return every wrong field of a validation error, each as `field: what is wrong (got X)`."""
    return "; ".join(
        f"{'.'.join(map(str, p['loc'])) or 'file'}: {p['msg'].lower()} (got {p['input']!r:.60})"
        for p in error.errors()
    )


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
