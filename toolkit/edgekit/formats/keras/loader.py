"""Keras models: `.keras` files, `.h5` files of Keras 2 and 3, factories that return a model."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Arrays, Layout, TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats import factory
from edgekit.formats.keras import file as keras_file
from edgekit.formats.keras.tracing import call_arguments

SUFFIXES = (".keras", *keras_file.H5_SUFFIXES)
HUB = "keras"
LAYOUT: Layout = "NHWC"
PACKAGES = ("tensorflow", "keras")


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the model. Code inside the file (Lambda layers) runs only with `trust`.

    Raises `ModelLoadError` for a broken or unsafe file.
    """
    del card  # a Keras model knows its own shapes
    if source.factory is None:
        keras_file.check(Path(source.path), trust=trust)
    import keras

    keras.utils.set_random_seed(seed)
    notes: tuple[str, ...] = ()
    if source.factory:
        model = _from_factory(source, keras)
    else:
        model, notes = _from_file(source, keras, trust)
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise ModelLoadError(
            f"got a model without fixed inputs and outputs from {source.ref}: a subclassed model "
            "that was never built",
            "build it as a functional model, or call it once on a keras.Input",
        )
    return FloatModel(
        source=source,
        hub=HUB,
        native=model,
        inputs=tuple(_spec(tensor) for tensor in inputs),
        outputs=tuple(_spec(tensor) for tensor in outputs),
        predict=lambda batch: _predict(model, keras, batch),
        layout=LAYOUT,
        notes=notes,
    )


def _from_file(source: ModelSource, keras: Any, trust: bool) -> tuple[Any, tuple[str, ...]]:
    path = Path(source.path)
    try:
        with tempfile.TemporaryDirectory() as folder:
            notes: tuple[str, ...] = ()
            if path.suffix.lower() in keras_file.H5_SUFFIXES:
                path, notes = keras_file.migrated(path, Path(folder))
            return keras.saving.load_model(path, compile=False, safe_mode=not trust), notes
    except ModelLoadError:
        raise
    except Exception as error:
        raise ModelLoadError(
            f"got a file that Keras {keras.__version__} cannot load: {source.ref}: "
            f"{str(error)[:600]}",
            "load it where it was trained and save it again with model.save('model.keras')",
        ) from error


def _from_factory(source: ModelSource, keras: Any) -> Any:
    model = factory.call(source)
    if not isinstance(model, keras.Model):
        raise ModelLoadError(
            f"got {type(model).__name__} from {source.ref}, expected a keras.Model",
            "give --framework torch for a PyTorch factory",
        )
    if source.weights:
        try:
            model.load_weights(source.weights)
        except Exception as error:
            raise ModelLoadError(
                f"got weights that do not fit {source.ref}: {source.weights}: {error}",
                "give the .weights.h5 or .keras file of this very architecture",
            ) from error
    return model


def _spec(tensor: Any) -> TensorSpec:
    shape = tuple(-1 if size is None else int(size) for size in tensor.shape)
    return TensorSpec(name=tensor.name, shape=shape, dtype=tensor.dtype)


def _predict(model: Any, keras: Any, batch: Arrays) -> Arrays:
    """Return the outputs for `batch`; a model of fixed batch size is fed as it wants."""
    n = len(batch[0])
    size = model.inputs[0].shape[0] or n
    parts = []
    for start in range(0, n, size):
        rows = [values[start : start + size] for values in batch]
        outputs = model(call_arguments(model, rows, keras), training=False)
        parts.append([np.asarray(output) for output in keras.tree.flatten(outputs)])
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
