"""The opsets of ai.onnx: which are taken, and how the older ones become what is translated."""

from pathlib import Path
from typing import Any

from edgekit.errors import ModelLoadError
from edgekit.formats.onnx.file import nodes

# ONNX Runtime runs 7 and later.
OPSETS = range(7, 27)
# What operators mean has changed before this; the importer knows them as they are since.
KNOWN = 11
# Operators of the newest opsets that older ones spell out, as ONNX itself defines them.
SPELT_OUT = ("Attention", "RMSNormalization", "RotaryEmbedding", "Swish")


def declare(model: Any, path: Path) -> None:
    """Declare an opset that is taken, in place, where every op is the same in it.

    skl2onnx declares the oldest opset that its ops are in, and new exporters the newest that they
    know, whatever they were asked for. Raises `ModelLoadError` naming the ops that stand against.
    """
    entry = _entry(model)
    if entry is None or entry.version in OPSETS:
        return
    nearest = OPSETS[0] if entry.version < OPSETS[0] else OPSETS[-1]
    changed = _changed(model, entry.version, nearest)
    if changed:
        raise ModelLoadError(
            f"got opset {entry.version} of domain ai.onnx, expected {OPSETS[0]} to {OPSETS[-1]}, "
            f"between which and {entry.version} these operators differ: {', '.join(changed)}: "
            f"{path}",
            "export the model again with opset 18",
        )
    entry.version = nearest


def raised(model: Any, path: Path, least: int = KNOWN) -> tuple[Any, tuple[str, ...]]:
    """Return the model with an opset of `least` or later, and notes on what was changed.

    Raises `ModelLoadError` naming the operators that ONNX's version converter stops at.
    """
    import onnx.version_converter

    entry = _entry(model)
    if entry is None or entry.version >= least:
        return model, ()
    changed = _changed(model, entry.version, least)
    if not changed:
        entry.version = least
        return model, ()
    try:
        found = onnx.version_converter.convert_version(model, least)
    except Exception as error:  # its own errors share no class
        reason = " ".join(str(error).split())
        raise ModelLoadError(
            f"got opset {entry.version}, which ONNX's version converter does not bring to {least}, "
            f"where {', '.join(changed)} differ: {path}: {reason}",
            "export the model again with opset 18",
        ) from error
    note = f"opset {entry.version} was brought to {least} by ONNX's version converter"
    return found, (f"{note}: {', '.join(changed)}",)


def spelt_out(model: Any) -> Any:
    """Return the model with operators of the newest opsets written by older ones."""
    import onnx.inliner

    names = {node.op_type for node in nodes(model) if node.domain in {"", "ai.onnx"}}
    chosen = [("", name) for name in SPELT_OUT if name in names]
    if not chosen:
        return model
    # ONNX's inliner asks for the type of everything, and knows no weights'.
    known = [onnx.helper.make_tensor_value_info(t.name, t.data_type, t.dims)
             for t in model.graph.initializer]  # fmt: skip
    typed = onnx.shape_inference.infer_shapes(model)
    for node in nodes(typed):
        if ("", node.op_type) in chosen:
            _say_defaults(node, _entry(typed).version)
    typed.graph.value_info.extend(known)
    plain = onnx.inliner.inline_selected_functions(typed, chosen, inline_schema_functions=True)
    del plain.graph.value_info[:]
    return plain


def _say_defaults(node: Any, opset: int) -> None:
    """Write out the attributes that a node leaves to their defaults: the inliner knows none."""
    import onnx

    said = {attribute.name for attribute in node.attribute}
    for name, known in onnx.defs.get_schema(node.op_type, opset).attributes.items():
        if name not in said and known.default_value.type:
            node.attribute.append(known.default_value)


def _entry(model: Any) -> Any:
    return next((e for e in model.opset_import if e.domain in {"", "ai.onnx"}), None)


def _changed(model: Any, before: int, after: int) -> list[str]:
    """Return the model's operators that are not the same in both opsets."""
    import onnx

    def since(name: str, opset: int) -> int | None:
        try:
            return int(onnx.defs.get_schema(name, opset).since_version)
        except onnx.defs.SchemaError:
            return None

    names = {node.op_type for node in nodes(model) if node.domain in {"", "ai.onnx"}}
    differ = {n for n in names if since(n, before) is None or since(n, before) != since(n, after)}
    return sorted(differ)
