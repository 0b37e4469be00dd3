"""ONNX models made ready to convert: refused where unfit, made static and folded otherwise."""

import math
from pathlib import Path
from typing import Any, NamedTuple

from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.onnx import batch, dequantize, faithful, opsets, precision
from edgekit.formats.onnx.file import fold, inputs_of, nodes, read, reads, run_zeros

MAX_INPUT_ELEMENTS = 2**28
DTYPES = ("float32", "int32", "int64", "bool", "uint8", "int8")

ML = "ai.onnx.ml"
DOMAINS = {"", "ai.onnx", ML, "com.microsoft"}


class Prepared(NamedTuple):
    """A model to convert: `original` is what ONNX Runtime runs, `static` what is imported.

    `original` has open dimensions closed, except the batch, and only the outputs that are kept;
    `static` has a batch of 1 and is folded. `notes` say what was left out.
    """

    original: Any
    static: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    notes: tuple[str, ...]


def prepare(path: Path, shapes: batch.Shapes = ()) -> Prepared:
    """Return the model in `path`, ready to convert.

    `shapes` have, for each input in order, those that one sample may have, where its dimensions
    are open beyond the batch. Raises `ModelLoadError` by name for all that cannot be converted.
    """
    model, notes = read(path)
    opsets.declare(model, path)
    _check_nodes(model, path)
    notes += precision.to_float32(model)
    undone = dequantize.to_float(model, path)
    notes += undone.notes + _keep_tensors(model)
    _check_types(model, path)
    notes += batch.given_to_inputs(model, path)
    batch.close(model, shapes, path)
    _check_sizes(model, path)
    single = batch.of(model, 1)
    given = batch.given_to_outputs(single, path)
    raised, more = opsets.raised(single, path)
    static, notes = fold(opsets.spelt_out(raised), path), notes + given + more
    if undone.file is not None:
        faithful.check(undone, static, path)
    inputs, outputs = inputs_of(model), _outputs(single, path)
    # An output may begin with the batch where there are two samples, and lack it for one: `given`.
    is_open = not given and all(spec.shape[0] == -1 for spec in inputs)
    if not is_open or not _takes_two(model, outputs):
        return Prepared(single, static, inputs_of(single), outputs, notes)
    outputs = tuple(o.model_copy(update={"shape": (-1, *o.shape[1:])}) for o in outputs)
    return Prepared(model, static, inputs, outputs, notes)


def _check_nodes(model: Any, path: Path) -> None:
    """Refuse foreign ops by name."""
    ops = [(node.domain, node.op_type) for node in nodes(model)]
    local = {(function.domain, function.name) for function in model.functions}
    foreign = sorted({f"{d}:{n}" for d, n in ops if d not in DOMAINS and (d, n) not in local})
    if foreign:
        raise ModelLoadError(
            f"got ops of other domains than ONNX's: {', '.join(foreign)} in {path}",
            "export the model with standard ops",
        )


def _keep_tensors(model: Any) -> tuple[str, ...]:
    """Leave out the labels of a classifier from ai.onnx.ml, and take apart its maps."""
    graph = model.graph
    if not any(node.domain == ML for node in graph.node):
        return ()
    import onnx

    inside = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "ZipMap"}
    real = onnx.TensorProto.FLOAT
    dropped, kept = [], []
    for item in graph.output:
        if item.name in inside:
            kept.append(onnx.helper.make_tensor_value_info(inside[item.name], real, None))
        elif item.type.tensor_type.elem_type == real:
            kept.append(item)
        else:
            dropped.append(item.name)
    if not kept:
        raise ModelLoadError(
            f"got outputs {', '.join(dropped)}, expected one of float32",
            "export a classifier that gives its probabilities",
        )
    kept = [type(item).FromString(item.SerializeToString()) for item in kept]
    del graph.output[:]
    graph.output.extend(kept)
    _drop_dead_nodes(graph)
    return tuple(f"output '{name}' is left out: it holds labels, not numbers" for name in dropped)


def _drop_dead_nodes(graph: Any) -> None:
    needed = {item.name for item in graph.output}
    alive = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(reads(node))
            alive.append(node)
    del graph.node[:]
    graph.node.extend(reversed(alive))


def _check_types(model: Any, path: Path) -> None:
    inputs = inputs_of(model)
    wrong = [f"{s.name}: {s.dtype}" for s in inputs if s.dtype not in DTYPES]
    if wrong or not inputs:
        raise ModelLoadError(
            f"got inputs {', '.join(wrong) or 'none'} in {path}, expected {', '.join(DTYPES)}",
            "export the model in float32",
        )


def _check_sizes(model: Any, path: Path) -> None:
    for spec in inputs_of(model):
        if math.prod(abs(size) for size in spec.shape) > MAX_INPUT_ELEMENTS:
            raise ModelLoadError(
                f"got input '{spec.name}' of shape {spec.shape}, "
                f"expected at most {MAX_INPUT_ELEMENTS} elements: {path}",
                "export the model with the shape of a real input",
            )


def _outputs(single: Any, path: Path) -> tuple[TensorSpec, ...]:
    """Return the outputs at a batch of 1 as they are when run."""
    names = [item.name for item in single.graph.output]
    return tuple(
        TensorSpec(name=name, shape=array.shape, dtype=array.dtype.name)
        for name, array in zip(names, run_zeros(single, 1, path), strict=True)
    )


def _takes_two(model: Any, outputs: tuple[TensorSpec, ...]) -> bool:
    """Whether the model really takes more than one sample at once: some only declare it."""
    try:
        found = run_zeros(model, 2, Path())
    except ModelLoadError:  # whatever the reason, it takes one at a time
        return False
    shapes = [tuple(array.shape) for array in found]
    return shapes == [(2, *spec.shape[1:]) for spec in outputs]
