"""TensorFlow SavedModels of Keras 2, Keras 3 and plain TensorFlow, frozen to one graph.

Keras 3 and `tf.saved_model.load` refuse what Keras 2 wrote; the loader of TensorFlow 1 rebuilds no
Python objects, only the graph behind a signature, and that is all that a conversion needs.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Arrays, Layout, TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.savedmodel import file as savedmodel_file
from edgekit.formats.savedmodel.file import MARKER

SUFFIXES = (".pb",)
HUB = "tensorflow"
LAYOUT: Layout = "NHWC"
PACKAGES = ("tensorflow",)

SIGNATURE = "serving_default"


class SignatureTensor(NamedTuple):
    """One input or output of a signature: its name for the user, and its tensor in the graph."""

    tensor: str
    spec: TensorSpec


def folder_of(path: Path) -> Path | None:
    """Return the SavedModel that lies in a folder, or that a graph file belongs to."""
    return savedmodel_file.folder_of(path)


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the graph behind the serving signature, its variables as constants.

    Raises `ModelLoadError` for a broken folder, for one without a usable signature, and, unless
    `trust`, for a graph that touches files or runs Python.
    """
    del card, seed  # shapes and weights are in the folder
    folder = Path(source.path)
    signature = savedmodel_file.check(folder / MARKER, SIGNATURE, trust=trust)
    import tensorflow as tf

    try:
        frozen, inputs, outputs = _freeze(tf, folder, signature)
        open_batch = _function(tf, frozen, inputs, outputs, batch=None)
        native = _function(tf, frozen, inputs, outputs, batch=1)
    except Exception as error:  # whatever TensorFlow stumbles over, the folder is to blame
        raise ModelLoadError(
            f"got a SavedModel that TensorFlow {tf.__version__} cannot load: {source.ref}: "
            f"{str(error)[:600]}",
            "copy the whole folder, variables/ as well, or save the model again",
        ) from error
    return FloatModel(
        source=source,
        hub=HUB,
        native=native,
        inputs=tuple(each.spec for each in inputs),
        outputs=tuple(each.spec for each in outputs),
        predict=lambda batch: _predict(tf, open_batch, inputs, batch),
        layout=LAYOUT,
    )


def _freeze(
    tf: Any, folder: Path, name: str
) -> tuple[Any, list[SignatureTensor], list[SignatureTensor]]:
    """Return the graph with its variables as constants, and the signature's inputs and outputs."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        meta = v1.saved_model.load(session, ["serve"], str(folder))
        signature = meta.signature_def[name]
        inputs, outputs = _tensors(tf, signature.inputs), _tensors(tf, signature.outputs)
        nodes = [each.tensor.split(":")[0] for each in outputs]
        frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), nodes)
    return frozen, inputs, outputs


def _tensors(tf: Any, entries: Any) -> list[SignatureTensor]:
    """Return a signature's tensors by name: the file keeps no other order."""
    return [
        SignatureTensor(info.name, _spec(tf, name, info))
        for name, info in sorted(entries.items(), key=lambda item: item[0])
    ]


def _spec(tf: Any, name: str, info: Any) -> TensorSpec:
    shape = tuple(int(dim.size) for dim in info.tensor_shape.dim)
    return TensorSpec(name=name, shape=shape, dtype=tf.as_dtype(info.dtype).name)


def _function(
    tf: Any,
    frozen: Any,
    inputs: list[SignatureTensor],
    outputs: list[SignatureTensor],
    *,
    batch: int | None,
) -> Any:
    """Return a concrete function over the frozen graph; `batch` fixes an open first dimension."""

    def run(*tensors: Any) -> Any:
        feeds = {each.tensor: t for each, t in zip(inputs, tensors, strict=True)}
        wanted = [each.tensor for each in outputs]
        return tf.compat.v1.import_graph_def(frozen, feeds, wanted, name="")

    specs = []
    for _, spec in inputs:
        first, rest = spec.shape[0], spec.shape[1:]
        shape = (batch if first < 0 else first, *(None if size < 0 else size for size in rest))
        specs.append(tf.TensorSpec(shape, spec.dtype, name=spec.name))
    return tf.compat.v1.wrap_function(run, specs)


def _predict(tf: Any, function: Any, inputs: list[SignatureTensor], batch: Arrays) -> Arrays:
    n, first = len(batch[0]), inputs[0].spec.shape[0]
    size = first if first > 0 else n
    parts = []
    for start in range(0, n, size):
        rows = [tf.constant(values[start : start + size]) for values in batch]
        parts.append([output.numpy() for output in function(*rows)])
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
