"""Finding out what the user means by MODEL, without a framework."""

import ast
import re
from pathlib import Path
from typing import Literal

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.suggest import did_you_mean
from edgekit.errors import ModelLoadError, UsageError
from edgekit.sources import factories, huggingface
from edgekit.sources.cards import CARD_ENTRY, read_card
from edgekit.system import resources, store

FRAMEWORKS = ("keras", "torch")
TIMM = "timm:"
ROOTS = {"keras": "keras", "tensorflow": "keras", "tf_keras": "keras", "torch": "torch"}

# What a reference is: a file also stands for a folder, code for `file.py:factory`.
Kind = Literal["huggingface", "timm", "code", "zoo", "file"]


def kind_of(ref: str) -> Kind:
    """Return what `ref` is, by its form and the zoo's names alone: the one rule for all verbs.

    A prefix comes first, then Python files with a colon, then the zoo; all else is a path. So
    `./NAME` is the file or folder that is called as a zoo model is.
    """
    if ref.startswith(huggingface.PREFIX):
        return "huggingface"
    if ref.startswith(TIMM):
        return "timm"
    file, colon, _ = ref.rpartition(":")
    if colon and file.lower().endswith(".py"):
        return "code"
    return "zoo" if is_zoo_name(ref) else "file"


def is_zoo_name(ref: str) -> bool:
    """Return whether `ref` is a model of the zoo; a file or folder of that name comes second."""
    return ref in _zoo_names()


def resolve(
    ref: str,
    *,
    root: Path = Path(),
    framework: str | None = None,
    weights: Path | None = None,
    download: bool = False,
) -> ModelSource:
    """Return the source behind `ref`.

    `ref` is a zoo name, a model file, `file.py:factory`, `hf:owner/name@commit` or `timm:NAME`;
    paths are relative to `root`. `framework` is needed for a zoo name; without `download` nothing
    comes from the network.

    Raises `UsageError` for an unknown name, `ModelLoadError`
    for a file that is missing, empty or of an unknown kind.
    """
    if framework is not None and framework not in FRAMEWORKS:
        raise UsageError(
            f"got framework '{framework}', expected one of {', '.join(FRAMEWORKS)}",
            did_you_mean(framework, FRAMEWORKS),
        )
    weights = root / weights if weights else None
    if weights is not None and not weights.is_file():
        raise ModelLoadError(f"got no file {weights}", "check the path of the weights")
    kind = kind_of(ref)
    if kind == "timm":
        return _timm(ref, weights, download=download)
    if kind == "code":
        return _factory(under(root, ref), framework, weights)
    if kind == "zoo":
        return _zoo(ref, framework, weights)
    if weights is not None:
        raise UsageError(
            f"got --weights for {ref}, which has its own",
            "leave one of them out, or name the code that builds the model: file.py:factory",
        )
    if kind == "huggingface":
        path = huggingface.fetch(ref, download=download)
        return _file(str(path)).model_copy(update={"ref": ref})
    return _file(under(root, ref))


def path_of(ref: str, *, root: Path = Path(), download: bool = False) -> Path | None:
    """Return the file or folder that `ref` names, whatever it holds; None for code that builds one.

    Raises `ModelLoadError` where it is not there, or is Python with no factory.
    """
    kind = kind_of(ref)
    if kind == "huggingface":
        return huggingface.fetch(ref, download=download)
    return _present(under(root, ref)) if kind == "file" else None


def under(root: Path, ref: str) -> str:
    """Return a path relative to `root`; as it was typed where that is the working folder."""
    return ref if root == Path() else str(root / ref)


def _zoo_names() -> tuple[str, ...]:
    return resources.listing("models", CARD_ENTRY)


def _zoo(name: str, framework: str | None, weights: Path | None) -> ModelSource:
    folder = resources.find("models", name, CARD_ENTRY).parent
    if framework is None:
        raise UsageError(
            f"got zoo model '{name}' with no framework", "give --framework keras|torch"
        )
    path = folder / f"{framework}.py"
    if not path.is_file():
        raise UsageError(f"got no {framework} builder for '{name}'", "give the other --framework")
    card = read_card(folder / "model.toml")
    arguments: dict[str, object] = {"shape": list(card.input_shape), "classes": card.classes}
    return _from_code(name, path, "build", framework, weights, arguments)


def _timm(ref: str, weights: Path | None, *, download: bool) -> ModelSource:
    name = ref.removeprefix(TIMM)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(
            f"got '{ref}', expected timm:NAME", "for example timm:mobilenetv3_small_100"
        )
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


def _factory(ref: str, framework: str | None, weights: Path | None) -> ModelSource:
    file, _, factory = ref.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise ModelLoadError(f"got no file {path}", "check the path before the colon")
    if not factory.isidentifier():
        raise UsageError(f"got a Python file with no factory: {ref}", f"name it: {file}:build")
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
    path = _present(ref)
    found = formats.model_folder(path)
    kind = found.kind if found else formats.loader_of(path.suffix.lower())
    if path.is_dir() and found is None:
        raise ModelLoadError(
            f"got a folder that is no SavedModel: {ref}", f"it lacks saved_model.pb; {_kinds()}"
        )
    if kind is None:
        raise ModelLoadError(f"got a file of unknown kind '{path.suffix}': {ref}", _kinds())
    if found is None and isinstance(formats.loader(kind), formats.Foldered):
        raise ModelLoadError(
            f"got a {path.suffix} file that is no SavedModel's: {ref}",
            "name the folder around saved_model.pb; a frozen graph has to be saved again",
        )
    if path.is_file() and not path.stat().st_size:
        raise ModelLoadError(f"got an empty file: {ref}", "copy it again")
    whole = found.path if found else path
    loader, digest = formats.loader(kind), store.sha256_tree(whole)
    beside = loader.companions(path) if isinstance(loader, formats.Accompanied) else ()
    if beside:
        digest = store.key_of([digest, *map(store.sha256_file, beside)])
    return ModelSource(
        # Not what a link points to: in Hugging Face's cache that has no suffix.
        kind=kind,
        framework=kind,
        ref=ref,
        path=str(whole.absolute()),
        sha256=digest,
    )


def _present(ref: str) -> Path:
    """Return the path, which exists and is not Python's. Raises `ModelLoadError`, `UsageError`."""
    path = Path(ref)
    if not path.exists():
        prefix, colon, _ = ref.partition(":")
        hint = "check the path"
        if colon:
            hint = did_you_mean(f"{prefix}:", (huggingface.PREFIX, TIMM, "file.py:factory"))
        elif not path.suffix:
            hint = did_you_mean(ref, _zoo_names())
        raise ModelLoadError(f"got no file {ref}, and no zoo model of that name", hint)
    if path.suffix.lower() == ".py":
        raise UsageError(f"got a Python file with no factory: {ref}", f"name it: {ref}:build")
    return path


def _kinds() -> str:
    return f"known: {' '.join(formats.loaded_suffixes())}, file.py:factory, or a zoo name"
