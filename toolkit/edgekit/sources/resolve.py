"""Finding out what the user means by MODEL, without a framework."""

import ast
import re
from pathlib import Path

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.suggest import did_you_mean
from edgekit.errors import ModelLoadError, UsageError
from edgekit.formats.savedmodel import file as savedmodel
from edgekit.sources import factories, huggingface
from edgekit.sources.cards import CARD_ENTRY, read_card
from edgekit.system import resources, store

FRAMEWORKS = ("keras", "torch")
TIMM = "timm:"
ROOTS = {"keras": "keras", "tensorflow": "keras", "tf_keras": "keras", "torch": "torch"}


def resolve(
    ref: str,
    *,
    framework: str | None = None,
    weights: Path | None = None,
    download: bool = False,
) -> ModelSource:
    """Return the source behind `ref`.

    `ref` is a zoo name, a model file, `file.py:factory`, `hf:owner/name@commit` or `timm:NAME`.
    `framework` is needed for a zoo name; without `download` nothing comes from the network.

    Raises `UsageError` for an unknown name, `ModelLoadError`
    for a file that is missing, empty or of an unknown kind.
    """
    if framework is not None and framework not in FRAMEWORKS:
        raise UsageError(
            f"got framework '{framework}', expected one of {', '.join(FRAMEWORKS)}",
            did_you_mean(framework, FRAMEWORKS),
        )
    if weights is not None and not weights.is_file():
        raise ModelLoadError(f"got no file {weights}", "check the path after --weights")
    if ref.startswith(huggingface.PREFIX):
        path = huggingface.fetch(ref, download=download)
        return _file(str(path)).model_copy(update={"ref": ref})
    if ref.startswith(TIMM):
        return _timm(ref, weights, download=download)
    file, colon, factory = ref.rpartition(":")
    if colon and file.endswith(".py"):
        return _factory(ref, Path(file), factory, framework, weights)
    if is_zoo_name(ref):
        return _zoo(ref, framework, weights)
    if weights is not None:
        raise UsageError(
            f"got --weights for {ref}, which has its own",
            "leave one of them out, or name the code that builds the model: file.py:factory",
        )
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


def _timm(ref: str, weights: Path | None, *, download: bool) -> ModelSource:
    name = ref.removeprefix(TIMM)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(f"got '{ref}', expected timm:NAME, for example timm:mobilenetv3_small_100")
    arguments = {"name": name, "pretrained": download and weights is None}
    parts = ["timm", arguments, store.sha256_file(weights) if weights else None]
    return ModelSource(
        kind="timm",
        framework="torch",
        ref=ref,
        path=name,
        sha256=store.key_of(parts),
        arguments=arguments,
        weights=str(weights.resolve()) if weights else None,
        is_trained=weights is not None or download,
    )


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
    source = ModelSource(
        kind=framework,
        framework=framework,
        ref=ref,
        path=str(path.resolve()),
        sha256="",
        factory=factory,
        arguments=arguments,
        weights=str(weights.resolve()) if weights else None,
        is_trained=weights is not None,
    )
    return source.model_copy(update={"sha256": factories.sha256_of(source)})


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
    suffixes = {s: n for n in formats.loaders() for s in formats.loader(n).SUFFIXES}
    if not path.exists():
        zoo = resources.listing("models", CARD_ENTRY)
        hint = did_you_mean(ref, zoo) if not path.suffix else "check the path"
        raise ModelLoadError(f"got no file {ref}, and no zoo model of that name", hint)
    if path.is_dir():
        path = _saved_model(path, ref, suffixes)
    if path.suffix == ".py":
        raise UsageError(f"got a Python file with no factory: {ref}", f"name it: {ref}:build")
    kind = suffixes.get(path.suffix.lower())
    if kind is None:
        raise ModelLoadError(f"got a file of unknown kind '{path.suffix}': {ref}", _kinds(suffixes))
    if not path.stat().st_size:
        raise ModelLoadError(f"got an empty file: {ref}", "copy it again")
    # A SavedModel is the folder around its graph: the variables lie beside it.
    whole = path.parent if kind == "savedmodel" else path
    return ModelSource(
        # Not what a link points to: in the hub's cache that has no suffix.
        kind=kind,
        framework=kind,
        ref=ref,
        path=str(whole.absolute()),
        sha256=store.sha256_tree(whole),
    )


def _saved_model(folder: Path, ref: str, suffixes: dict[str, str]) -> Path:
    """Return the graph file of a SavedModel folder, or of its highest numbered version."""
    found = savedmodel.folder_of(folder)
    if found is None:
        raise ModelLoadError(
            f"got a folder that is no SavedModel: {ref}",
            f"it lacks saved_model.pb; {_kinds(suffixes)}",
        )
    return found / savedmodel.MARKER


def _kinds(suffixes: dict[str, str]) -> str:
    return f"known: {' '.join(sorted(suffixes))}, file.py:factory, or a zoo name"
