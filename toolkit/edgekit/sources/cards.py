"""Cards: where one lies, and reading it."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from edgekit import data
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.problems import in_words, wrong_fields
from edgekit.errors import UsageError

CARD_ENTRY = "{name}/model.toml"


def card_path(model: Path) -> Path:
    """Return where the card of a model file lies: beside it."""
    return model.with_name(f"{model.name}.card.json")


def card_of(source: ModelSource, given: Path | None = None) -> ModelCard | None:
    """Return the card given by the user, the one beside the file, or the zoo's; None without."""
    if given is not None:
        return read_card(given)
    path = Path(source.path)
    if source.factory:
        places = [path.parent / "model.toml"]
    else:
        # What the user named may be a folder around the model: that of its versions.
        places = [card_path(path), card_path(Path(source.ref).absolute())]
    return next((read_card(place) for place in places if place.is_file()), None)


def bare_card(source: ModelSource) -> ModelCard:
    """Return the card of a model that has none: its file's name, and samples as they are."""
    path = Path(source.path)
    # A served model lies in a folder with the number of its version.
    named = path.parent if path.is_dir() and path.name.isdecimal() else path
    return ModelCard(name=named.stem.lstrip(".") or "model")


def read_card(path: Path) -> ModelCard:
    """Read a card, TOML or JSON. Raises `UsageError` naming every wrong field."""
    try:
        text = path.read_text()
        if path.suffix == ".toml":
            card = ModelCard.model_validate(tomllib.loads(text))
        else:
            card = ModelCard.from_json(text)
    except FileNotFoundError:
        raise UsageError(f"got no file {path}", "check the path of the card") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"got an unreadable card {path}: {error}") from error
    except ValidationError as error:
        wrong = wrong_fields(error, ModelCard)
        raise UsageError(in_words(wrong, f"the card {path}"), "correct them") from error
    # As in every file, a relative path is relative to the file that has it.
    root = path.parent.absolute()
    update = {}
    if card.metric and card.metric.endswith(".py"):
        update["metric"] = str(root / card.metric)
    if card.data:
        update["data"] = data.located(card.data, root)
    return card.model_copy(update=update)
