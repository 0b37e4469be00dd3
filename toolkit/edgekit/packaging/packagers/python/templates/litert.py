"""The model in LiteRT (TensorFlow Lite): ai-edge-litert, or tflite-runtime on older boards."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

PACKAGE = "ai-edge-litert"
MODULES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


class Session:
    """A loaded model file. One thread at a time may use it."""

    def __init__(self, path: Path, threads: int) -> None:
        self._interpreter = _runtime().Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._inputs = [found["index"] for found in self._interpreter.get_input_details()]
        self._outputs = [found["index"] for found in self._interpreter.get_output_details()]

    def run(self, inputs: list[Any]) -> list[Any]:
        """Return the file's outputs for its inputs, in the file's order and types."""
        for index, value in zip(self._inputs, inputs):
            self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _runtime() -> Any:
    for name in MODULES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing = error
    raise ModuleNotFoundError(
        f"got no LiteRT runtime, expected {PACKAGE}: pip install {PACKAGE}"
    ) from missing
