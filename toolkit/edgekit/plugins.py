"""The folder is the registry: a plugin is a module in its kind's package."""

import functools
import hashlib
import importlib
import importlib.metadata
import pkgutil
from pathlib import Path
from types import ModuleType

from edgekit.core.suggest import did_you_mean
from edgekit.errors import MissingExtraError, UsageError

ROOT = Path(__file__).parent

# Which extra brings a top-level module, for the error that names it.
EXTRA_OF = {
    "tensorflow": "tensorflow",
    "keras": "tensorflow",
    "ai_edge_quantizer": "tensorflow",
    "torch": "torch",
    "torchao": "torch",
    "executorch": "torch",
    "ethos_u_vela": "ethos-u",
    "tosa_tools": "ethos-u",
    "sklearn": "tensorflow",
    "safetensors": "torch",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "tf2onnx": "onnx",
    "litert_torch": "litert-torch",
    "coremltools": "coreml",
    "huggingface_hub": "hub",
    "tflite_micro": "micro",
    "cryptography": "sign",
}


def names(kind: str) -> tuple[str, ...]:
    """Return the plugins of `kind` (a package of edgekit), sorted, without importing them."""
    found = pkgutil.iter_modules([str(ROOT / kind)])
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))


def load(kind: str, name: str) -> ModuleType:
    """Import one plugin. Raises `UsageError` with a suggestion where there is none."""
    if name not in names(kind):
        raise UsageError(
            f"got {kind.removesuffix('s')} '{name}', expected a known one",
            did_you_mean(name, names(kind)),
        )
    return importlib.import_module(f"edgekit.{kind}.{name}")


@functools.cache
def code_sha256() -> str:
    """Return one digest over edgekit's own code: part of the cache key of all that it makes."""
    digest = hashlib.sha256()
    for file in sorted(ROOT.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each package, by metadata alone: nothing is imported.

    Raises `MissingExtraError` for the first that is not installed.
    """
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise missing(package.replace("-", "_")) from None
    return found


def missing(module: str) -> MissingExtraError:
    """Return the error for a module that an extra would bring."""
    top = module.split(".", maxsplit=1)[0]
    extra = EXTRA_OF.get(top, "all")
    return MissingExtraError(
        f"got no installed package '{top}', expected it for this",
        f"install it: pip install 'edgekit[{extra}]'",
    )
