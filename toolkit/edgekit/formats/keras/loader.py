"""Keras models: `.keras` files, `.h5` files of Keras 2 and 3, factories that return a model."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core import layout as layouts
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.tensor import Arrays, Layout, TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats import factory, graph
from edgekit.formats.keras import building, keras2
from edgekit.formats.keras import file as keras_file
from edgekit.formats.keras.tracing import call_arguments, caller, traced

SUFFIXES = (".keras", *keras_file.H5_SUFFIXES)
HUB = "keras"
LAYOUT: Layout = "NHWC"
PACKAGES = ("tensorflow", "keras")
OPTIONAL = (keras2.PACKAGE,)


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the model. Code inside the file (Lambda layers) runs only with `trust`.

    Raises `ModelLoadError` for a broken or unsafe file.
    """
    if source.factory is None:
        keras_file.check(Path(source.path), trust=trust)
    import keras

    keras.utils.set_random_seed(seed)
    if source.factory:
        return _float_model(source, card, _from_factory(source, card, keras), ())
    path = Path(source.path)
    try:
        model, notes = _from_file(source, path, keras, trust)
    except ModelLoadError as error:
        if not keras_file.is_keras2(path):
            raise
        return keras2.load(source, card, trust=trust, first=error)
    return _float_model(source, card, model, notes)


def _float_model(
    source: ModelSource, card: ModelCard, model: Any, notes: tuple[str, ...]
) -> FloatModel:
    """Return the model in float32, its open sizes fixed by the card's shapes."""
    import keras

    model = building.functional(model, source, card, keras)
    building.refuse_text(model, source.ref)
    model, widened = building.in_float32(model, keras)
    inputs = tuple(building.spec_of(tensor) for tensor in model.inputs)
    fixed, shaped = layouts.fixed(inputs, card.sample_shapes("keras"))
    return FloatModel(
        source=source,
        hub=HUB,
        native=model,
        inputs=fixed,
        outputs=_outputs(model, fixed, keras),
        predict=lambda batch: _predict(model, keras, batch),
        layout=LAYOUT,
        notes=(*notes, *widened, *shaped),
        limits=_limits(model, fixed),
    )


def _outputs(model: Any, inputs: tuple[TensorSpec, ...], keras: Any) -> tuple[TensorSpec, ...]:
    """Return the outputs, with the sizes that follow where inputs were fixed."""
    own = tuple(map(building.spec_of, model.outputs))
    if inputs == tuple(map(building.spec_of, model.inputs)):
        return own
    symbols = [keras.Input(spec.shape[1:], dtype=spec.dtype) for spec in inputs]
    found = keras.tree.flatten(model(call_arguments(model, symbols, keras), training=False))
    shapes = [building.spec_of(tensor).shape for tensor in found]
    return tuple(o.model_copy(update={"shape": s}) for o, s in zip(own, shapes, strict=True))


def _limits(model: Any, inputs: tuple[TensorSpec, ...]) -> dict[str, tuple[float, float]]:
    """Return the smallest and largest whole numbers that the model's embeddings have rows for."""
    if not any(spec.dtype.startswith(("int", "uint")) for spec in inputs):
        return {}
    return graph.limits(traced(caller(model), inputs, batch=1), inputs)


def _from_file(
    source: ModelSource, path: Path, keras: Any, trust: bool
) -> tuple[Any, tuple[str, ...]]:
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
            f"got a file that Keras {keras.__version__} cannot load: {source.ref}: {reason(error)}",
            _hint(error, source.ref),
        ) from error


def _hint(error: Exception, ref: str) -> str:
    if keras_file.lacks_class(error):
        code = f"edgekit convert file.py:factory --weights {ref}"
        return f"its own classes are not in the file; name the code that builds it: {code}"
    return "load it where it was trained and save it again with model.save('model.keras')"


def _from_factory(source: ModelSource, card: ModelCard, keras: Any) -> Any:
    model = factory.call(source)
    if not isinstance(model, keras.Model):
        raise ModelLoadError(
            f"got {type(model).__name__} from {source.ref}, expected a keras.Model",
            "give --framework torch for a PyTorch factory",
        )
    if source.weights:
        # A subclassed model has its variables once it is called.
        built = building.functional(model, source, card, keras)
        try:
            keras_file.check_weights(Path(source.weights))
            model.load_weights(source.weights)
        except ModelLoadError:
            raise
        except Exception as error:
            raise ModelLoadError(
                f"got weights that do not fit {source.ref}: {source.weights}: {error}",
                "give the .weights.h5 or .keras file of this very architecture",
            ) from error
        model = built
    return model


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
