"""Making a Keras model one of fixed inputs and float32 layers, whatever its author left open."""

import inspect
from typing import Any

from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError

# Layers that read text, or look values up in tables that no device's runtime has.
TABLES = ("TextVectorization", "StringLookup", "IntegerLookup", "Hashing", "HashedCrossing")


def spec_of(tensor: Any) -> TensorSpec:
    """Return the name, shape and dtype of an input or output, of Keras 2 or 3."""
    shape = tuple(-1 if size is None else int(size) for size in tensor.shape)
    dtype = getattr(tensor.dtype, "name", tensor.dtype)
    return TensorSpec(name=tensor.name, shape=shape, dtype=dtype)


def functional(model: Any, source: ModelSource, card: ModelCard, keras: Any) -> Any:
    """Return the model with inputs and outputs: a subclassed one is called once on the card's.

    Without shapes in the card it is called on the shape that it was built with. Raises
    `ModelLoadError` where it has neither, or does not take them.
    """
    if getattr(model, "inputs", None) and getattr(model, "outputs", None):
        return model
    shapes = card.sample_shapes("keras") or _built_with(model)
    if not shapes:
        raise ModelLoadError(
            f"got a subclassed model that was never built from {source.ref}, expected one of known "
            "input shape",
            "give one sample's shape for each input, --input 224,224,3, or have the factory call "
            "the model once",
        )
    dtypes = card.input_dtypes or ("float32",) * len(shapes)
    if len(dtypes) != len(shapes):
        raise ModelLoadError(
            f"got {len(dtypes)} input_dtypes and the shapes of {len(shapes)} inputs for "
            f"{source.ref}, expected as many",
            "give --input once for each input of the model, and in the card one of input_dtypes "
            "for each",
        )
    try:
        inputs = [keras.Input(s, dtype=d) for s, d in zip(shapes, dtypes, strict=True)]
        return keras.Model(inputs, model(*_as_called(model, inputs)))
    except Exception as error:
        raise ModelLoadError(
            f"got {type(error).__name__} from calling {source.ref} on inputs of "
            f"{' and '.join(map(str, shapes))}: {error}",
            "give the shape of one sample, --input, and input_dtypes in a card where its inputs "
            "are whole numbers",
        ) from error


def _built_with(model: Any) -> tuple[tuple[int, ...], ...]:
    shape = (model.get_build_config() or {}).get("input_shape")
    if not shape or not all(size is None or isinstance(size, int) for size in shape):
        return ()
    return () if None in shape[1:] else (tuple(shape[1:]),)


def _as_called(model: Any, inputs: list[Any]) -> list[Any]:
    """Return the arguments of a call: each input, or all in a list, as `call` is written."""
    parameters = list(inspect.signature(model.call).parameters.values())
    places = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return inputs if len(inputs) in {1, len(places)} else [inputs]


def refuse_text(model: Any, ref: str) -> None:
    """Refuse a model that reads text or looks up in tables. Raises `ModelLoadError`."""
    layers = [each for each in model._flatten_layers() if type(each).__name__ in TABLES]  # noqa: SLF001
    texts = [tensor.name for tensor in model.inputs if tensor.dtype == "string"]
    if not texts and not layers:
        return
    what = f"a string input, {texts[0]}" if texts else "a table of whole numbers"
    where = f" in layer {layers[0].name} ({type(layers[0]).__name__})" if layers else ""
    cannot = "a string input" if texts else "such a table"
    cut = f"after layer {layers[0].name}" if layers else "after what turns the text into numbers"
    raise ModelLoadError(
        f"got {what}{where} of {ref}: {cannot} cannot run on a device",
        f"cut the model {cut}, and look up outside of it: "
        "keras.Model(layer.output, model.outputs).save('model.keras')",
    )


def in_float32(model: Any, keras: Any) -> tuple[Any, tuple[str, ...]]:
    """Return a model whose layers all compute in float32, and say where they did not.

    Mixed precision keeps its variables in float32, so the weights stay what they are. Raises
    `ModelLoadError` for a model that Keras cannot make again from its config.
    """
    policies = {
        layer.dtype_policy.name
        for layer in model._flatten_layers()  # noqa: SLF001 - the public way misses nested ones
        if layer.compute_dtype in {"float16", "bfloat16"}
    }
    if not policies:
        return model, ()
    names = ", ".join(sorted(policies))
    try:
        config = keras.saving.serialize_keras_object(model)
        _widen(config)
        # What is in it has been loaded already.
        wide = keras.saving.deserialize_keras_object(config, safe_mode=False)
        wide.set_weights(model.get_weights())
    except Exception as error:  # the author's layers are asked, and may raise anything
        raise ModelLoadError(
            f"got a model that computes in {names}, and no float32 one from its config: "
            f"{reason(error)}",
            "build it in float32, keras.config.set_dtype_policy('float32'): its weights fit, for "
            "mixed precision keeps them in float32",
        ) from error
    return wide, (f"computes in float32 where the model says {names}; its variables are kept",)


def _widen(node: Any) -> None:
    """Write float32 for every type and policy of half precision in a config, in place."""
    if isinstance(node, list):
        for each in node:
            _widen(each)
        return
    if not isinstance(node, dict):
        return
    halves = {"float16", "bfloat16", "mixed_float16", "mixed_bfloat16"}
    for key, value in node.items():
        if isinstance(value, str) and value in halves:
            node[key] = "float32"
        else:
            _widen(value)
