"""Keras 3 models: `.keras` files, and factories that return a `keras.Model`."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import factory
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Array, TensorSpec
from edgekit.errors import ModelLoadError

SUFFIXES = (".keras",)
HUB = "keras"
PACKAGES = ("tensorflow", "keras")

# A config is text about layers; one larger than this is not a model's.
MAX_CONFIG_BYTES = 64 * 2**20


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the model. Code inside the file (Lambda layers) runs only with `trust`.

    Raises `ModelLoadError` for a broken or unsafe file, or a model without exactly one input and
    output.
    """
    del card  # a Keras model knows its own shapes
    if source.factory is None:
        _check_file(Path(source.path), trust=trust)
    import keras

    keras.utils.set_random_seed(seed)
    model = _from_factory(source, keras) if source.factory else _from_file(source, keras, trust)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelLoadError(
            f"got {len(model.inputs)} inputs and {len(model.outputs)} outputs in {source.ref}, "
            "expected one of each",
            "models with several inputs or outputs are not supported yet",
        )
    return FloatModel(
        source=source,
        hub=HUB,
        native=model,
        inputs=tuple(_spec(tensor) for tensor in model.inputs),
        outputs=tuple(_spec(tensor) for tensor in model.outputs),
        predict=lambda batch: _predict(model, batch),
    )


def _from_file(source: ModelSource, keras: Any, trust: bool) -> Any:
    try:
        return keras.saving.load_model(source.path, compile=False, safe_mode=not trust)
    except Exception as error:
        raise ModelLoadError(
            f"got a .keras file that Keras {keras.__version__} cannot load: {source.ref}: {error}",
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


def _check_file(path: Path, *, trust: bool) -> None:
    """Refuse a file that is no .keras archive, or that would run code, before Keras sees it."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as member:
            # What is longer than allowed is cut off, and then is no JSON.
            classes = list(_classes(json.loads(member.read(MAX_CONFIG_BYTES))))
    except Exception as error:  # a hostile archive can make the readers raise anything
        raise ModelLoadError(
            f"got a file that is no whole .keras archive: {path}: {error}",
            "it may be truncated; copy it again, or save the model again",
        ) from error
    lambdas = [name for kind, name in classes if kind in {"Lambda", "__lambda__"}]
    if lambdas and not trust:
        raise ModelLoadError(
            f"got a Lambda layer in {path}: {', '.join(lambdas)}; loading it would run its code",
            "rewrite it as a layer class, or give --trust if you know where the file is from",
        )


def _classes(node: Any) -> Iterator[tuple[str, str]]:
    """Yield the class and name of every object in a Keras config."""
    if isinstance(node, dict):
        kind, inner = node.get("class_name"), node.get("config")
        if isinstance(kind, str):
            yield kind, str(inner.get("name", kind)) if isinstance(inner, dict) else kind
        for value in node.values():
            yield from _classes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _classes(value)


def _spec(tensor: Any) -> TensorSpec:
    shape = tuple(-1 if size is None else int(size) for size in tensor.shape)
    return TensorSpec(name=tensor.name, shape=shape, dtype=tensor.dtype)


def _predict(model: Any, batch: Array) -> Array:
    """Return the outputs for `batch`; a model of fixed batch size is fed as it wants."""
    size = model.inputs[0].shape[0] or len(batch)
    parts = [
        np.asarray(model(batch[start : start + size], training=False))
        for start in range(0, len(batch), size)
    ]
    return np.concatenate(parts)
