"""Recurrent Keras layers as plain operators: mobile formats have no open-ended loops."""

import functools
from collections.abc import Callable
from typing import Any

from edgekit.core.artifact import FloatModel
from edgekit.core.tensor import TensorSpec
from edgekit.errors import ExportError
from edgekit.formats.loops import MAX_STEPS


def unroll(model: FloatModel) -> None:
    """Make the recurrent layers of a Keras model unroll when it is traced next.

    Raises `ExportError` for a layer of open or too many time steps.
    """
    import keras

    layers = model.native._flatten_layers()  # noqa: SLF001 - the public way misses nested wrappers
    unroll_layers(
        [layer for layer in layers if isinstance(layer, keras.layers.RNN)],
        lambda: traced(caller(model.native), model.inputs, batch=1),
    )


def unroll_layers(recurrent: list[Any], trace: Callable[[], Any]) -> None:
    """Make layers, of Keras 2 or 3, unroll when their model is traced next; `trace` does it once.

    Raises `ExportError` as `unroll` does.
    """
    found = _steps(recurrent, trace) if recurrent else {}
    for layer in recurrent:
        if layer.stateful:
            raise ExportError(
                f"got a stateful layer, {layer.name} ({type(layer).__name__}): a converted file "
                "forgets its state after each run",
                "build the model with stateful=False, or give the state as an input",
            )
        # A layer inside of a layer may never be called.
        steps = found.get(id(layer), 0)
        if steps is None or steps > MAX_STEPS:
            raise ExportError(
                f"got {steps or 'an open number of'} time steps in layer {layer.name} "
                f"({type(layer).__name__}), expected at most {MAX_STEPS}",
                "fix a shorter sequence length: --input STEPS,FEATURES where the model leaves it "
                "open, else keras.Input((steps, features))",
            )
        layer.unroll = True
        # Keras 2 chose when the layer was made: by a function of its own, which is no operator.
        layer._could_use_gpu_kernel = False  # noqa: SLF001


def _steps(recurrent: list[Any], trace: Callable[[], Any]) -> dict[int, int | None]:
    """Return how many time steps each layer is called with, by its id: traced, for some are inside.

    A layer that is called with several numbers has the largest; one that is open has None.
    """
    found: dict[int, int | None] = {}

    def recording(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(sequences: Any, *more: Any, **named: Any) -> Any:
            steps = sequences.shape[1]
            before = found.get(id(layer), 0)
            found[id(layer)] = None if steps is None or before is None else max(before, steps)
            return call(sequences, *more, **named)

        return functools.wraps(call)(recorded)

    for layer in recurrent:
        layer.call = recording(layer, layer.call)
    try:
        trace()
    finally:
        for layer in recurrent:
            del layer.call
    return found


def traced(
    call: Callable[[list[Any]], Any], inputs: tuple[TensorSpec, ...], *, batch: int | None
) -> Any:
    """Return `call` as a concrete function of `inputs`, with a batch or an open one."""
    import tensorflow as tf

    specs = [
        tf.TensorSpec((batch, *(None if n < 0 else n for n in spec.shape[1:])), spec.dtype)
        for spec in inputs
    ]
    function = tf.function(lambda *tensors: call(list(tensors)), autograph=False)
    return function.get_concrete_function(*specs)


def caller(model: Any) -> Callable[[list[Any]], Any]:
    """Return a function of a Keras model's inputs, in the order of `model.inputs`, in a list."""
    import keras

    return lambda tensors: model(call_arguments(model, tensors, keras), training=False)


def call_arguments(model: Any, tensors: list[Any], keras: Any) -> Any:
    """Return `tensors`, in the order of `model.inputs`, as the model wants to be called."""
    structure = getattr(model, "_inputs_struct", None)
    if structure is None:
        return tensors[0] if len(tensors) == 1 else tensors
    return keras.tree.pack_sequence_as(structure, tensors)
