"""TorchScript archives and the lite interpreter's `.ptl`, read without running or rebuilding."""

import io
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from edgekit.core.facts import Facts
from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.torchscript import file as script_file
from edgekit.formats.torchscript import pickles

SUFFIXES = (".ptl", ".ts", ".torchscript")
# Bytecode is lists of instructions; one larger than this is not a model's.
MAX_BYTECODE_BYTES = 64 * 2**20
CALL = re.compile(r"\b(torch|ops\.\w+)\.(\w+)\(")


def inspect(path: Path) -> Facts:
    """Return members and operators; of bytecode its version, of a traced model its inputs."""
    with path.open("rb") as stream:
        return describe(stream, str(path))


def describe(stream: BinaryIO, label: str) -> Facts:
    """Return the facts of an archive that is open already. Raises `ModelLoadError`."""
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
            bytecode = [name for name in names if name.endswith("/bytecode.pkl")]
            if bytecode or not script_file.is_script(stream):
                return _lite(archive, names, bytecode[0])
        return _script(stream, names)
    except Exception as error:  # a hostile archive can make the readers raise anything
        raise ModelLoadError(
            f"got a file that is no whole lite interpreter archive: {label}: "
            f"{type(error).__name__}: {error}",
            "it may be truncated, or TorchScript that was not saved for the lite interpreter",
        ) from error


def _lite(archive: zipfile.ZipFile, names: list[str], member: str) -> Facts:
    with archive.open(member) as file:
        version, *methods = pickles.Inert(io.BytesIO(file.read(MAX_BYTECODE_BYTES))).load()
    calls: Counter[str] = Counter()
    for _, rows, *_ in methods:
        table = dict(rows)
        operators = [operator[0] for operator in table["operators"]]
        calls.update(operators[row[1]] for row in table["instructions"] if row[0] in {"OP", "OPN"})
    return Facts(
        format="torchscript",
        operators=dict(sorted(calls.items())),
        more={"bytecode_version": version, "members": len(names)},
    )


def _script(stream: BinaryIO, names: list[str]) -> Facts:
    """Return the operators as its code calls them, and the inputs that it was traced with."""
    calls: Counter[str] = Counter()
    looked_up: set[str] = set()
    with zipfile.ZipFile(stream) as archive:
        for name in names:
            if script_file.CODE.fullmatch(name):
                with archive.open(name) as member:
                    code = member.read(script_file.MAX_CODE_BYTES).decode(errors="replace")
                calls.update(f"{space}.{call}" for space, call in CALL.findall(code))
            elif name.endswith(".pkl"):
                looked_up |= pickles.globals_of(io.BytesIO(archive.read(name)))
    inputs = tuple(
        TensorSpec(name=f"inputs_{i}", shape=shape, dtype=dtype)
        for i, (shape, dtype) in enumerate(script_file.traced(stream))
    )
    return Facts(
        format="torchscript",
        inputs=inputs,
        operators=dict(sorted(calls.items())),
        more={"members": len(names), "pickle_globals": tuple(sorted(looked_up))},
    )
