"""Reading `.onnx` files: refused where broken, unsafe or unfit; made static and folded otherwise.

ONNX Runtime is the reference and does the folding; nothing here needs torch.
"""

import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.onnx.session import Optimized, open_session

OPSETS = range(11, 21)
# Protobuf itself ends here.
MAX_BYTES = 2**31 - 1
MAX_INPUT_ELEMENTS = 2**28
DTYPES = ("float32", "int32", "int64", "bool")

ML = "ai.onnx.ml"
DOMAINS = {"", "ai.onnx", ML, "com.microsoft"}
QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinear", "QAttention",
             "QGemm", "ConvInteger", "MatMulInteger", "MatMulNBits", "DynamicQuantize")  # fmt: skip


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


def parse(path: Path) -> Any:
    """Return the checked `onnx.ModelProto` in `path`, external data included.

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
    _check_external(model, path)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
        onnx.checker.check_model(model)
    except Exception as error:  # a hostile file can make the checker raise anything
        raise _broken(path, error) from error
    return model


def _broken(path: Path, error: Exception) -> ModelLoadError:
    reason = " ".join(str(error).split())[:400]
    return ModelLoadError(
        f"got a broken .onnx file: {path}: {type(error).__name__}: {reason}",
        "it may be truncated; copy it again, or export the model again",
    )


def _check_external(model: Any, path: Path) -> None:
    """Refuse weights outside the model's folder, or larger than their file."""
    folder, total = path.parent.resolve(), 0
    for tensor in _tensors(model):
        if tensor.data_location != tensor.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        file = (folder / location).resolve()
        if not location or Path(location).is_absolute() or not file.is_relative_to(folder):
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
    if total > MAX_BYTES:
        raise ModelLoadError(
            f"got {total} bytes of weights, expected at most {MAX_BYTES}: {path}",
            "edgekit converts models for small devices; export a smaller one",
        )


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor in the model, those of subgraphs and functions included."""
    nodes = [*model.graph.node, *(node for f in model.functions for node in f.node)]
    yield from model.graph.initializer
    for sparse in model.graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    while nodes:
        for item in nodes.pop().attribute:
            yield from (item.t, *item.tensors)
            for sparse in (item.sparse_tensor, *item.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (item.g, *item.graphs):
                nodes += graph.node
                yield from graph.initializer


def inputs_of(model: Any) -> tuple[TensorSpec, ...]:
    """Return what the model is fed; -1 stands for an open dimension."""
    known = {item.name for item in model.graph.initializer}
    return tuple(_spec(item) for item in model.graph.input if item.name not in known)


def outputs_of(model: Any) -> tuple[TensorSpec, ...]:
    """Return what the model gives, as far as it is tensors of numbers."""
    return tuple(_spec(item) for item in model.graph.output if _is_numeric(item))


def _is_numeric(item: Any) -> bool:
    kind = item.type.tensor_type.elem_type
    return item.type.HasField("tensor_type") and kind not in {0, 8}  # 8: text


def _spec(item: Any) -> TensorSpec:
    import onnx

    kind = item.type.tensor_type
    if not _is_numeric(item):
        raise ModelLoadError(
            f"got '{item.name}', which is no tensor of numbers, expected one",
            "export the model with plain tensors as its inputs and outputs",
        )
    sizes = (dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim)
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    return TensorSpec(name=item.name, shape=tuple(sizes), dtype=dtype)


def prepare(path: Path, shape: tuple[int, ...] | None = None) -> Prepared:
    """Return the model in `path`, ready to convert.

    `shape` is one sample's, for a first input whose dimensions are open beyond the batch. Raises
    `ModelLoadError` by name for all that cannot be converted.
    """
    model = parse(path)
    _raise_opset(model)
    _check_nodes(model, path)
    notes = _keep_tensors(model)
    _check_inputs(model, path)
    _close(model, shape, path)
    single = _with_batch(model, 1)
    static = fold(single, path)
    inputs = inputs_of(model)
    outputs = _outputs(single, path)
    if not all(spec.shape[0] == -1 for spec in inputs) or not _takes_two(model, outputs):
        return Prepared(single, static, inputs_of(single), outputs, notes)
    outputs = tuple(o.model_copy(update={"shape": (-1, *o.shape[1:])}) for o in outputs)
    return Prepared(model, static, inputs, outputs, notes)


def _raise_opset(model: Any) -> None:
    """Declare the oldest supported opset, in place, where every op is the same in it.

    skl2onnx declares the oldest opset that its ops are in, whatever it was asked for.
    """
    import onnx

    entry = next((e for e in model.opset_import if e.domain in {"", "ai.onnx"}), None)
    if entry is None or entry.version >= OPSETS[0] or model.functions:
        return
    names = {node.op_type for node in model.graph.node if node.domain in {"", "ai.onnx"}}
    versions = (entry.version, OPSETS[0])
    try:
        since = [{onnx.defs.get_schema(n, v).since_version for v in versions} for n in names]
    except onnx.defs.SchemaError:
        return
    if all(len(found) == 1 for found in since):
        entry.version = OPSETS[0]


def _check_nodes(model: Any, path: Path) -> None:
    """Refuse by name: opsets, foreign ops, and models that are quantized already."""
    versions = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    opset = versions.get("ai.onnx", OPSETS[0])
    if opset not in OPSETS:
        raise ModelLoadError(
            f"got opset {opset} of domain ai.onnx, expected {OPSETS[0]} to {OPSETS[-1]}: {path}",
            "export the model again with opset 18",
        )
    ops = [(node.domain, node.op_type) for node in model.graph.node]
    ops += [(node.domain, node.op_type) for f in model.functions for node in f.node]
    quantized = sorted({name for _, name in ops if name.startswith(QUANTIZED)})
    if quantized:
        raise ModelLoadError(
            f"got a model that is quantized already ({', '.join(quantized)}), expected float32: "
            f"{path}",
            "start from the float model",
        )
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
            needed |= set(node.input)
            alive.append(node)
    del graph.node[:]
    graph.node.extend(reversed(alive))


def _check_inputs(model: Any, path: Path) -> None:
    inputs = inputs_of(model)
    wrong = [f"{s.name}: {s.dtype}" for s in inputs if s.dtype not in DTYPES]
    if wrong or not inputs:
        raise ModelLoadError(
            f"got inputs {', '.join(wrong) or 'none'} in {path}, expected {', '.join(DTYPES)}",
            "export the model in float32",
        )
    for spec in inputs:
        if not spec.shape or 0 in spec.shape:
            raise ModelLoadError(
                f"got input '{spec.name}' of shape {spec.shape}, expected at least one dimension, "
                f"each of at least 1: {path}",
                "export the model with the shape of a real input",
            )
        if math.prod(abs(size) for size in spec.shape) > MAX_INPUT_ELEMENTS:
            raise ModelLoadError(
                f"got input '{spec.name}' of shape {spec.shape}, "
                f"expected at most {MAX_INPUT_ELEMENTS} elements: {path}",
                "export the model with the shape of a real input",
            )
        if spec.shape[0] > 1:
            raise ModelLoadError(
                f"got input '{spec.name}' of shape {spec.shape}, whose batch is fixed to "
                f"{spec.shape[0]}, expected 1 or open: {path}",
                "export the model with a batch of 1, samples first",
            )


def _close(model: Any, shape: tuple[int, ...] | None, path: Path) -> None:
    """Fix all dimensions but the batch, in place: by `shape`, or by a name fixed already."""
    known = {item.name for item in model.graph.initializer}
    items = [item for item in model.graph.input if item.name not in known]
    sizes: dict[str, int] = {}
    if shape is not None and len(shape) == len(items[0].type.tensor_type.shape.dim) - 1:
        dims = items[0].type.tensor_type.shape.dim[1:]
        for dim, size in zip(dims, shape, strict=True):
            if not dim.HasField("dim_value"):
                sizes[dim.dim_param] = size
                dim.dim_value = size
    for item in items:
        dims = item.type.tensor_type.shape.dim
        for dim in dims[1:]:
            if not dim.HasField("dim_value") and dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
        still = [
            dim.dim_param or f"number {i}"
            for i, dim in enumerate(dims)
            if i and not dim.HasField("dim_value")
        ]
        if still:
            raise ModelLoadError(
                f"got open dimensions in input '{item.name}': {', '.join(still)}, "
                f"expected only the batch to be open: {path}",
                "export with fixed sizes, or give --input with one sample's shape",
            )


def _with_batch(model: Any, batch: int) -> Any:
    """Return a copy for a batch of this size; shapes noted inside are forgotten, to be inferred."""
    copy = type(model).FromString(model.SerializeToString())
    known = {item.name for item in copy.graph.initializer}
    for item in copy.graph.input:
        if item.name not in known:
            item.type.tensor_type.shape.dim[0].dim_value = batch
    del copy.graph.value_info[:]
    for item in copy.graph.output:
        item.type.tensor_type.ClearField("shape")
    return copy


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
        reason = " ".join(str(error).split())[:400]
        raise ModelLoadError(
            f"got a model that ONNX Runtime {onnxruntime.__version__} refuses: {path}: {reason}",
            "check it where it was exported: onnxruntime.InferenceSession('model.onnx')",
        ) from error


def _outputs(single: Any, path: Path) -> tuple[TensorSpec, ...]:
    """Return the outputs at a batch of 1 as they are when run, each with the samples first."""
    try:
        found = _run_zeros(single, 1, path)
    except ModelLoadError:
        raise
    except Exception as error:
        raise ModelLoadError(
            f"got a model that ONNX Runtime cannot run on one sample of zeros: {path}: "
            f"{' '.join(str(error).split())[:400]}",
            "check it where it was exported, with a batch of 1",
        ) from error
    outputs = []
    for item, array in zip(single.graph.output, found, strict=True):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            raise ModelLoadError(
                f"got output '{item.name}', which is no tensor of numbers, expected one: {path}",
                "export the model with plain tensors as its inputs and outputs",
            )
        if array.shape[:1] != (1,) or not array.size:
            raise ModelLoadError(
                f"got output '{item.name}' of shape {array.shape} for one sample, "
                f"expected the samples first (1, ...): {path}",
                "remove the output, or transpose it before the export",
            )
        outputs.append(TensorSpec(name=item.name, shape=array.shape, dtype=array.dtype.name))
    return tuple(outputs)


def _takes_two(model: Any, outputs: tuple[TensorSpec, ...]) -> bool:
    """Whether the model really takes more than one sample at once: some only declare it."""
    try:
        found = _run_zeros(model, 2, Path())
    except Exception:  # noqa: BLE001 - whatever the reason, it takes one at a time
        return False
    shapes = [tuple(array.shape) for array in found]
    return shapes == [(2, *spec.shape[1:]) for spec in outputs]


def _run_zeros(model: Any, batch: int, path: Path) -> list[Any]:
    fed = {spec.name: np.zeros((batch, *spec.shape[1:]), spec.dtype) for spec in inputs_of(model)}
    return list(session(model, path).run(None, fed))


def op_histogram(model: Any) -> dict[str, int]:
    """Return how many nodes of each op the graph has; other domains than ai.onnx are named."""
    counts = Counter(
        f"{node.domain}:{node.op_type}" if node.domain not in {"", "ai.onnx"} else node.op_type
        for node in model.graph.node
    )
    return dict(sorted(counts.items()))
