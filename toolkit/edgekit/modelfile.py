"""Finding out what the user means by MODEL, without a framework."""

import ast
import tomllib
from pathlib import Path

from pydantic import ValidationError

from edgekit import plugins, resources, store
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.suggest import did_you_mean
from edgekit.errors import ModelLoadError, UsageError

CARD_ENTRY = "{name}/model.toml"
FRAMEWORKS = ("keras", "torch")
ROOTS = {"keras": "keras", "tensorflow": "keras", "tf_keras": "keras", "torch": "torch"}


def resolve(ref: str, *, framework: str | None = None, weights: Path | None = None) -> ModelSource:
    """Return the source behind `ref`: a zoo name, a model file, or `file.py:factory`.

    `framework` is needed for a zoo name. Raises `UsageError` for an unknown name, `ModelLoadError`
    for a file that is missing, empty or of an unknown kind.
    """
    if framework is not None and framework not in FRAMEWORKS:
        raise UsageError(
            f"got framework '{framework}', expected one of {', '.join(FRAMEWORKS)}",
            did_you_mean(framework, FRAMEWORKS),
        )
    if weights is not None and not weights.is_file():
        raise ModelLoadError(f"got no file {weights}", "check the path after --weights")
    file, colon, factory = ref.rpartition(":")
    if colon and file.endswith(".py"):
        return _factory(ref, Path(file), factory, framework, weights)
    if is_zoo_name(ref):
        return _zoo(ref, framework, weights)
    return _file(ref)


def is_zoo_name(ref: str) -> bool:
    """Return whether `ref` is a model of the zoo; a file or folder of that name comes second."""
    return ref in resources.listing("models", CARD_ENTRY)


def _zoo(name: str, framework: str | None, weights: Path | None) -> ModelSource:
    folder = resources.find("models", name, CARD_ENTRY).parent
    if framework is None:
        raise UsageError(
            f"got zoo model '{name}' with no framework", "give --framework keras|torch"
        )
    path = folder / f"{framework}.py"
    if not path.is_file():
        raise UsageError(f"got no {framework} builder for '{name}'")
    card = read_card(folder / "model.toml")
    arguments: dict[str, object] = {"shape": list(card.input_shape), "classes": card.classes}
    return _from_code(name, path, "build", framework, weights, arguments)


def _factory(
    ref: str, path: Path, factory: str, framework: str | None, weights: Path | None
) -> ModelSource:
    if not path.is_file():
        raise ModelLoadError(f"got no file {path}", "check the path before the colon")
    return _from_code(ref, path, factory, framework or _imported(path), weights, {})


def _from_code(
    ref: str,
    path: Path,
    factory: str,
    framework: str,
    weights: Path | None,
    arguments: dict[str, object],
) -> ModelSource:
    # The factory may import its neighbours: they decide the graph as well.
    files = sorted(path.parent.rglob("*.py"))
    code = {p.relative_to(path.parent).as_posix(): store.sha256_file(p) for p in files}
    parts = [code, factory, arguments, store.sha256_file(weights) if weights else None]
    return ModelSource(
        kind=framework,
        framework=framework,
        ref=ref,
        path=str(path.resolve()),
        sha256=store.key_of(parts),
        factory=factory,
        arguments=arguments,
        weights=str(weights.resolve()) if weights else None,
        is_trained=weights is not None,
    )


def _imported(path: Path) -> str:
    """Return the framework that a Python file imports, without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise ModelLoadError(f"got a file that is not Python: {path}: {error}") from error
    modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    found = {ROOTS[m.split(".")[0]] for m in modules if m.split(".")[0] in ROOTS}
    if len(found) != 1:
        raise UsageError(
            f"got {' and '.join(sorted(found)) or 'no known framework'} imported in {path}",
            "give --framework keras or --framework torch",
        )
    return found.pop()


def _file(ref: str) -> ModelSource:
    path = Path(ref)
    suffixes = {s: n for n in plugins.names("sources") for s in plugins.load("sources", n).SUFFIXES}
    if not path.exists():
        zoo = resources.listing("models", CARD_ENTRY)
        hint = did_you_mean(ref, zoo) if not path.suffix else "check the path"
        raise ModelLoadError(f"got no file {ref}, and no zoo model of that name", hint)
    if path.is_dir():
        raise ModelLoadError(f"got a folder, expected a model file: {ref}", _kinds(suffixes))
    if path.suffix == ".py":
        raise UsageError(f"got a Python file with no factory: {ref}", f"name it: {ref}:build")
    kind = suffixes.get(path.suffix.lower())
    if kind is None:
        raise ModelLoadError(f"got a file of unknown kind '{path.suffix}': {ref}", _kinds(suffixes))
    if not path.stat().st_size:
        raise ModelLoadError(f"got an empty file: {ref}", "copy it again")
    return ModelSource(
        kind=kind, framework=kind, ref=ref, path=str(path.resolve()), sha256=store.sha256_file(path)
    )


def _kinds(suffixes: dict[str, str]) -> str:
    return f"known: {' '.join(sorted(suffixes))}, file.py:factory, or a zoo name"


def card_path(model: Path) -> Path:
    """Return where the card of a model file lies: beside it."""
    return model.with_name(f"{model.name}.card.json")


def card_of(source: ModelSource, given: Path | None = None) -> ModelCard | None:
    """Return the card given by the user, the one beside the file, or the zoo's; None without."""
    if given is not None:
        return read_card(given)
    path = Path(source.path)
    beside = path.parent / "model.toml" if source.factory else card_path(path)
    return read_card(beside) if beside.is_file() else None


def bare_card(source: ModelSource) -> ModelCard:
    """Return the card of a model that has none: its file's name, and samples as they are."""
    return ModelCard(name=Path(source.path).stem.lstrip(".") or "model")


def read_card(path: Path) -> ModelCard:
    """Read a card, TOML or JSON. Raises `UsageError` naming every wrong field."""
    try:
        text = path.read_text()
        if path.suffix == ".toml":
            return ModelCard.model_validate(tomllib.loads(text))
        return ModelCard.from_json(text)
    except FileNotFoundError:
        raise UsageError(f"got no file {path}", "check the path after --card") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"got an unreadable card {path}: {error}") from error
    except ValidationError as error:
        raise UsageError(f"got a wrong card {path}: {problems(error)}") from error


def problems(error: ValidationError) -> str:
    """Return every wrong field of a validation error, each as `field: what is wrong (got X)`."""
    return "; ".join(
        f"{'.'.join(map(str, p['loc'])) or 'file'}: {p['msg'].lower()} (got {p['input']!r:.60})"
        for p in error.errors()
    )
