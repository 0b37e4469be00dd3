"""ONNX Runtime's CPU kernels, for .onnx and .ort files."""

import importlib
import importlib.metadata

PACKAGES = ("onnxruntime",)


def prepare():
    """Import the runtime, so that its own memory belongs to the idle baseline."""
    importlib.import_module("onnxruntime").disable_telemetry_events()


def version():
    """Return the name and version of the package that runs the file."""
    return f"onnxruntime {importlib.metadata.version('onnxruntime')}"


def open_session(path, threads, kernels):
    """Load a file. Without its graph optimisations ONNX Runtime still runs the same kernels."""
    if kernels != "optimized":
        raise ValueError("ONNX Runtime's CPU provider has no reference kernels to switch to")
    return Session(path, threads)


class Session:
    """A loaded file with its kernels chosen."""

    def __init__(self, path, threads):
        module = importlib.import_module("onnxruntime")
        options = module.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that spin between inferences would take the time of whatever else runs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = module.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._inputs = [node.name for node in self._session.get_inputs()]

    def run(self, inputs):
        """Run one inference; arrays in the order and type of the file's inputs and outputs."""
        return self._session.run(None, dict(zip(self._inputs, inputs)))

    def delegation(self):
        """Return None: the CPU provider computes every operator itself."""
        return
