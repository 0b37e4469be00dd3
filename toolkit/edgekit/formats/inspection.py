"""Inspecting a model file in a child process, by the plugin that knows its suffix."""

from pathlib import Path
from typing import Any

from edgekit import formats
from edgekit.core.noun import Noun
from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.system import process, store


def inspect(path: Path) -> dict[str, Any]:
    """Return what a file says about itself. Raises `ModelLoadError` for a broken or unknown one."""
    if not path.exists():
        raise ModelLoadError(f"got no file {path}", "check the path")
    kinds = {
        suffix: name for name in formats.inspectors() for suffix in formats.inspector(name).SUFFIXES
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise ModelLoadError(
            f"got a file of unknown kind '{path.suffix}': {path}",
            f"known: {' '.join(sorted(kinds))}",
        )
    return process.call(describe, _File(path=path, kind=kind), ModelLoadError).facts


class _File(Noun):
    """A file to inspect, and the kind that it is by its suffix."""

    path: Path
    kind: str


class _Found(Noun):
    """What a file says about itself."""

    facts: dict[str, Any]


def describe(ask: _File) -> _Found:
    """Do the work of `inspect`, in the child."""
    facts = formats.inspector(ask.kind).inspect(ask.path)
    size, sha256 = store.size_of(ask.path), store.sha256_tree(ask.path)
    return _Found(facts={"path": str(ask.path), "size_bytes": size, "sha256": sha256, **facts})


def specs_of(facts: dict[str, Any], key: str) -> tuple[TensorSpec, ...]:
    """Return the borders that an inspector found, numbered where the file gives no names."""
    return tuple(
        TensorSpec.model_validate({"name": f"{key}_{i}", **spec})
        for i, spec in enumerate(facts[key])
    )
