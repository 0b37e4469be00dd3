"""ONNX: one float32 file from any framework, tidied and quantized by ONNX Runtime's tools."""

import copy
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit.core import layout as layouts
from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays, Layout, TensorSpec
from edgekit.errors import EdgekitError, ExportError
from edgekit.formats import graph as graphs
from edgekit.formats.keras import tracing
from edgekit.formats.onnx import quantize
from edgekit.formats.onnx.session import Optimized, open_session

SUFFIX = ".onnx"
RUNTIME = "onnxruntime"
HUBS = ("keras", "tensorflow", "torch", "onnx")
PACKAGES = ("onnx", "onnxruntime", "onnxscript", "tf2onnx")

# Read by ONNX Runtime since 1.14; the newest that both converters write without converting again.
OPSET = 18
RECIPES = quantize.RECIPES
TEXTS = ()


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    if recipe.batch_max > 1:
        return "the file has one batch size"
    if recipe.scheme in RECIPES:
        return None
    if recipe.io == "int8":
        return "ONNX Runtime's quantizer keeps float32 inputs and outputs"
    return f"ONNX files are made by {', '.join(RECIPES)}"


def differs_by_cpu(recipe: Recipe) -> bool:
    """Return whether files for CPUs that add int8 products exactly are others: all in int8."""
    return recipe.weight == "int8"


