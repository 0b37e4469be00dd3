"""ExecuTorch through the Python binding of its C++ runtime; no exporter code is imported."""

import ctypes
import glob
import importlib
import importlib.metadata
import importlib.util
import os

PACKAGES = ("torch", "executorch")


def prepare():
    """Import the runtime and torch, whose tensors the binding takes, and the quantized kernels."""
    importlib.import_module("torch")
    importlib.import_module("executorch.extension.pybindings._C")
    # The wheel brings these kernels, but its binding does not load them; loading registers them.
    for folder in importlib.util.find_spec("executorch").submodule_search_locations:
        for library in glob.glob(os.path.join(folder, "lib", "libexecutorch_kernels_quantized.*")):
            ctypes.CDLL(library)


def version():
    """Return the name and version of the package that runs the file."""
    return f"executorch {importlib.metadata.version('executorch')}"


def open_session(path, threads, kernels):
    """Load a .pte file. ExecuTorch has one set of kernels: those the file was lowered to."""
    if kernels != "optimized":
        raise ValueError("the executorch runtime has no reference kernels to switch to")
    return Session(path, threads)


class Session:
    """A loaded .pte file with its forward method ready."""

    def __init__(self, path, threads):
        self._torch = importlib.import_module("torch")
        binding = importlib.import_module("executorch.extension.pybindings._C")
        binding._unsafe_reset_threadpool(threads)
        # The binding does not keep the bytes alive: without this reference it reads freed memory.
        with open(path, "rb") as file:
            self._bytes = file.read()
        self._module = binding._load_for_executorch_from_buffer(self._bytes)
        self._module.method_meta("forward")

    def run(self, inputs):
        """Run one inference; arrays in the order and type of the file's inputs and outputs.

        Outputs that are no tensors (a file made elsewhere may have numbers) are left out.
        """
        tensors = tuple(self._torch.from_numpy(value) for value in inputs)
        outputs = self._module.forward(tensors)
        return [value.numpy().copy() for value in outputs if hasattr(value, "numpy")]

    def delegation(self):
        """Return None: the share is known when the file is lowered, not when it runs."""
        return
