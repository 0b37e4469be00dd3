"""SavedModel folders, and the `saved_model.pb` in one: the graph as protobuf, nothing restored."""

from pathlib import Path
from typing import Any

from edgekit.core.facts import Facts
from edgekit.core.tensor import TensorSpec
from edgekit.formats.savedmodel import file as savedmodel_file
from edgekit.system import packages

SUFFIXES = (".pb",)


def inspect(path: Path) -> Facts:
    """Return the signatures, and of the one that a conversion takes I/O and operators."""
    return inspect_signature(path, None)


def inspect_signature(path: Path, signature: str | None) -> Facts:
    """Return the signatures, and of the one given, or else the usual one, I/O and operators.

    `path` is the folder, or the file in it. Operators count all that loading or inference can run.
    Raises `ModelLoadError` for a signature that is not there.
    """
    packages.versions(("tensorflow",))
    file = path if path.is_file() else path / savedmodel_file.MARKER
    meta = savedmodel_file.read(file)
    names = savedmodel_file.signatures(meta)
    # With several and none of the usual name, a conversion asks for one as well.
    usual = savedmodel_file.USUAL
    chosen = usual if usual in names else names[0] if len(names) == 1 else None
    if signature is not None:
        chosen = savedmodel_file.chosen(meta, signature, file)
    definition = meta.signature_def[chosen] if chosen else None
    weights = file.parent.glob("variables/*")
    return Facts(
        format="savedmodel",
        inputs=_borders(definition.inputs) if definition else (),
        outputs=_borders(definition.outputs) if definition else (),
        operators=savedmodel_file.operators(meta, chosen) if chosen else None,
        more={
            "saved_by": f"tensorflow {meta.meta_info_def.tensorflow_version or 'unknown'}",
            "signature": chosen,
            "signatures": tuple(names),
            "weights_bytes": sum(each.stat().st_size for each in weights),
        },
    )


def _borders(entries: Any) -> tuple[TensorSpec, ...]:
    """Return a signature's tensors of numbers by name: the file keeps no other order."""
    from tensorflow.python.framework import dtypes

    return tuple(
        TensorSpec(
            name=name,
            shape=tuple(int(size.size) for size in info.tensor_shape.dim),
            dtype=dtypes.as_dtype(info.dtype).name,
        )
        for name, info in sorted(entries.items(), key=lambda item: str(item[0]))
        if dtypes.as_dtype(info.dtype) != dtypes.string
    )
