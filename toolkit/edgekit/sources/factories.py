"""Models that are made by code: which files their hash covers, by looking at what the code reads.

A factory's file may import its neighbours and read data from beside it: they decide the model as
its own lines do. Which ones is seen by loading the model once, in a child process, as a conversion
would. The answer is kept in the cache, and holds as long as none of these files has changed.
"""

import ast
import contextlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.noun import Noun
from edgekit.errors import ModelLoadError
from edgekit.sources.model import Loading, Model
from edgekit.system import packages, process, store
from edgekit.system.plugins import ROOT

# Folders of what is installed: it is no part of the model, its versions are known otherwise.
INSTALLED = {"site-packages", "dist-packages"}

STDLIB = sysconfig.get_path("stdlib")


class Loaded(Noun):
    """What a factory read: the sha256 of each file, by its path from the factory's folder.

    None stands for one that was looked for and is not there: once it is, another model may come.
    """

    files: dict[str, str | None]


class Read(Noun):
    """The files that decide a model, by their paths from the factory's folder."""

    files: tuple[str, ...]


class Seen(NamedTuple):
    """Files that this process has opened to read and to write, and modules it has tried."""

    read: set[Path]
    written: set[Path]
    modules: set[str]


def sha256_of(source: ModelSource) -> str:
    """Return the hash of a factory's model, or "" where it is not known what the factory reads."""
    try:
        kept = Loaded.from_json(_record(source).read_bytes())
    except (FileNotFoundError, ValueError):
        return ""
    if _hashed(source, kept.files) != kept.files:
        return ""
    return _sha256(source, kept)


def settled(model: Model, *, trust: bool, seed: int, limits: process.Limits) -> Model:
    """Return the model with the hash of its factory; where that is not known yet, look.

    Raises `ModelLoadError` where the model cannot be loaded.
    """
    sha256 = model.source.sha256 or sha256_of(model.source)
    if not sha256:
        question = model.loading(trust=trust, seed=seed)
        answer = process.call(look, question, ModelLoadError, limits=limits)
        loaded = Loaded(files=_hashed(model.source, answer.files))
        store.write_text(_record(model.source), loaded.to_json())
        sha256 = _sha256(model.source, loaded)
    source = model.source.model_copy(update={"sha256": sha256})
    return Model(source, model.card, model.input_names)


def look(ask: Loading) -> Read:
    """Load a model, and return the files that decide it. A job."""
    loader = formats.loader(ask.source.kind)
    packages.versions(loader.PACKAGES)

    def load() -> None:
        loader.load(ask.source, ask.card, trust=ask.trust, seed=ask.seed)

    return Read(files=files_read(ask.source, load))


def files_read(source: ModelSource, load: Callable[[], None]) -> tuple[str, ...]:
    """Return the files that decide what `load` makes of a factory, by paths from its folder.

    Among them are modules that it would have imported if they were there. To be called once in a
    process, which is watched from then on to its end.
    """
    folder = _real(source.path).parent
    seen = _watch(folder)
    load()
    return tuple(sorted(_deciding(source, folder, seen)))


def _record(source: ModelSource) -> Path:
    path = Path(source.path)
    key = store.key_of([source.path, store.sha256_file(path), source.factory, source.arguments])
    return store.cache_folder() / "loaded" / f"{key}.json"


def _hashed(source: ModelSource, names: Iterable[str]) -> dict[str, str | None]:
    """Return the sha256 of files as they are now, None for one that is not there."""
    folder = Path(source.path).parent
    files = {name: folder / name for name in names}
    return {n: store.sha256_file(file) if file.is_file() else None for n, file in files.items()}


def _sha256(source: ModelSource, loaded: Loaded) -> str:
    code = {name: sha256 for name, sha256 in loaded.files.items() if sha256 is not None}
    weights = store.sha256_file(Path(source.weights)) if source.weights else None
    return store.key_of([code, source.factory, source.arguments, weights])


def _watch(folder: Path) -> Seen:
    """Return what this process opens, and tries to import where `folder` is a place for modules."""
    seen = Seen(set(), set(), set())

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "import":
            name, file, places, *_ = arguments
            if isinstance(places, list) and str(folder) in places:
                seen.modules.add(str(name))
            # A module in machine code is opened by the system's loader.
            if isinstance(file, str):
                seen.read.add(_real(file))
        elif event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes | os.PathLike) and isinstance(flags, int):
                reads = flags & os.O_ACCMODE == os.O_RDONLY
                (seen.read if reads else seen.written).add(_real(os.fsdecode(path)))

    sys.addaudithook(hook)
    return seen


def _real(path: str | Path) -> Path:
    """Return a path without links, also of a file that is not there."""
    return Path(os.path.realpath(path))


def _deciding(source: ModelSource, folder: Path, seen: Seen) -> set[str]:
    read = {_source_file(path) for path in seen.read}
    found = {path for path in read if _is_own(path, folder, seen.written)} | {_real(source.path)}
    # What libraries open in machine code is not seen; but the code most often names it.
    for code in [path for path in found if path.suffix == ".py" and path.is_file()]:
        found |= set(_named(code))
    for name in {module.partition(".")[0] for module in seen.modules} - set(sys.modules):
        places = (folder / f"{name}.py", folder / name / "__init__.py")
        found |= {place for place in places if not place.exists()}
    if source.weights:
        # They have a hash of their own.
        found.discard(_real(source.weights))
    return {os.path.relpath(path, folder) for path in found if not path.is_dir()}


def _source_file(path: Path) -> Path:
    """Return the source of a compiled module, and any other path as it is."""
    try:
        return Path(importlib.util.source_from_cache(str(path)))
    except ValueError:
        return path


def _is_own(path: Path, folder: Path, written: set[Path]) -> bool:
    """Return whether a file is the user's: one below the factory's folder, or code elsewhere."""
    below = path.is_relative_to(folder)
    parts = path.relative_to(folder).parts if below else path.parts
    of_edgekit = path.is_relative_to(ROOT) and not folder.is_relative_to(ROOT)
    if INSTALLED & set(parts) or of_edgekit or path.is_relative_to(_real(STDLIB)):
        return False
    # Frameworks write code of their own and import it.
    return below or (path.suffix == ".py" and path not in written)


def _named(code: Path) -> Iterator[Path]:
    """Yield the files that strings in a Python file name, from its folder or from here."""
    try:
        tree = ast.parse(code.read_bytes())
    except (SyntaxError, ValueError):
        # It was read as data.
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for place in (code.parent / node.value, Path.cwd() / node.value):
                # Most strings are no paths: too long, or where nobody may look.
                with contextlib.suppress(OSError):
                    if place.is_file():
                        yield _real(place)
