"""Calling the user's own `file.py:factory`, in a worker process only."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from edgekit.core.artifact import ModelSource
from edgekit.errors import EdgekitError, ModelLoadError
from edgekit.system import packages


def call(source: ModelSource) -> Any:
    """Import the source's file, call its factory with the source's arguments, return the model.

    Arguments that the factory does not name are left out. Raises `ModelLoadError` for whatever goes
    wrong in the user's code.
    """
    path, name = Path(source.path), source.factory or "build"
    try:
        # At the end, so that a file called torch.py beside it cannot hide the real package.
        sys.path.append(str(path.parent))
        spec = importlib.util.spec_from_file_location(f"edgekit_user_{path.stem}", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        function = _function(module, name, path)
        takes = inspect.signature(function).parameters
        return function(**{k: v for k, v in source.arguments.items() if k in takes})
    except EdgekitError:
        raise
    except ModuleNotFoundError as error:
        raise packages.missing(error.name or "unknown") from error
    except Exception as error:
        raise ModelLoadError(
            f"got {type(error).__name__} from {path.name}:{name}: {error}",
            "the factory must return a model when called without arguments",
        ) from error


def _function(module: ModuleType, name: str, path: Path) -> Callable[..., Any]:
    function: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(function):
        known = [n for n, v in vars(module).items() if inspect.isfunction(v) and n[0] != "_"]
        raise ModelLoadError(
            f"got no function '{name}' in {path}", f"it has: {', '.join(known) or 'none'}"
        )
    return function
