"""`.pte` files, through ExecuTorch's own reader of its format."""

from collections import Counter
from pathlib import Path
from typing import Any

from edgekit.core.facts import Fact, Facts
from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.executorch import metadata
from edgekit.system import packages

SUFFIXES = (".pte",)
IDENTIFIERS = (b"ET12", b"ET13")


def inspect(path: Path) -> Facts:
    """Return methods, I/O, operators, delegates, and metadata; nothing in the file is run."""
    data = path.read_bytes()
    if data[4:8] not in IDENTIFIERS:
        raise ModelLoadError(
            f"got a file that is not ExecuTorch: {path}", "it lacks the mark ET12 at byte 4"
        )
    packages.versions(("executorch", "torch"))
    from executorch.exir._serialize._program import deserialize_pte_binary

    try:
        program = deserialize_pte_binary(data).program
        return _describe(program.execution_plan)
    except Exception as error:
        raise ModelLoadError(
            f"got a broken .pte file: {path}: {type(error).__name__}: {error}",
            "it may be truncated; convert it again",
        ) from error


def _describe(plans: Any) -> Facts:
    plan = plans[0]
    names = [f"{op.name}.{op.overload}" if op.overload else op.name for op in plan.operators]
    calls: Counter[str] = Counter()
    for instruction in (i for chain in plan.chains for i in chain.instructions):
        arguments = instruction.instr_args
        if hasattr(arguments, "op_index"):
            calls[names[arguments.op_index]] += 1
        elif hasattr(arguments, "delegate_index"):
            calls[f"delegate:{plan.delegates[arguments.delegate_index].id}"] += 1
    return Facts(
        format="executorch",
        inputs=_borders(plan, plan.inputs, "inputs"),
        outputs=_borders(plan, plan.outputs, "outputs"),
        operators=dict(sorted(calls.items())),
        more={
            "method": plan.name,
            "delegates": tuple(sorted({delegate.id for delegate in plan.delegates})),
            "delegated_subgraphs": len(plan.delegates),
            "planned_memory_bytes": sum(plan.non_const_buffer_sizes),
            "methods": tuple(_printable(each.name) for each in plans),
            "metadata": _metadata(plans),
        },
    )


def _metadata(plans: Any) -> Fact:
    """Return what the metadata says, in brief."""
    found = metadata.read(plans)
    if found is None:
        return {}
    steps = [each.preprocess for each in found.inputs]
    return {
        "name": _printable(found.name),
        "version": _printable(found.version),
        "licence": _printable(found.licence),
        "labels": len(found.labels),
        "normalization": "; ".join(
            f"(x * {step.scale} - {list(step.mean)}) / {list(step.std)}" for step in steps
        ),
    }


def _printable(text: str) -> str:
    """Return a text from a file without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


# ExecuTorch's names of element types, where they are not numpy's.
DTYPES = {
    "byte": "uint8",
    "char": "int8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "half": "float16",
    "float": "float32",
    "double": "float64",
}


def _borders(plan: Any, places: Any, side: str) -> tuple[TensorSpec, ...]:
    """Return the inputs or outputs, numbered: the file gives them no names."""
    return tuple(_tensor(plan.values[place].val, f"{side}_{i}") for i, place in enumerate(places))


def _tensor(value: Any, name: str) -> TensorSpec:
    kind = getattr(getattr(value, "scalar_type", None), "name", type(value).__name__).lower()
    shape = tuple(getattr(value, "sizes", ()))
    return TensorSpec(name=name, shape=shape, dtype=DTYPES.get(kind, kind))
