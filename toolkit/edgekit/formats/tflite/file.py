"""Reading `.tflite` files without an interpreter: operators, tensors, quantization, metadata."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from edgekit.core.tensor import TensorSpec
from edgekit.errors import EdgekitError, ModelLoadError
from edgekit.formats.tflite import metadata as tflite_metadata
from edgekit.formats.tflite import versions
from edgekit.formats.tflite.patch import IDENTIFIER, operator_name, tensor_type, text, unpacked

# Operators that keep the values of the inputs at these places, and the places of values and table
# in those that look up.
KEEPING = {
    "CAST": (0,), "EXPAND_DIMS": (0,), "RESHAPE": (0,), "SQUEEZE": (0,), "SELECT": (1, 2),
    "SELECT_V2": (1, 2),
}  # fmt: skip
TABLES = {"GATHER": (1, 0), "EMBEDDING_LOOKUP": (0, 1)}


class TfliteFile(NamedTuple):
    """What a .tflite file says about itself. Tensor types count all tensors of all subgraphs.

    `limits` has the smallest and largest whole number that tables have rows for, by input.
    `min_runtime` is the least TensorFlow Lite release with all operator versions, None where one
    is of no known release. `metadata` is what `tflite_metadata.read` returns, None without any.
    """

    description: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    op_histogram: dict[str, int]
    op_versions: dict[str, int]
    tensor_types: dict[str, int]
    subgraphs: int
    limits: Mapping[str, tuple[float, float]] = MappingProxyType({})
    min_runtime: str | None = None
    metadata: tflite_metadata.ModelMetadata | None = None


def read(path: Path) -> TfliteFile:
    """Parse the file. Raises `ModelLoadError` for one that is truncated or of another format."""
    data = path.read_bytes()
    if data[4:8] != IDENTIFIER:
        raise ModelLoadError(
            f"got a file that is not TFLite: {path}", "it lacks the mark TFL3 at byte 4"
        )
    try:
        return described(data)._replace(
            min_runtime=versions.min_runtime(data),
            metadata=tflite_metadata.read(data),
        )
    except EdgekitError as error:
        raise ModelLoadError(f"{error.message}: {path}", error.hint) from error
    except Exception as error:
        # Whatever the parser stumbles over, the file is to blame.
        raise ModelLoadError(
            f"got a broken .tflite file: {path}: {type(error).__name__}: {error}",
            "it may be truncated; convert it again",
        ) from error


def described(data: bytes) -> TfliteFile:
    """Return what whole bytes of a file say, but for its metadata and `min_runtime`."""
    return _describe(unpacked(data))


def _describe(model: Any) -> TfliteFile:
    codes = [operator_name(code) for code in model.operatorCodes]
    operators = [op for graph in model.subgraphs for op in graph.operators]
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    main = model.subgraphs[0]
    versions: dict[str, int] = {}
    for name, code in zip(codes, model.operatorCodes, strict=True):
        versions[name] = max(code.version, versions.get(name, 0))
    return TfliteFile(
        description=text(model.description),
        inputs=tuple(_spec(main.tensors[i]) for i in main.inputs),
        outputs=tuple(_spec(main.tensors[i]) for i in main.outputs),
        op_histogram=dict(sorted(Counter(codes[op.opcodeIndex] for op in operators).items())),
        op_versions=versions,
        tensor_types=dict(sorted(Counter(tensor_type(tensor.type) for tensor in tensors).items())),
        subgraphs=len(model.subgraphs),
        limits=_limits(main, codes),
    )


def _limits(graph: Any, codes: list[str]) -> dict[str, tuple[float, float]]:
    """Return, by input, the smallest and largest whole number that its tables have rows for."""
    found = {}
    for index in graph.inputs:
        rows = list(_rows(graph, codes, int(index)))
        if rows:
            found[text(graph.tensors[index].name)] = (0.0, float(min(rows) - 1))
    return found


def _rows(graph: Any, codes: list[str], values: int) -> Iterator[int]:
    """Yield the rows of each table that the tensor of index `values` chooses from."""
    for operator in graph.operators:
        name, inputs = codes[operator.opcodeIndex], [int(i) for i in operator.inputs]
        if name in TABLES and inputs[TABLES[name][0]] == values:
            shape = graph.tensors[inputs[TABLES[name][1]]].shape
            axis = getattr(operator.builtinOptions, "axis", 0)
            if shape is not None and len(shape):
                yield int(shape[axis])
        elif values in [inputs[i] for i in KEEPING.get(name, ()) if i < len(inputs)]:
            yield from _rows(graph, codes, int(operator.outputs[0]))


def _spec(tensor: Any) -> TensorSpec:
    signature = tensor.shapeSignature
    shape = tensor.shape if signature is None or not len(signature) else signature
    quantization = tensor.quantization
    scales: Any = () if quantization is None else quantization.scale
    scales = () if scales is None else scales
    quantized = len(scales) == 1
    return TensorSpec(
        name=text(tensor.name),
        shape=tuple(int(size) for size in (() if shape is None else shape)),
        dtype=tensor_type(tensor.type),
        scale=float(np.float32(scales[0])) if quantized else None,
        zero_point=int(quantization.zeroPoint[0]) if quantized else None,
    )


def signature(data: bytes) -> tuple[str, list[str]]:
    """Return the key of the file's first signature, and its input names in the file's order."""
    model = _model(data)
    if not model.SignatureDefsLength():
        raise ModelLoadError(
            "got a .tflite file without a signature",
            "ranges are recorded by input name; convert the model again with today's converter",
        )
    definition = model.SignatureDefs(0)
    names = {entry.TensorIndex(): text(entry.Name()) for entry in _entries(definition, "Inputs")}
    return text(definition.SignatureKey()), [
        names[int(index)] for index in model.Subgraphs(0).InputsAsNumpy()
    ]


def output_names(data: bytes) -> list[str]:
    """Return what the file's first signature calls its outputs, in the file's order.

    Those of the tensors where it has no signature: the converter's own.
    """
    model = _model(data)
    entries = _entries(model.SignatureDefs(0), "Outputs") if model.SignatureDefsLength() else []
    names = {entry.TensorIndex(): text(entry.Name()) for entry in entries}
    graph = model.Subgraphs(0)
    places = [int(index) for index in graph.OutputsAsNumpy()]
    return [names.get(place) or text(graph.Tensors(place).Name()) for place in places]


def ordered(data: bytes, inputs: list[str], outputs: list[str]) -> bytes:
    """Return the file with its inputs and outputs in the order of these names.

    Converters order them as they like; signatures, which name them, stay as they are. Where the
    signature has other names, those that end in numbers count upwards (`args_0`, `output_1`), and
    others go by the alphabet, as Keras flattens what it gives names to.
    """
    changed = bytearray(data)
    model = _model(changed)
    if model.SignatureDefsLength():
        definition, graph = model.SignatureDefs(0), model.Subgraphs(0)
        _reorder(graph.InputsAsNumpy(), _entries(definition, "Inputs"), inputs)
        _reorder(graph.OutputsAsNumpy(), _entries(definition, "Outputs"), outputs)
    return bytes(changed)


def _model(data: bytes | bytearray) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.Model.GetRootAs(data, 0)


def _entries(definition: Any, side: str) -> list[Any]:
    get, length = getattr(definition, side), getattr(definition, f"{side}Length")()
    return [get(i) for i in range(length)]


def _reorder(indices: Any, entries: list[Any], wanted: list[str]) -> None:
    """Write the tensor indices anew, in place: the array is a view of the file's bytes."""
    found = {text(entry.Name()): entry.TensorIndex() for entry in entries}
    if sorted(found.values()) != sorted(int(index) for index in indices):
        return
    if set(found) == set(wanted):
        indices[:] = [found[name] for name in wanted]
    else:
        indices[:] = [found[name] for name in sorted(found, key=_natural)]


def _natural(name: str) -> tuple[str, int]:
    """Return a key by which `output_2` comes before `output_10`."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0)
