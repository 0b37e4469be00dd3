"""Reading `.tflite` files without an interpreter: operators, tensors, quantization, versions."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError

IDENTIFIER = b"TFL3"


class TfliteFile(NamedTuple):
    """What a .tflite file says about itself. Tensor types count all tensors of all subgraphs."""

    description: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    op_histogram: dict[str, int]
    op_versions: dict[str, int]
    tensor_types: dict[str, int]
    subgraphs: int


def read(path: Path) -> TfliteFile:
    """Parse the file. Raises `ModelLoadError` for one that is truncated or of another format."""
    data = path.read_bytes()
    if data[4:8] != IDENTIFIER:
        raise ModelLoadError(
            f"got a file that is not TFLite: {path}", "it lacks the mark TFL3 at byte 4"
        )
    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        return _describe(model, schema)
    except Exception as error:
        # Whatever the generated parser stumbles over, the file is to blame.
        raise ModelLoadError(
            f"got a broken .tflite file: {path}: {type(error).__name__}: {error}",
            "it may be truncated; convert it again",
        ) from error


def _describe(model: Any, schema: Any) -> TfliteFile:
    codes = [_op_name(code, schema) for code in model.operatorCodes]
    types = {v: k.lower() for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
    operators = [op for graph in model.subgraphs for op in graph.operators]
    main = model.subgraphs[0]
    return TfliteFile(
        description=_text(model.description),
        inputs=tuple(_spec(main.tensors[i], types) for i in main.inputs),
        outputs=tuple(_spec(main.tensors[i], types) for i in main.outputs),
        op_histogram=dict(sorted(Counter(codes[op.opcodeIndex] for op in operators).items())),
        op_versions={
            name: code.version for name, code in zip(codes, model.operatorCodes, strict=True)
        },
        tensor_types=dict(
            sorted(Counter(types[t.type] for g in model.subgraphs for t in g.tensors).items())
        ),
        subgraphs=len(model.subgraphs),
    )


def _op_name(code: Any, schema: Any) -> str:
    if code.customCode:
        return f"CUSTOM:{_text(code.customCode)}"
    # Files from before 2020 keep the number in the narrow field.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    return str(names.get(number, f"UNKNOWN:{number}"))


def _spec(tensor: Any, types: dict[int, str]) -> TensorSpec:
    signature = tensor.shapeSignature
    shape = tensor.shape if signature is None or not len(signature) else signature
    quantization = tensor.quantization
    scales: Any = () if quantization is None else quantization.scale
    scales = () if scales is None else scales
    quantized = len(scales) == 1
    return TensorSpec(
        name=_text(tensor.name),
        shape=tuple(int(size) for size in (() if shape is None else shape)),
        dtype=types[tensor.type],
        scale=float(np.float32(scales[0])) if quantized else None,
        zero_point=int(quantization.zeroPoint[0]) if quantized else None,
    )


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
