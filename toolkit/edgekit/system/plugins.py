"""The folder is the registry: a plugin is a module in its kind's package."""

import functools
import hashlib
import importlib
import importlib.metadata
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from edgekit.core.suggest import did_you_mean
from edgekit.errors import UsageError

ROOT = Path(__file__).parents[1]

Plugin = TypeVar("Plugin")


@dataclass(frozen=True)
class Door(Generic[Plugin]):
    """The one way to the plugins of a kind: the modules of `package`, found by being there.

    `noun` is what one is called in errors. With `role` a plugin is a file of a subfolder:
    `onnx/exporter.py` is the exporter `onnx`, `onnx/exporter_x.py` the exporter `onnx_x`. `besides`
    are modules of the package that are no plugins.
    """

    noun: str
    package: str
    role: str = ""
    besides: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the plugins' names, sorted, without importing one."""
        return tuple(sorted(self._modules()))

    def load(self, name: str) -> Plugin:
        """Import one plugin. Raises `UsageError` with a suggestion where there is none."""
        modules = self._modules()
        if name not in modules:
            raise UsageError(
                f"got {self.noun} '{name}', expected a known one", did_you_mean(name, modules)
            )
        return cast("Plugin", importlib.import_module(modules[name]))

    def _in_folder(self, folder: str) -> dict[str, str]:
        modules = (module.name for module in pkgutil.iter_modules([folder]))
        return {n: f"{self.package}.{n}" for n in modules if n not in self.besides}

    def _in_roles(self, folder: str) -> dict[str, str]:
        found = {}
        for file in Path(folder).glob(f"*/{self.role}*.py"):
            if file.stem == self.role or file.stem.startswith(f"{self.role}_"):
                name = file.parent.name + file.stem.removeprefix(self.role)
                found[name] = f"{self.package}.{file.parent.name}.{file.stem}"
        return found

    def _modules(self) -> dict[str, str]:
        """Return the dotted module of each plugin, by name."""
        found = {}
        for folder in importlib.import_module(self.package).__path__:
            found.update(self._in_roles(folder) if self.role else self._in_folder(folder))
        return found


@functools.cache
def code_sha256(parts: tuple[str, ...]) -> str:
    """Return one digest over names and code of modules and folders of edgekit, named from its root.

    Raises `FileNotFoundError` for one that is not there.
    """
    digest = hashlib.sha256()
    for part in sorted(parts):
        path = ROOT / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(ROOT).as_posix()}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
