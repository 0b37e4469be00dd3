"""TensorFlow SavedModels of Keras 2, Keras 3 and plain TensorFlow, frozen to one graph.

Keras 3 and `tf.saved_model.load` refuse what Keras 2 wrote; the loader of TensorFlow 1 rebuilds no
Python objects, only the graph behind a signature, and that is all that a conversion needs.
"""

from pathlib import Path
from typing import Any

from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.tensor import Layout, TensorSpec
from edgekit.errors import EdgekitError, ModelLoadError
from edgekit.formats import graph as graphs
from edgekit.formats.savedmodel import file as savedmodel_file
from edgekit.formats.savedmodel.file import MARKER

SUFFIXES = (".pb",)
HUB = graphs.HUB
LAYOUT: Layout = "NHWC"
PACKAGES = ("tensorflow",)


def folder_of(path: Path) -> Path | None:
    """Return the SavedModel that lies in a folder, or that a graph file belongs to."""
    return savedmodel_file.folder_of(path)


def load(source: ModelSource, card: ModelCard, *, trust: bool, seed: int = 0) -> FloatModel:
    """Load the graph behind the source's signature, or the one that serves.

    Its variables become constants, and the card's shapes fix sizes that it leaves open. Raises
    `ModelLoadError` for a broken folder, for one without a usable signature, and, unless `trust`,
    for a graph that touches files or runs Python.
    """
    del seed  # the weights are in the folder
    folder = Path(source.path)
    signature = savedmodel_file.check(folder / MARKER, source.signature, trust=trust)
    import tensorflow as tf

    try:
        return graphs.model_of(source, _freeze(tf, folder, signature), card)
    except EdgekitError:
        raise
    except Exception as error:  # whatever TensorFlow stumbles over, the folder is to blame
        raise ModelLoadError(
            f"got a SavedModel that TensorFlow {tf.__version__} cannot load: {source.ref}: {error}",
            "copy the whole folder, variables/ as well, or save the model again",
        ) from error


def _freeze(tf: Any, folder: Path, name: str) -> graphs.Graph:
    """Return the graph with its variables as constants, and the signature's inputs and outputs."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        meta = v1.saved_model.load(session, ["serve"], str(folder))
        signature = meta.signature_def[name]
        inputs, outputs = _borders(tf, signature.inputs), _borders(tf, signature.outputs)
        nodes = [each.tensor.split(":")[0] for each in outputs]
        frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), nodes)
    return graphs.Graph(frozen, inputs, outputs)


def _borders(tf: Any, entries: Any) -> tuple[graphs.Border, ...]:
    """Return a signature's tensors by name: the file keeps no other order."""
    return tuple(
        graphs.Border(info.name, _spec(tf, name, info))
        for name, info in sorted(entries.items(), key=lambda item: item[0])
    )


def _spec(tf: Any, name: str, info: Any) -> TensorSpec:
    shape = tuple(int(dim.size) for dim in info.tensor_shape.dim)
    return TensorSpec(name=name, shape=shape, dtype=tf.as_dtype(info.dtype).name)
