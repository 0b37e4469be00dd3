"""LiteRT (TensorFlow Lite) through ai-edge-litert, or through tflite-runtime on older boards."""

import importlib
import importlib.metadata

PACKAGES = ("ai-edge-litert",)


def _interpreter_module():
    try:
        return importlib.import_module("ai_edge_litert.interpreter")
    except ModuleNotFoundError:
        return importlib.import_module("tflite_runtime.interpreter")


def prepare():
    """Import the runtime, so that its own memory belongs to the idle baseline."""
    _interpreter_module()


def version():
    """Return the name and version of the package that runs the file."""
    for package in ("ai-edge-litert", "tflite-runtime"):
        try:
            return f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"


def open_session(path, threads, kernels):
    """Load a .tflite file. `kernels` is `optimized` (XNNPACK) or `reference`."""
    return Session(path, threads, kernels)


class Session:
    """A loaded .tflite file with its tensors allocated."""

    def __init__(self, path, threads, kernels):
        module = _interpreter_module()
        resolver = module.OpResolverType
        self._interpreter = module.Interpreter(
            model_path=path,
            num_threads=threads,
            experimental_op_resolver_type=(
                resolver.BUILTIN_REF if kernels == "reference" else resolver.AUTO
            ),
        )
        self._interpreter.allocate_tensors()
        self._inputs = [d["index"] for d in self._interpreter.get_input_details()]
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]

    def run(self, inputs):
        """Run one inference; arrays in the order and type of the file's inputs and outputs."""
        for index, value in zip(self._inputs, inputs):
            self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def delegation(self):
        """Return (operators taken by delegates, all operators), or None where it is not known.

        A delegate node computes its outputs from its inputs alone; walking back from the outputs
        to the inputs therefore visits exactly the operators that it replaced.
        """
        details = getattr(self._interpreter, "_get_ops_details", None)
        if details is None:
            return None
        ops = details()
        plain = [op for op in ops if op["op_name"] != "DELEGATE"]
        maker = {int(out): i for i, op in enumerate(plain) for out in op["outputs"]}
        taken = set()
        for node in ops:
            if node["op_name"] != "DELEGATE":
                continue
            border = {int(tensor) for tensor in node["inputs"]}
            stack = [int(tensor) for tensor in node["outputs"]]
            while stack:
                tensor = stack.pop()
                op = maker.get(tensor)
                if tensor in border or op is None or op in taken:
                    continue
                taken.add(op)
                stack.extend(int(source) for source in plain[op]["inputs"])
        return len(taken), len(plain)
