"""TorchScript archives: read as a zip first, then by torch, then turned into a plain module.

TorchScript is a language of its own, without Python. Yet `torch.jit.load` runs what an object says
about restoring its state, and operators exist that write files: both are refused before they run.
"""

import pickle
import pickletools
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from edgekit.core.reason import reason
from edgekit.errors import ModelLoadError
from edgekit.formats.torchscript import graph as script_graph
from edgekit.system import archive

CODE = re.compile(r"[^/]+/code/.*\.py")
# Both run, or can run, while the archive is loaded; and what writes files, wherever it stands.
FORBIDDEN = re.compile(
    rb"__setstate__|torch\s*\.\s*classes|\b(?:save|from_file|load_tensor)\s*\("
    rb"|\bops\s*\.\s*(?!prim\b|aten\b)\w+"
)
GLOBALS = re.compile(
    r"__torch__\.(?!torch\.classes\b).*|__torch__ \w+|torch \w+Storage|torch device|torch Size|"
    r"torch\._utils _rebuild_\w+|torch\.jit\._pickle \w+|collections OrderedDict"
)
MAX_CODE_BYTES = 64 * 2**20

STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}

Traced = tuple[tuple[tuple[int, ...], str], ...]


def is_script(stream: BinaryIO) -> bool:
    """Return whether the file is a TorchScript archive, by its members; leaves it at its start."""
    if not archive.is_zip(stream):
        return False
    try:
        with zipfile.ZipFile(stream) as opened:
            names = opened.namelist()
    except archive.BROKEN:
        return False
    finally:
        stream.seek(0)
    return any(name.endswith("/constants.pkl") for name in names)


def check(stream: BinaryIO, label: str) -> None:
    """Raise `ModelLoadError` where loading the archive could do more than make tensors."""
    archive.check_stream(stream, label)
    try:
        with zipfile.ZipFile(stream) as opened:
            for info in opened.infolist():
                if CODE.fullmatch(info.filename):
                    _check_code(opened, info, label)
                elif info.filename.endswith(".pkl"):
                    _check_pickle(opened.read(info), info.filename, label)
    except archive.BROKEN as error:
        raise archive.broken(label, error) from error


@dataclass(frozen=True)
class Script:
    """A loaded archive: the same model as torch has it, and as a plain `torch.nn.Module`.

    `traced` are the inputs it was traced with, as (shape with batch, dtype) pairs; () where the
    archive records none.
    """

    original: Any
    module: Any
    traced: Traced


def load(stream: BinaryIO, label: str, *, trust: bool) -> Script:
    """Load an archive. Nothing in it runs but, with `trust`, what restores its state.

    Raises `ModelLoadError` for what is broken, unsafe without `trust`, or cannot be converted.
    """
    if not trust:
        check(stream, label)
    import torch

    stream.seek(0)
    try:
        script = torch.jit.load(stream, map_location="cpu").eval()
    except Exception as error:
        raise ModelLoadError(
            f"got a TorchScript file that torch {torch.__version__} cannot load: {label}: "
            f"{reason(error)}",
            "save it again where it was made: torch.jit.save(script, 'model.pt')",
        ) from error
    unsafe = script_graph.unsafe_nodes(script_graph.inlined(script))
    if unsafe and not trust:
        raise _unsafe(label, "an operator that does more than compute", unsafe[0])
    inputs = traced(stream)
    if len(inputs) != script_graph.input_count(script):
        inputs = ()
    return Script(script, script_graph.to_module(script, label), inputs)


def _check_code(opened: zipfile.ZipFile, info: zipfile.ZipInfo, label: str) -> None:
    if info.file_size > MAX_CODE_BYTES:
        raise _unsafe(label, "code too large to be a model's", info.filename)
    code = opened.read(info)
    found = FORBIDDEN.search(code)
    if found:
        line = code[: found.start()].count(b"\n") + 1
        what = found[0].decode(errors="replace")
        raise _unsafe(label, "code that does more than compute", f"{what} ({info.filename}:{line})")


def _check_pickle(data: bytes, name: str, label: str) -> None:
    try:
        operations = list(pickletools.genops(data))
    except Exception as error:  # a hostile pickle can make the reader raise anything
        raise archive.broken(label, error) from error
    for opcode, argument, _ in operations:
        if opcode.name in {"STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"} or (
            opcode.name == "GLOBAL" and not GLOBALS.fullmatch(str(argument))
        ):
            raise _unsafe(label, "a pickled object of a foreign kind", f"{argument} ({name})")


def _unsafe(label: str, what: str, where: str) -> ModelLoadError:
    return ModelLoadError(
        f"got {what} in {label}: {where[:120]}",
        "do not use this file, unless you trust it: --trust",
    )


def traced(stream: BinaryIO) -> Traced:
    """Return the inputs recorded by `torch.jit.trace`; only shapes are read, nothing is called."""
    stream.seek(0)
    with zipfile.ZipFile(stream) as opened:
        names = [n for n in opened.namelist() if n.endswith("/traced_inputs.pkl")]
        if not names:
            return ()
        with opened.open(names[0]) as member:
            try:
                found = _Shapes(member).load().get("forward", ())
                return tuple((tuple(map(int, shape)), STORAGES[kind]) for kind, shape in found)
            except Exception:  # noqa: BLE001 - the shapes are a convenience: without, they are asked for
                return ()


class _Shapes(pickle.Unpickler):
    """Reads a pickle of tensors as (storage name, shape) pairs; knows no other class."""

    def find_class(self, module: str, name: str) -> Any:
        known: dict[str, Callable[..., Any] | str] = {
            "torch._utils _rebuild_tensor_v2": lambda storage, _, shape, *__: (storage[1], shape),
            "torch.jit._pickle restore_type_tag": lambda value, _: value,
            "collections OrderedDict": OrderedDict,
            **{f"torch {storage}": storage for storage in STORAGES},
        }
        return known[f"{module} {name}"]

    def persistent_load(self, pid: Any) -> Any:
        return pid
