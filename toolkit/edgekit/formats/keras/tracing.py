"""Recurrent Keras layers as plain operators: mobile formats have no open-ended loops."""

from typing import Any

from edgekit.errors import ExportError

# An unrolled step is some ten operators: beyond this, files and conversion times run away.
MAX_STEPS = 512


def unroll(model: Any) -> None:
    """Make the recurrent layers of a Keras `model` unroll when it is traced next.

    Raises `ExportError` for a layer of open or too many time steps.
    """
    import keras

    for layer in model._flatten_layers():  # noqa: SLF001 - the public way misses nested wrappers
        if not isinstance(layer, keras.layers.RNN):
            continue
        if layer.stateful:
            raise ExportError(
                f"got a stateful layer, {layer.name} ({type(layer).__name__}): a converted file "
                "forgets its state after each run",
                "build the model with stateful=False, or give the state as an input",
            )
        # A layer inside of Bidirectional has no input of its own.
        steps = layer.input.shape[1] if layer._inbound_nodes else 0  # noqa: SLF001
        if steps is None or steps > MAX_STEPS:
            raise ExportError(
                f"got {steps or 'an open number of'} time steps in layer {layer.name} "
                f"({type(layer).__name__}), expected at most {MAX_STEPS}",
                "fix a shorter sequence length: keras.Input((steps, features))",
            )
        layer.unroll = True


def call_arguments(model: Any, tensors: list[Any], keras: Any) -> Any:
    """Return `tensors`, in the order of `model.inputs`, as the model wants to be called."""
    structure = getattr(model, "_inputs_struct", None)
    if structure is None:
        return tensors[0] if len(tensors) == 1 else tensors
    return keras.tree.pack_sequence_as(structure, tensors)
