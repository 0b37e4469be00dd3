"""`.keras` and `.h5` files, read as what they are: no framework, and nothing in them runs."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit.core.artifact import FloatModel
from edgekit.core.facts import Facts
from edgekit.core.tensor import TensorSpec
from edgekit.formats.keras import file as keras_file

SUFFIXES = (".keras", *keras_file.H5_SUFFIXES)


def inspect(path: Path) -> Facts:
    """Return the inputs, the layers, and the Keras version that saved them.

    A file does not say what its outputs are: Keras computes that.
    """
    config = keras_file.read_config(path)
    inner = config.get("config")
    layers = inner.get("layers", []) if isinstance(inner, dict) else []
    counts = Counter(str(layer.get("class_name")) for layer in layers)
    shape = (config.get("build_config") or {}).get("input_shape")
    return Facts(
        format="keras",
        inputs=tuple(_inputs(inner, layers)),
        more={
            "saved_by": f"keras {keras_file.version(path)}",
            "model": str(config.get("class_name", "unknown")),
            "input_shape": tuple(shape) if shape and _is_shape(shape) else None,
            "layers": dict(sorted(counts.items())),
        },
    )


def _inputs(model: Any, layers: Any) -> Iterator[TensorSpec]:
    """Yield what the layers say of inputs of numbers, in the order that the model takes them in."""
    given = [each for each in layers if each.get("class_name") == "InputLayer"] or layers[:1]
    order = list(_names(model.get("input_layers", []))) if isinstance(model, dict) else []
    configs = [each["config"] for each in given]
    for config in sorted(
        configs, key=lambda each: order.index(each["name"]) if each["name"] in order else -1
    ):
        shape = config.get("batch_shape", config.get("batch_input_shape"))
        dtype = _dtype(config.get("dtype"))
        if _is_shape(shape) and dtype != "string":
            sizes = tuple(-1 if size is None else size for size in shape)
            yield TensorSpec(name=config["name"], shape=sizes, dtype=dtype)


def _names(node: Any) -> Iterator[str]:
    """Yield every text in nested lists: `[name, 0, 0]`, or a list of such."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list | dict):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _names(each)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(size is None or type(size) is int for size in shape)


def _dtype(dtype: Any) -> str:
    """Return the type that is computed in: where Keras 2 writes a name, Keras 3 may a policy."""
    name = dtype["config"]["name"] if isinstance(dtype, dict) else dtype
    return str(name or "float32").removeprefix("mixed_")


def describe(model: FloatModel) -> Facts:
    """Return the I/O, layers and parameters of a model that is alive in this process."""
    layers = Counter(type(layer).__name__ for layer in model.native.layers)
    return Facts(
        format="keras",
        inputs=model.inputs,
        outputs=model.outputs,
        more={
            "layers": dict(sorted(layers.items())),
            "parameters": int(model.native.count_params()),
        },
    )
