"""TorchScript's lite interpreter, which PyTorch Mobile ran on phones, in the torch package."""

import importlib
import importlib.metadata

PACKAGES = ("torch",)

ENGINE = "qnnpack"


def prepare():
    """Import torch, so that its own memory belongs to the idle baseline."""
    importlib.import_module("torch")


def version():
    """Return the name and version of the package that runs the file."""
    return f"torch {importlib.metadata.version('torch')}"


def open_session(path, threads, kernels):
    """Load a .ptl file. The interpreter has one set of kernels; quantized ones are QNNPACK's."""
    if kernels != "optimized":
        raise ValueError("the TorchScript lite interpreter has no reference kernels to switch to")
    return Session(path, threads)


class Session:
    """A loaded .ptl file."""

    def __init__(self, path, threads):
        self._torch = importlib.import_module("torch")
        mobile = importlib.import_module("torch.jit.mobile")
        self._torch.set_num_threads(threads)
        # What phones have. Without it here, a quantized file fails rather than run elsewhere.
        if ENGINE in self._torch.backends.quantized.supported_engines:
            self._torch.backends.quantized.engine = ENGINE
        self._module = mobile._load_for_lite_interpreter(path)

    def run(self, inputs):
        """Run one inference; arrays in the order and type of the file's inputs and outputs."""
        with self._torch.no_grad():
            found = self._module(*[self._torch.from_numpy(value) for value in inputs])
        found = found if isinstance(found, (tuple, list)) else (found,)
        return [output.numpy().copy() for output in found]

    def delegation(self):
        """Return None: the interpreter hands nothing to a delegate."""
        return
