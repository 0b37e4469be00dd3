"""Float `.tflite` files: run by LiteRT, and quantized further by the tflite exporter."""

import math
from pathlib import Path

import numpy as np

from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Arrays, Layout, TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.tflite import file as tflite_file
from edgekit.formats.tflite import plain

SUFFIXES = (".tflite",)
HUB = "tflite"
LAYOUT: Layout = "NHWC"
PACKAGES = ("ai-edge-litert",)


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the file; `native` is its bytes, made plain. Raises `ModelLoadError`."""
    del card, trust, seed  # nothing in the file runs, and its shapes and weights are its own
    from ai_edge_litert.interpreter import Interpreter

    path = Path(source.path)
    try:
        data, notes = plain.plain(path.read_bytes())
    except ModelLoadError as error:
        raise ModelLoadError(f"{error.message}: {path}", error.hint) from error
    try:
        interpreter = Interpreter(model_content=data, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, OSError) as error:
        raise ModelLoadError(
            f"got a file that LiteRT cannot load: {path}: {error}", "it may be truncated"
        ) from error
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(batch: Arrays) -> Arrays:
        rows = []
        for sample in zip(*batch, strict=True):
            for detail, value in zip(inputs, sample, strict=True):
                interpreter.set_tensor(detail["index"], value[None].astype(detail["dtype"]))
            interpreter.invoke()
            rows.append([interpreter.get_tensor(detail["index"])[0] for detail in outputs])
        return tuple(np.stack(column) for column in zip(*rows, strict=True))

    return FloatModel(
        source=source,
        hub=HUB,
        native=data,
        inputs=tuple(_spec(detail) for detail in inputs),
        outputs=tuple(
            _spec(detail).model_copy(update={"name": name})
            for detail, name in zip(outputs, tflite_file.output_names(data), strict=True)
        ),
        predict=predict,
        layout=LAYOUT,
        notes=notes,
        limits=tflite_file.described(data).limits,
    )


def _spec(detail: dict[str, object]) -> TensorSpec:
    shape = tuple(int(size) for size in detail["shape"])  # type: ignore[attr-defined]
    if math.prod(shape) < 1:
        raise ModelLoadError(f"got a tensor of shape {shape} as an input or output of the model")
    return TensorSpec(name=str(detail["name"]), shape=shape, dtype=np.dtype(detail["dtype"]).name)  # type: ignore[call-overload]
