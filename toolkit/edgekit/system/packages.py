"""Installed packages, by their metadata alone: nothing is imported."""

import importlib
import importlib.metadata

from edgekit.errors import MissingExtraError

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
