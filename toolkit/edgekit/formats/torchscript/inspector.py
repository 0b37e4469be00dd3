"""`.ptl` files: the lite interpreter's bytecode, read without running or rebuilding anything."""

import io
import pickle
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit.errors import ModelLoadError

SUFFIXES = (".ptl",)
# Bytecode is lists of instructions; one larger than this is not a model's.
MAX_BYTECODE_BYTES = 64 * 2**20


def inspect(path: Path) -> dict[str, Any]:
    """Return the members, the bytecode's version, and how often each operator is called."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            member = next(name for name in names if name.endswith("/bytecode.pkl"))
            with archive.open(member) as file:
                version, *methods = _Inert(io.BytesIO(file.read(MAX_BYTECODE_BYTES))).load()
        calls = sum((_calls(dict(table)) for _, table, *_ in methods), Counter())
    except Exception as error:  # a hostile archive can make the readers raise anything
        raise ModelLoadError(
            f"got a file that is no whole lite interpreter archive: {path}: "
            f"{type(error).__name__}: {error}",
            "it may be truncated, or TorchScript that was not saved for the lite interpreter",
        ) from error
    return {
        "format": "torchscript",
        "bytecode_version": version,
        "members": len(names),
        "operators": dict(sorted(calls.items())),
    }


class _Inert(pickle.Unpickler):
    """Reads tuples, texts and numbers; whatever a pickle would call or load becomes None."""

    def find_class(self, module: str, name: str, /) -> Callable[..., None]:
        """Return a function that does nothing, whichever was asked for."""
        del module, name
        return lambda *_: None

    def persistent_load(self, pid: Any, /) -> None:
        """Leave tensors where they are."""


def _calls(table: dict[str, Any]) -> Counter[str]:
    """Count the instructions that call an operator, by its name."""
    names = [operator[0] for operator in table["operators"]]
    chosen = (row for row in table["instructions"] if row[0] in {"OP", "OPN"})
    return Counter(names[row[1]] for row in chosen)
