"""Reading a SavedModel's graph before TensorFlow runs any of it.

Restoring variables runs operators that the file itself names. So every operator that loading or
inference could reach must be plain computation: one that reads or writes files, prints or calls
Python is refused.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edgekit.core.suggest import did_you_mean
from edgekit.errors import ModelLoadError

# What servers, and most who save models, call the signature that serves.
USUAL = "serving_default"

# Stateful operators that only hold, restore or initialise what belongs to the model.
ALLOWED_STATEFUL = {
    "Assert", "Assign", "AssignVariableOp", "Case", "DestroyResourceOp", "HashTableV2", "If",
    "LookupTableFindV2", "LookupTableImportV2", "LookupTableSizeV2", "MutableHashTableV2",
    "PartitionedCall", "Placeholder", "RandomStandardNormal", "RandomUniform", "RandomUniformInt",
    "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "RestoreV2", "StatefulPartitionedCall",
    "TensorListFromTensor", "TruncatedNormal", "VarHandleOp", "VarIsInitializedOp", "VariableShape",
    "VariableV2", "While",
}  # fmt: skip
# Stateless by TensorFlow's book-keeping, but they read or write files, connect, call Python or
# what is registered in the process, or end it.
REFUSED_STATELESS = {
    "Abort", "DecodeAudio", "DecodeProtoV2", "EncodeProto", "GenerateVocabRemapping",
    "ImmutableConst", "InitializeTableFromTextFile", "MatchingFiles", "PyFuncStateless",
    "ReadFile", "ShardedFilespec",
}  # fmt: skip
# Parts of the names of such: tf.data's operators cache, snapshot and serve, debug ones publish.
REFUSED_PARTS = ("Dataset", "Debug", "XlaCustomCall")
# What TensorFlow's loader runs by the name of its signature, whatever inputs that has.
RUN_BY_LOADER = ("__saved_model_init_op", "__saved_model_train_op")


def check(path: Path, signature: str | None, *, trust: bool) -> str:
    """Return the name of the signature to convert, having refused what could run code.

    `path` is the `saved_model.pb`; `signature` the one asked for, or None. Raises `ModelLoadError`.
    """
    meta = read(path)
    name = chosen(meta, signature, path)
    check_text(meta, name, path)
    if not trust:
        for op, node in _reachable(meta, name):
            if not _is_harmless(op):
                raise ModelLoadError(
                    f"got operator {op} in node {node} of {path}: it acts outside of the model",
                    "do not use this file, unless you trust it: --trust",
                )
    return name


def read(path: Path) -> Any:
    """Return the graph that serves, with its signatures, as TensorFlow's own protobuf has it.

    Raises `ModelLoadError` for a file that is none.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
        meta = next(m for m in model.meta_graphs if "serve" in m.meta_info_def.tags)
    except Exception as error:
        raise ModelLoadError(
            f"got a file that is no SavedModel with the tag 'serve': {path}: {error}",
            "it may be truncated; copy it again, or save the model again",
        ) from error
    return meta


def operators(meta: Any, signature: str) -> dict[str, int]:
    """Return how often each operator stands in what loading, or the signature, can run."""
    return dict(sorted(Counter(op for op, _ in _reachable(meta, signature)).items()))


def signatures(meta: Any) -> list[str]:
    """Return the names of the signatures that have inputs and outputs, sorted."""
    return sorted(str(n) for n, s in meta.signature_def.items() if s.inputs and s.outputs)


def chosen(meta: Any, wanted: str | None, path: Path) -> str:
    """Return the signature asked for, or else the usual or the only one.

    Raises `ModelLoadError` where it is not there, or has to be chosen.
    """
    names = signatures(meta)
    if wanted in names or (wanted is None and USUAL in names):
        return wanted or USUAL
    if wanted is None and len(names) == 1:
        return names[0]
    hint = "save it with one: tf.saved_model.save(model, folder, signatures=function)"
    if names:
        # DT_STRING is 7 in TensorFlow's types.proto: one of text cannot run on a device.
        real = [
            n for n in names if all(t.dtype != 7 for t in meta.signature_def[n].inputs.values())
        ]
        hint = f"name one: --signature {(real or names)[0]}"
        hint = did_you_mean(wanted, names) if wanted else hint
    expected = f"'{wanted}'" if wanted else "one to convert"
    raise ModelLoadError(
        f"got signatures {', '.join(names) or 'none'} in {path}, expected {expected}", hint
    )


