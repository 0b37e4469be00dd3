"""The version that each operator of a `.tflite` file must declare, and what runtime that asks for.

A runtime refuses an operator of a version that it does not know. A file that declares too low a
version is not refused: an old runtime runs it by the old meaning, and answers wrongly in silence.
"""

from collections.abc import Mapping
from typing import Any

from edgekit.formats.tflite.patch import (
    metadata,
    operator_name,
    patched,
    refusing_broken_files,
    tensor_type,
    unpacked,
)
from edgekit.formats.tflite.releases import first_version, release_of
from edgekit.formats.tflite.version_rules import NO_TENSOR, RULES, Tensor, Use

# The metadata entry in which TensorFlow's converter writes the least runtime, padded with zeros.
ENTRY = "min_runtime_version"
ENTRY_BYTES = 16


@refusing_broken_files()
def corrected(data: bytes) -> bytes:
    """Return the file with every operator version raised to what its uses need, never lowered.

    An operator code that several operators share declares the highest version that one of them
    needs, as TensorFlow Lite does. The metadata `min_runtime_version` says the least runtime, and
    nothing where it is not known. A file that is right already comes back as it is. Raises
    `ModelLoadError` for broken bytes.
    """
    model = unpacked(data)
    needed = _needed(model)
    declared = {index: code.version for index, code in enumerate(model.operatorCodes)}
    raised = {index: v for index, v in needed.items() if v > declared[index]}
    least = _least(model, {**declared, **raised}) or ""
    entry = least.encode().ljust(ENTRY_BYTES, b"\0")
    if not raised and metadata(model).get(ENTRY) == entry:
        return data
    return patched(data, raised, {ENTRY: entry})


@refusing_broken_files()
def unknown(data: bytes) -> tuple[str, ...]:
    """Return the operators whose version `corrected` leaves as it is: it has no rule for them."""
    model = unpacked(data)
    known = _needed(model)
    names = [operator_name(model.operatorCodes[i]) for i in _used(model) if i not in known]
    return tuple(sorted(set(names)))


@refusing_broken_files()
def min_runtime(data: bytes) -> str | None:
    """Return the least TensorFlow Lite release that runs the versions declared, as `2.3.0`.

    None where the release of an operator is not known; `without_release` names it.
    """
    model = unpacked(data)
    return _least(model, {i: code.version for i, code in enumerate(model.operatorCodes)})


@refusing_broken_files()
def without_release(data: bytes) -> tuple[str, ...]:
    """Return the operators, as `NAME v2`, of which no release is known to have this version."""
    codes = unpacked(data).operatorCodes
    named = [(operator_name(code), code.version) for code in codes]
    return tuple(sorted({f"{n} v{v}" for n, v in named if release_of(n, v) is None}))


def _least(model: Any, versions: Mapping[int, int]) -> str | None:
    codes = model.operatorCodes
    releases = [release_of(operator_name(codes[i]), versions[i]) for i in _used(model)]
    if not releases or None in releases:
        return None
    return max((r for r in releases if r), key=lambda release: [*map(int, release.split("."))])


def _used(model: Any) -> list[int]:
    """Return the indices of the operator codes that some operator has."""
    return sorted({op.opcodeIndex for graph in model.subgraphs for op in graph.operators or ()})


def _needed(model: Any) -> dict[int, int]:
    """Return the version needed by index of operator code, for those that there are rules for."""
    found: dict[int, int] = {}
    for graph in model.subgraphs:
        tensors = [_tensor(tensor) for tensor in graph.tensors or ()]
        for operator in graph.operators or ():
            index = operator.opcodeIndex
            name = operator_name(model.operatorCodes[index])
            version = _version(name, _use(operator, tensors))
            if version is not None:
                found[index] = max(found.get(index, 1), version)
    return found


def _version(name: str, use: Use) -> int | None:
    first = first_version(name)
    for version, holds in RULES.get(name, ()):
        if holds(use):
            return version
    return first


def _use(operator: Any, tensors: list[Tensor]) -> Use:
    ins, outs = (
        tuple(NO_TENSOR if i < 0 else tensors[i] for i in (() if indices is None else indices))
        for indices in (operator.inputs, operator.outputs)
    )
    return Use(ins, outs, operator.builtinOptions)


def _tensor(tensor: Any) -> Tensor:
    quantization = tensor.quantization
    scales = None if quantization is None else quantization.scale
    return Tensor(
        type=tensor_type(tensor.type),
        shape=tuple(int(size) for size in (() if tensor.shape is None else tensor.shape)),
        scales=tuple(float(scale) for scale in (() if scales is None else scales)),
        quantized_axis=0 if quantization is None else quantization.quantizedDimension,
        has_quantization=quantization is not None,
        is_sparse=tensor.sparsity is not None,
    )
