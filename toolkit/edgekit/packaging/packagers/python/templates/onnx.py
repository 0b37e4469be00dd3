"""The model in ONNX Runtime."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

PACKAGE = "onnxruntime"


class Session:
    """A loaded model file. Several threads may use it."""

    def __init__(self, path: Path, threads: int) -> None:
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = runtime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [found.name for found in self._session.get_inputs()]

    def run(self, inputs: list[Any]) -> list[Any]:
        """Return the file's outputs for its inputs, in the file's order and types."""
        found: list[Any] = self._session.run(None, dict(zip(self._inputs, inputs)))
        return found


def _runtime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"got no ONNX Runtime, expected {PACKAGE}: pip install {PACKAGE}"
        ) from error