def derives_from(hub: str, recipe: Recipe) -> str | None:
    """Return the format whose fp32 file this is made from: every other recipe's from fp32's."""
    del hub
    return None if recipe.scheme == "fp32" else "onnx"


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path` for a batch of 1: float32 from any hub, the other recipes from that file.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Image models of
    Keras and TensorFlow become NCHW, as ONNX's convolutions are. Raises `ExportError`.
    """
    if recipe.scheme != "fp32" and model.hub != "onnx":
        raise ExportError(f"got recipe {recipe.name} for a {model.hub} model, expected fp32 first")
    try:
        if recipe.scheme == "fp32":
            proto, layout = _float32(model, card)
        else:
            proto = quantize.quantized(
                Path(model.source.path), recipe, samples, full_range=recipe.exact_cpu
            )
            layout = model.layout
    except EdgekitError:
        raise
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from the ONNX tools for {recipe.name}: {reason(error)}",
            "the message names the layer or op; replace it by one that ONNX has",
        ) from error
    path.write_bytes(proto.SerializeToString(deterministic=True))
    return Exported(
        inputs=tuple(_spec(value) for value in proto.graph.input),
        outputs=tuple(_spec(value) for value in proto.graph.output),
        op_histogram=dict(sorted(Counter(node.op_type for node in proto.graph.node).items())),
        layout=layout,
        notes=quantize.notes(full_range=recipe.exact_cpu) if differs_by_cpu(recipe) else (),
    )


def _float32(model: FloatModel, card: ModelCard) -> tuple[Any, Layout]:
    """Return the model as a tidy ModelProto, and how its images lie."""
    if model.hub == "onnx":
        return _with_shapes(_tidy(model.native), model), model.layout
    if model.hub == "torch":
        return _tidy(_from_torch(model)), model.layout
    images = [i for i, s in enumerate(model.inputs) if layouts.is_image(s.name, len(s.shape), card)]
    if model.hub == "keras":
        tracing.unroll(model)
    proto = _from_tensorflow(model, images)
    return _in_order(_tidy(proto)), "NCHW" if images else model.layout


def _with_shapes(proto: Any, model: FloatModel) -> Any:
    """Write the outputs' shapes, of a batch of 1: the standard wants them; folding left none."""
    for value, spec in zip(proto.graph.output, model.outputs, strict=True):
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        for size in (1, *spec.shape[1:]):
            shape.dim.add().dim_value = size
    return proto


def _from_torch(model: FloatModel) -> Any:
    import torch

    example = tuple(
        torch.zeros((1, *spec.shape[1:]), dtype=getattr(torch, spec.dtype)) for spec in model.inputs
    )
    program = torch.onnx.export(
        model.native,
        example,
        dynamo=True,
        opset_version=OPSET,
        input_names=[spec.name for spec in model.inputs],
        output_names=[spec.name for spec in model.outputs],
        verbose=False,
    )
    assert program is not None  # it is None where a file name is given
    return program.model_proto


def _from_tensorflow(model: FloatModel, images: list[int]) -> Any:
    """Trace with a batch of 1 and convert; tf2onnx cancels the transposes that NCHW brings."""
    import tensorflow as tf
    from tf2onnx import convert

    signature = [
        # TensorFlow allows fewer characters in a name than a source may have.
        tf.TensorSpec((1, *spec.shape[1:]), spec.dtype, name=re.sub(r"\W", "_", spec.name))
        for spec in model.inputs
    ]
    traced = tf.function(_caller(model, tf), input_signature=signature)
    concrete = traced.get_concrete_function()
    if any(value.dtype != tf.resource for value in concrete.captured_inputs):
        # Constants that layers hold, as Normalization does, would become inputs of the file.
        plain = graphs.frozen(concrete)
        traced = tf.function(lambda *x: tf.nest.flatten(plain(*x)), input_signature=signature)
    outputs = traced.get_concrete_function().outputs
    proto, _ = convert.from_function(
        traced,
        input_signature=signature,
        opset=OPSET,
        inputs_as_nchw=[signature[i].name for i in images],
        outputs_as_nchw=[t.name for t in outputs if images and len(t.shape) == 4],
    )
    return _renamed(_standard(proto), model)


def _standard(proto: Any) -> Any:
    """Spell out `Erfc(x)`, of Keras' GELU, as 1 - Erf(x): tf2onnx leaves it, and ONNX has none."""
    import onnx

    nodes = []
    for node in proto.graph.node:
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        one, erf = f"{node.output[0]}/one", f"{node.output[0]}/erf"
        value = onnx.helper.make_tensor(one, onnx.TensorProto.FLOAT, [], [1.0])
        proto.graph.initializer.append(value)
        nodes.append(onnx.helper.make_node("Erf", node.input, [erf]))
        nodes.append(onnx.helper.make_node("Sub", [one, erf], node.output, name=node.name))
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto


def _caller(model: FloatModel, tf: Any) -> Callable[..., Any]:
    """Return a function of the inputs, in the model's order, that gives a list of outputs."""
    native = model.native
    if model.hub == "keras":
        import keras

        arguments = tracing.call_arguments
        return lambda *x: tf.nest.flatten(native(arguments(native, list(x), keras), training=False))

    def call(*tensors: Any) -> Any:
        structure = native.structured_input_signature
        positional, named = tf.nest.pack_sequence_as(structure, tensors)
        return tf.nest.flatten(native(*positional, **named))

    return call


def _renamed(proto: Any, model: FloatModel) -> Any:
    """Give inputs and outputs the names that the model's have, where nothing else has them."""
    graph = proto.graph
    layout = [*zip(graph.input, model.inputs, strict=True)]
    layout += zip(graph.output, model.outputs, strict=True)
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    names = {value.name: spec.name for value, spec in layout if spec.name not in taken}
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]
    return proto


def _tidy(proto: Any) -> Any:
    """Return the graph after ONNX Runtime's portable optimisations, with no trace of its making."""
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        open_session(proto.SerializeToString(), Optimized(file, "BASIC"))
        tidy = onnx.load(file)
    used = {node.domain for node in tidy.graph.node}
    kept = [opset for opset in tidy.opset_import if opset.domain in used]
    del tidy.opset_import[:]
    tidy.opset_import.extend(kept)
    # Converters note source lines here, with the paths of the machine they ran on.
    for part in (tidy, tidy.graph, *tidy.graph.node, *tidy.graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    return tidy


def _in_order(proto: Any) -> Any:
    """Sort nodes and weights, and number them, by the way from the outputs to the inputs.

    TensorFlow's own optimizer orders a graph, and picks one name of many for equal constants, by
    hash tables that change from run to run.
    """
    graph = proto.graph
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return proto  # the names inside a branch or loop would have to follow
    nodes = [copy.deepcopy(node) for node in _from_outputs(graph)]
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    weights = {tensor.name for tensor in graph.initializer}
    for node in nodes:
        for side in (node.input, node.output):
            for name in side:
                kind = "constant" if name in weights else node.op_type
                names.setdefault(name, f"/{kind}_{len(names)}")
            side[:] = [names[name] for name in side]
        node.name = node.output[0]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    graph.initializer.sort(key=lambda tensor: tensor.name)
    return proto


def _from_outputs(graph: Any) -> list[Any]:
    """Return the nodes, each after those that it reads from, the first output's first."""
    maker = {name: node for node in graph.node for name in node.output}
    done: dict[str, Any] = {}  # nodes, which protobuf does not type
    # A stack of its own: an unrolled network is deeper than Python's.
    waiting = [maker[value.name] for value in reversed(graph.output) if value.name in maker]
    while waiting:
        node = waiting[-1]
        before = [maker[name] for name in node.input if name in maker]
        missing = [other for other in before if other.output[0] not in done]
        if missing:
            waiting += reversed(missing)
        else:
            done[waiting.pop().output[0]] = node
    return list(done.values())


def _spec(value: Any) -> TensorSpec:
    import onnx

    kind = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in kind.shape.dim)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    return TensorSpec(name=value.name, shape=shape, dtype=dtype.name)
