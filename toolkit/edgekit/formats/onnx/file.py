"""Reading `.onnx` files: refused where broken or unsafe; run and folded by ONNX Runtime.

ONNX Runtime is the reference; nothing here needs torch.
"""

import heapq
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.onnx.session import Optimized, open_session

# Protobuf itself ends here.
MAX_BYTES = 2**31 - 1

TRUNCATED = "it may be truncated; copy it again, or export the model again"
SORTED_NOTE = "the nodes of the file are not in the order of their reading: put in order"


def parse(path: Path) -> Any:
    """Return the checked `onnx.ModelProto` in `path`, as `read` does."""
    return read(path)[0]


def read(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return the checked `onnx.ModelProto` in `path`, external data included, and notes.

    Raises `ModelLoadError` for a file that is too large, broken or empty, or whose external data
    lies outside its folder.
    """
    import onnx

    if path.stat().st_size > MAX_BYTES:
        raise ModelLoadError(
            f"got a file of {path.stat().st_size} bytes, expected at most {MAX_BYTES}: {path}",
            "edgekit converts models for small devices; export a smaller one",
        )
    try:
        model = onnx.load_from_string(path.read_bytes())
        has_nodes = bool(model.graph.node)
    except Exception as error:  # the parser's own errors share no class
        raise _broken(path, error) from error
    if not has_nodes:
        raise ModelLoadError(
            f"got no graph, or one without nodes: {path}",
            "it may be another kind of file, or truncated; export it again",
        )
    folder = _check_external(model, path)
    try:
        onnx.load_external_data_for_model(model, str(folder))
        is_moved = _put_in_order(model.graph)
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise _broken(path, error, "ONNX's checker refuses it; export the model again") from error
    except Exception as error:  # a hostile file can make the checker raise anything
        raise _broken(path, error) from error
    return model, (SORTED_NOTE,) if is_moved else ()


def _put_in_order(graph: Any) -> bool:
    """Sort the nodes, each behind what it reads, in place; return whether any was moved.

    ONNX Runtime takes nodes in any order, and its own float16 converter writes its casts last.
    """
    maker = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needs = [{maker[n] for n in reads(node) if n in maker} - {i} for i, node in
             enumerate(graph.node)]  # fmt: skip
    if all(max(before, default=-1) < i for i, before in enumerate(needs)):
        return False
    readers: list[list[int]] = [[] for _ in needs]
    for i, before in enumerate(needs):
        for j in before:
            readers[j].append(i)
    ready = [i for i, before in enumerate(needs) if not before]
    nodes, order = list(graph.node), []
    while ready:
        order.append(heapq.heappop(ready))
        for i in readers[order[-1]]:
            needs[i].discard(order[-1])
            if not needs[i]:
                heapq.heappush(ready, i)
    if len(order) == len(nodes):  # else there is a cycle, which the checker names
        del graph.node[:]
        graph.node.extend(nodes[i] for i in order)
    return len(order) == len(nodes)


def reads(node: Any) -> Iterator[str]:
    """Yield the names of all that a node reads, its branches and loops included."""
    yield from node.input
    for item in node.attribute:
        for graph in (item.g, *item.graphs):
            for inner in graph.node:
                yield from reads(inner)
            yield from (value.name for value in graph.output)


def _broken(path: Path, error: Exception, hint: str = TRUNCATED) -> ModelLoadError:
    reason = " ".join(str(error).split())
    return ModelLoadError(
        f"got a broken .onnx file: {path}: {type(error).__name__}: {reason}",
        hint,
    )


def _check_external(model: Any, path: Path) -> Path:
    """Refuse weights outside the model's folder, or larger than their file; return their folder.

    A model that is a link, as in Hugging Face's cache, has its weights where it points to; they
    are named by that place, in `model`: ONNX follows no links.
    """
    folder, behind, total = path.parent.resolve(), path.resolve().parent, 0
    base = folder
    for tensor in tensors(model):
        if tensor.data_location != tensor.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        file = (folder / location).resolve()
        is_inside = file.is_relative_to(folder) or file.parent == behind
        if not location or Path(location).is_absolute() or not is_inside:
            raise ModelLoadError(
                f"got weights outside the model's folder: '{location}' in {path}",
                "put the model and its weights into one folder, and save it again",
            )
        if not file.is_file():
            raise ModelLoadError(
                f"got no file {location}, which holds weights of {path}",
                "copy it beside the model",
            )
        try:
            start = int(entries.get("offset") or 0)
            length = int(entries.get("length") or file.stat().st_size - start)
        except ValueError as error:
            raise _broken(path, error) from error
        if min(start, length) < 0 or start + length > file.stat().st_size:
            raise ModelLoadError(
                f"got {file.stat().st_size} bytes in {location}, expected {start + length}",
                "it may be truncated; copy it again",
            )
        total += length
        if file.parent == behind != folder:
            next(e for e in tensor.external_data if e.key == "location").value = file.name
            base = behind
    if total > MAX_BYTES:
        raise ModelLoadError(
            f"got {total} bytes of weights, expected at most {MAX_BYTES}: {path}",
            "edgekit converts models for small devices; export a smaller one",
        )
    return base


def tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor in the model, those of subgraphs and functions included."""
    for graph in graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes(model):
        for item in node.attribute:
            yield from (item.t, *item.tensors)
            for sparse in (item.sparse_tensor, *item.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def nodes(model: Any) -> Iterator[Any]:
    """Yield every node in the model, those of subgraphs and functions included."""
    waiting = [*model.graph.node, *(node for f in model.functions for node in f.node)]
    while waiting:
        node = waiting.pop()
        yield node
        for item in node.attribute:
            for graph in (item.g, *item.graphs):
                waiting += graph.node


def graphs(model: Any) -> Iterator[Any]:
    """Yield the graph, and those of its branches and loops."""
    yield model.graph
    for node in nodes(model):
        for item in node.attribute:
            yield from ([item.g] if item.HasField("g") else [])
            yield from item.graphs


def inputs_of(model: Any) -> tuple[TensorSpec, ...]:
    """Return what the model is fed; -1 stands for an open dimension."""
    known = {item.name for item in model.graph.initializer}
    return tuple(_spec(item) for item in model.graph.input if item.name not in known)


def outputs_of(model: Any) -> tuple[TensorSpec, ...]:
    """Return what the model gives, as far as it is tensors of numbers."""
    return tuple(_spec(item) for item in model.graph.output if is_numeric(item))


def is_numeric(item: Any) -> bool:
    """Whether an input or output is a tensor, and not of text."""
    kind = item.type.tensor_type.elem_type
    return item.type.HasField("tensor_type") and kind not in {0, 8}  # 8: text


def _spec(item: Any) -> TensorSpec:
    import onnx

    kind = item.type.tensor_type
    if not is_numeric(item):
        raise ModelLoadError(
            f"got '{item.name}', which is no tensor of numbers, expected one",
            "export the model with plain tensors as its inputs and outputs",
        )
    # Some exporters write 0 or -1 for a size that they do not know.
    sizes = (dim.dim_value if dim.dim_value > 0 else -1 for dim in kind.shape.dim)
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    return TensorSpec(name=item.name, shape=tuple(sizes), dtype=dtype)


def fold(model: Any, path: Path) -> Any:
    """Return the model as ONNX Runtime's basic optimizations leave it: standard ops, folded.

    Raises `ModelLoadError` with the runtime's own reason where it refuses the model.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "folded.onnx"
        # Its reshapes around a matrix product would stand in the way of the delegate.
        session(model, path, Optimized(file, "BASIC", without=("MatMulAddFusion",)))
        return onnx.load(file)


def session(model: Any, path: Path, written: Optimized | None = None) -> Any:
    """Return an ONNX Runtime session of `model`; `path` names it in errors.

    Raises `ModelLoadError` with the runtime's own reason where it refuses the model.
    """
    import onnxruntime

    try:
        return open_session(model.SerializeToString(), written)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ModelLoadError(
            f"got a model that ONNX Runtime {onnxruntime.__version__} refuses: {path}: {reason}",
            "check it where it was exported: onnxruntime.InferenceSession('model.onnx')",
        ) from error


def run_zeros(model: Any, batch: int, path: Path) -> list[Any]:
    """Return the outputs for zeros. Raises `ModelLoadError` where the model does not run so."""
    fed = {spec.name: np.zeros((batch, *spec.shape[1:]), spec.dtype) for spec in inputs_of(model)}
    try:
        return list(session(model, path).run(None, fed))
    except ModelLoadError:
        raise
    except Exception as error:
        raise ModelLoadError(
            f"got a model that ONNX Runtime cannot run on one sample of zeros: {path}: "
            f"{' '.join(str(error).split())}",
            "check it where it was exported, with a batch of 1",
        ) from error


def op_histogram(model: Any) -> dict[str, int]:
    """Return how many nodes of each op the graph has; other domains than ai.onnx are named."""
    counts = Counter(
        f"{node.domain}:{node.op_type}" if node.domain not in {"", "ai.onnx"} else node.op_type
        for node in model.graph.node
    )
    return dict(sorted(counts.items()))
