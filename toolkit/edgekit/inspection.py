"""Inspecting a model file in a child process, by the plugin that knows its suffix."""

from pathlib import Path
from typing import Any

from edgekit import plugins, process
from edgekit.errors import ModelLoadError


def inspect(path: Path) -> dict[str, Any]:
    """Return what a file says about itself. Raises `ModelLoadError` for a broken or unknown one."""
    if not path.exists():
        raise ModelLoadError(f"got no file {path}", "check the path")
    kinds = {
        suffix: name
        for name in plugins.names("inspectors")
        for suffix in plugins.load("inspectors", name).SUFFIXES
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise ModelLoadError(
            f"got a file of unknown kind '{path.suffix}': {path}",
            f"known: {' '.join(sorted(kinds))}",
        )
    payload = {"path": str(path), "kind": kind}
    return process.call("edgekit.jobs:inspect", payload, ModelLoadError)
