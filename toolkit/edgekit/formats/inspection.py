"""Inspecting a model in a child process: a file by its suffix, or what code builds by its loader.

Nothing in a file is run or rebuilt. A model that code builds is built, for its user named it.
"""

from pathlib import Path

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.facts import Facts, Inspection
from edgekit.core.noun import Noun
from edgekit.errors import EdgekitError, ModelLoadError, UsageError
from edgekit.system import packages, process, store


class _File(Noun):
    """A file or folder to inspect, and the kind that it is."""

    path: Path
    kind: str
    signature: str | None = None


class _Build(Noun):
    """A model for the child to build; with `trust` the files that its code loads may run theirs."""

    source: ModelSource
    card: ModelCard
    trust: bool = False


def suffixes() -> dict[str, str]:
    """Return which inspector knows the files of each suffix."""
    return {
        suffix: name for name in formats.inspectors() for suffix in formats.inspector(name).SUFFIXES
    }


def inspect(path: Path, signature: str | None = None) -> Inspection:
    """Return what a file says about itself, of the `signature` where it has several.

    Raises `ModelLoadError` for a broken or unknown one, `UsageError` for one without signatures.
    """
    if not path.exists():
        raise ModelLoadError(f"got no file {path}", "check the path")
    known = suffixes()
    found = formats.model_folder(path)
    kind = found.kind if found else known.get(path.suffix.lower())
    if kind is None:
        what = f"folder that is no model: {path}"
        if not path.is_dir():
            what = f"file of unknown kind '{path.suffix}': {path}"
        raise ModelLoadError(f"got a {what}", f"known: {' '.join(sorted(known))}")
    if signature is not None and not isinstance(formats.inspector(kind), formats.Signed):
        raise UsageError(
            f"got --signature {signature} for {path}, which has no signatures",
            "leave it out; a SavedModel folder has them",
        )
    question = _File(path=found.path if found else path, kind=kind, signature=signature)
    return process.call(describe, question, ModelLoadError)


def describe(ask: _File) -> Inspection:
    """Do the work of `inspect`, in the child. Raises `ModelLoadError` whatever the file does."""
    path, inspector = ask.path, formats.inspector(ask.kind)
    try:
        if isinstance(inspector, formats.Signed) and ask.signature:
            facts = inspector.inspect_signature(path, ask.signature)
        else:
            facts = inspector.inspect(path)
    except (EdgekitError, MemoryError):
        raise
    except Exception as error:
        raise ModelLoadError(
            f"got a broken {path.suffix or 'model'} file: {path}: {type(error).__name__}: {error}",
            "it may be truncated; copy it again, or save the model again",
        ) from error
    return Inspection(
        path=str(path), size_bytes=store.size_of(path), sha256=store.sha256_tree(path), facts=facts
    )


def inspect_code(source: ModelSource, card: ModelCard, *, trust: bool) -> Inspection:
    """Return what is seen of a model that code builds, once it is built in the child.

    Raises as its loader does.
    """
    question = _Build(source=source, card=card, trust=trust)
    facts = process.call(describe_code, question, ModelLoadError)
    return Inspection(path=source.ref, sha256=source.sha256, facts=facts)


def describe_code(build: _Build) -> Facts:
    """Do the work of `inspect_code`, in the child."""
    loader = formats.loader(build.source.kind)
    packages.versions(loader.PACKAGES)
    model = loader.load(build.source, build.card, trust=build.trust)
    inspector = formats.inspector(model.hub)
    if not isinstance(inspector, formats.Describing):
        raise ModelLoadError(f"got a {model.hub} model built by code, which nothing describes")
    facts = inspector.describe(model)
    weights = build.source.weights or ("published" if build.source.is_trained else "none")
    more = {**facts.more, "weights": weights, "notes": model.notes}
    return facts.model_copy(update={"more": more})
