"""Reading files in ONNX Runtime's own format, a flatbuffer, with the schema that it ships."""

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.onnx.session import open_session

IDENTIFIER = b"ORTM"
DTYPES = {"float": "float32", "float16": "float16", "double": "float64"}


def operators(path: Path) -> dict[str, int]:
    """Return how often each operator stands in a `.ort` file, without running it.

    Raises `ModelLoadError` for a file that is no whole `.ort` file.
    """
    data = bytearray(path.read_bytes())
    if data[4:8] != IDENTIFIER:
        raise ModelLoadError(
            f"got a file that is not in ONNX Runtime's format: {path}",
            "it lacks the mark ORTM at byte 4",
        )
    # Importing the tools puts their copy of the schema on the path.
    importlib.import_module("onnxruntime.tools.ort_format_model")
    schema = importlib.import_module("ort_flatbuffers_py.fbs.InferenceSession")
    try:
        session = schema.InferenceSession.GetRootAsInferenceSession(data, 0)
        graph = session.Model().Graph()
        names = [graph.Nodes(i).OpType().decode() for i in range(graph.NodesLength())]
    except Exception as error:  # a truncated flatbuffer can make the readers raise anything
        raise broken(path, error) from error
    return dict(sorted(Counter(names).items()))


def specs(path: Path) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return inputs and outputs as ONNX Runtime reads them. Raises `ModelLoadError`."""
    try:
        session = open_session(path)
    except Exception as error:  # ONNX Runtime's own exceptions share no class
        raise broken(path, error) from error
    return (
        tuple(_spec(node) for node in session.get_inputs()),
        tuple(_spec(node) for node in session.get_outputs()),
    )


def broken(path: Path, error: Exception) -> ModelLoadError:
    """Return the error for a file that its own readers refuse."""
    return ModelLoadError(
        f"got a file that ONNX Runtime cannot load: {path}: {type(error).__name__}: {error}",
        "it may be truncated, or made by a newer release; convert it again",
    )


def _spec(node: Any) -> TensorSpec:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorSpec(name=node.name, shape=shape, dtype=DTYPES.get(kind, kind))
