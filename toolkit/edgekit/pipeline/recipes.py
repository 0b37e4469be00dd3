"""Reading recipes: a TOML file each, named after the recipe."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from edgekit.core.problems import in_words, wrong_fields
from edgekit.core.recipe import Recipe, with_settings
from edgekit.errors import UsageError
from edgekit.system import resources

ENTRY = "{name}.toml"


def known() -> tuple[str, ...]:
    """Return the names of all recipes that can be found, sorted."""
    return resources.listing("recipes", ENTRY)


def load(name: str) -> Recipe:
    """Return the recipe called `name`.

    Raises `UsageError` with a suggestion for an unknown name, and for a file with wrong fields.
    """
    path = resources.find("recipes", name, ENTRY)
    try:
        return Recipe.model_validate({**_content(path), "name": name})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"got an unreadable recipe {path}: {error}") from error
    except ValidationError as error:
        wrong = wrong_fields(error, Recipe)
        raise UsageError(in_words(wrong, str(path)), "correct them") from error


def _content(path: Path) -> dict[str, object]:
    """Return what a recipe's file says. A name inside it could be another recipe's."""
    found = tomllib.loads(path.read_text())
    if "name" in found:
        raise UsageError(
            f"got a name in {path}, expected none", "a recipe is called as its file is"
        )
    return found


def parse(
    name: str, *, calibration_n: int = 0, calibration_seed: int = 0, batch_max: int = 1
) -> Recipe:
    """Return the recipe called `name` with these settings. Raises `UsageError`."""
    return with_settings(
        load(name),
        calibration_n=calibration_n,
        calibration_seed=calibration_seed,
        batch_max=batch_max,
    )


def shipped() -> dict[str, Recipe]:
    """Return every recipe that can be found, by name."""
    return {name: load(name) for name in known()}
