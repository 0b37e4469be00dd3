"""Samples first: the batch of an ONNX model, and its other sizes, fixed for one sample."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import ModelLoadError
from edgekit.formats.onnx.file import graphs, reads, run_zeros, session

# For each input in order, the shapes that one sample may have.
Shapes = tuple[tuple[tuple[int, ...], ...], ...]

# How many rows these give depends on the values that they read.
OPEN_ENDED = {"NonMaxSuppression", "NonZero", "Unique", "Compress", "Loop", "If", "ImageDecoder"}
# What exporters write for a size without a name.
UNNAMED = {"", "?"}


def given_to_inputs(model: Any, path: Path) -> tuple[str, ...]:
    """Put a batch of 1 before inputs that have none, in place: states, numbers; return notes.

    An input has none where it is one number or one row of them, or where its first size is fixed
    to more than 1 while another input's is not. Raises `ModelLoadError` where every other is fixed.
    """
    items = _fed(model)
    without = [item for item in items if _first(item) not in {-1, 1}]
    fixed = [item for item in without if len(item.type.tensor_type.shape.dim) > 1]
    if len(fixed) == len(items):
        raise ModelLoadError(
            f"got input '{fixed[0].name}', whose batch is fixed to {_first(fixed[0])}, "
            f"expected 1 or open: {path}",
            "export the model with a batch of 1, samples first",
        )
    if not without:
        return ()
    for item in without:
        inner = f"{item.name}/sample"
        for graph in graphs(model):
            for node in graph.node:
                node.input[:] = [inner if name == item.name else name for name in node.input]
        model.graph.node.insert(0, _node(model, "Squeeze", item.name, inner))
        item.type.tensor_type.shape.CopyFrom(_before(1, item.type.tensor_type.shape))
    _close_batch(items)
    names = ", ".join(f"'{item.name}'" for item in without)
    return (f"the batch is 1, for {names} had none: each was given one, as its first size",)


def _close_batch(items: list[Any]) -> None:
    """Fix the batch to 1, wherever its name stands."""
    dims = [item.type.tensor_type.shape.dim for item in items]
    names = {sizes[0].dim_param for sizes in dims} - UNNAMED
    for sizes in dims:
        for i, dim in enumerate(sizes):
            if i == 0 or dim.dim_param in names:
                dim.dim_value = 1


def given_to_outputs(single: Any, path: Path) -> tuple[str, ...]:
    """Put a batch of 1 before outputs that do not begin with one, in place; return notes.

    Raises `ModelLoadError` for an output that is no tensor of numbers, or whose size depends on
    the values of the inputs, naming the operator that makes it so.
    """
    found = run_zeros(single, 1, path)
    sizes = [value.shape for value in session(single, path).get_outputs()]
    without = []
    for item, array, declared in zip(single.graph.output, found, sizes, strict=True):
        if not hasattr(array, "dtype") or array.dtype.kind not in "fiub":
            raise ModelLoadError(
                f"got output '{item.name}', which is no tensor of numbers, expected one: {path}",
                "export the model with plain tensors as its inputs and outputs",
            )
        if not all(isinstance(size, int) for size in declared):
            _refuse_open_ended(single, item.name, path)
        if not array.size:
            raise ModelLoadError(
                f"got output '{item.name}' of shape {array.shape}, which is empty: {path}",
                "remove the output from the model",
            )
        if array.shape[:1] != (1,):
            without.append(item.name)
    for name in without:
        inner = f"{name}/sample"
        for node in single.graph.node:
            node.output[:] = [inner if n == name else n for n in node.output]
            node.input[:] = [inner if n == name else n for n in node.input]
        single.graph.node.append(_node(single, "Unsqueeze", inner, name))
    names = ", ".join(f"'{name}'" for name in without)
    if not without:
        return ()
    return (f"the batch is 1, and output {names} does not begin with it: it was put there",)


def _refuse_open_ended(model: Any, output: str, path: Path) -> None:
    """Refuse an output behind an operator that gives as many rows as the values ask for."""
    node = next((n for n in _behind(model.graph, output) if n.op_type in OPEN_ENDED), None)
    if node is None:
        return
    fed = [item.name for item in _fed(model)]
    wanted = [name for name in reads(node) if name in _computed(model.graph)]
    raise ModelLoadError(
        f"got output '{output}', whose size depends on what the model is fed, by {node.op_type} "
        f"at node '{node.name}': a file for a device has fixed sizes: {path}",
        f"cut the graph before it, and do the rest in the app: onnx.utils.extract_model("
        f"'{path.name}', 'cut.onnx', {fed}, {wanted or ['NAME']})",
    )


def _behind(graph: Any, output: str) -> Iterator[Any]:
    """Yield the nodes that an output is computed by, the nearest to it last."""
    needed, found = {output}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(reads(node))
            found.append(node)
    yield from reversed(found)


def _computed(graph: Any) -> set[str]:
    return {name for node in graph.node for name in node.output}


def close(model: Any, shapes: Shapes, path: Path) -> None:
    """Fix all sizes but the batch, in place: by the shapes, or by a name that one has fixed.

    Raises `ModelLoadError` naming the sizes that stay open.
    """
    items, sizes = _fed(model), dict[str, int]()
    for item, candidates in zip(items, shapes, strict=False):
        dims = item.type.tensor_type.shape.dim[1:]
        shape = next((shape for shape in candidates if _fits(dims, shape)), None)
        if shape is None:
            sizes_now = tuple(dim.dim_value if dim.dim_value > 0 else -1 for dim in dims)
            raise ModelLoadError(
                f"got --input {','.join(map(str, candidates[-1]))} for input '{item.name}' of "
                f"shape {sizes_now}, where -1 is open: {path}",
                "give a shape that fits, or none where all sizes are fixed",
            )
        for dim, size in zip(dims, shape, strict=False):
            if dim.dim_value <= 0:
                sizes[dim.dim_param] = size
                dim.dim_value = size
    for item in items:
        dims = item.type.tensor_type.shape.dim
        for dim in dims[1:]:
            if dim.dim_value <= 0 and dim.dim_param in sizes.keys() - UNNAMED:
                dim.dim_value = sizes[dim.dim_param]
        still = [
            f"number {i}" if dim.dim_param in UNNAMED else dim.dim_param
            for i, dim in enumerate(dims)
            if i and dim.dim_value <= 0
        ]
        if still:
            raise ModelLoadError(
                f"got open dimensions in input '{item.name}': {', '.join(still)}, "
                f"expected only the batch to be open: {path}",
                "give one sample's shape to --input, once for each input in the order "
                f"{', '.join(item.name for item in items)}; or export with fixed sizes",
            )


def _fits(dims: Any, shape: tuple[int, ...]) -> bool:
    if not len(dims):
        return shape == (1,)  # one number: nobody can give a shape of none
    pairs = zip(dims, shape, strict=False)
    return len(dims) == len(shape) and all(d.dim_value in {*range(-1, 1), s} for d, s in pairs)


def of(model: Any, size: int) -> Any:
    """Return a copy for a batch of this size; shapes noted inside are forgotten, to be inferred."""
    copy = type(model).FromString(model.SerializeToString())
    for item in _fed(copy):
        item.type.tensor_type.shape.dim[0].dim_value = size
    del copy.graph.value_info[:]
    for item in copy.graph.output:
        item.type.tensor_type.ClearField("shape")
    return copy


def _fed(model: Any) -> list[Any]:
    known = {item.name for item in model.graph.initializer}
    return [item for item in model.graph.input if item.name not in known]


def _first(item: Any) -> int:
    """Return the first size; -1 where it is open, 0 for a single number."""
    dims = item.type.tensor_type.shape.dim
    if not dims:
        return 0
    return dims[0].dim_value if dims[0].dim_value > 0 else -1


def _before(size: int, shape: Any) -> Any:
    result = type(shape)()
    result.dim.add().dim_value = size
    result.dim.extend(shape.dim)
    return result


def _node(model: Any, name: str, source: str, result: str) -> Any:
    """Return a Squeeze or Unsqueeze of the first axis, as the model's opset writes it."""
    import onnx

    opset = next((e.version for e in model.opset_import if e.domain in {"", "ai.onnx"}), 1)
    if opset < 13:
        return onnx.helper.make_node(name, [source], [result], axes=[0])
    axes = onnx.numpy_helper.from_array(np.array([0]), f"{result}/axes")
    model.graph.initializer.append(axes)
    return onnx.helper.make_node(name, [source, axes.name], [result])