def check_text(meta: Any, name: str, path: Path) -> None:
    """Refuse a signature that takes or gives text. Raises `ModelLoadError`."""
    definition = meta.signature_def[name]
    texts = _texts(definition)
    if not texts:
        return
    side, text = texts[0]
    others = [n for n in signatures(meta) if not _texts(meta.signature_def[n])]
    hint = "cut the model after what turns the text into numbers, and save that with a signature"
    if others:
        hint = f"name a signature of numbers: --signature {others[0]}"
    raise ModelLoadError(
        f"got a string {side}, {text} of signature {name} of {path}: a string {side} cannot run on "
        "a device",
        hint,
    )


def _texts(definition: Any) -> list[tuple[str, str]]:
    """Return the inputs and outputs of text: which side, and the name."""
    from tensorflow.python.framework import dtypes

    sides = (("input", definition.inputs), ("output", definition.outputs))
    return [
        (side, str(name))
        for side, entries in sides
        for name, info in sorted(entries.items(), key=lambda item: str(item[0]))
        if info.dtype == dtypes.string.as_datatype_enum
    ]


def _reachable(meta: Any, signature: str) -> Iterator[tuple[str, str]]:
    """Yield operator and node name of all that loading, or the signature, can run."""
    nodes = {node.name: node for node in meta.graph_def.node}
    functions = {f.signature.name: f.node_def for f in meta.graph_def.library.function}
    ends = [t.name for t in meta.signature_def[signature].outputs.values()]
    ends += [meta.saver_def.restore_op_name]
    for name, each in meta.signature_def.items():
        if name in RUN_BY_LOADER or not each.inputs:
            ends += [t.name for t in each.outputs.values()]
    for collection in meta.collection_def.values():
        ends += collection.node_list.value
    seen: set[str] = set()
    called: set[str] = set()
    stack = [_node(end) for end in ends if end]
    while stack:
        name = stack.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        node = nodes[name]
        yield node.op, node.name
        stack += [_node(source) for source in node.input]
        yield from _called(_functions_of(node), functions, called)


def _called(
    names: Iterable[str],
    functions: dict[str, Any],
    called: set[str],  # of protobuf's nodes
) -> Iterator[tuple[str, str]]:
    for name in names:
        if name in called or name not in functions:
            continue
        called.add(name)
        for node in functions[name]:
            yield node.op, f"{name}/{node.name}"
            yield from _called(_functions_of(node), functions, called)


def _functions_of(node: Any) -> list[str]:
    found = [node.op]
    for value in node.attr.values():
        found += [value.func.name] if value.HasField("func") else []
        found += [function.name for function in value.list.func]
    return found


def _node(reference: str) -> str:
    """Return the node behind an input such as `^name` or `name:1`."""
    return reference.removeprefix("^").split(":")[0]


def _is_harmless(op: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(op)
    if definition is None:
        return False
    if definition.is_stateful:
        return op in ALLOWED_STATEFUL
    return op not in REFUSED_STATELESS and not any(part in op for part in REFUSED_PARTS)


MARKER = "saved_model.pb"


def folder_of(path: Path) -> Path | None:
    """Return the SavedModel that a folder is, or holds in numbered versions: the highest wins.

    The graph's own file stands for the folder around it: its variables lie beside it.
    """
    if path.is_file():
        return path.parent if path.name == MARKER else None
    if (path / MARKER).is_file():
        return path
    versions = [p for p in path.iterdir() if p.name.isdecimal() and (p / MARKER).is_file()]
    return max(versions, key=lambda p: int(p.name), default=None)
