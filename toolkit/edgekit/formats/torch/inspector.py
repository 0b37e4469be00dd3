"""`.pt2`, `.pt` and `.pth` files, listed as the archives they are: nothing in them is unpickled."""

import pickletools
import zipfile
from pathlib import Path
from typing import Any

from edgekit.errors import ModelLoadError

SUFFIXES = (".pt2", ".pt", ".pth")


def inspect(path: Path) -> dict[str, Any]:
    """Return the members, and every global that unpickling the file would look up."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            looked_up: set[str] = set()
            for name in names:
                if name.endswith(".pkl"):
                    looked_up |= _globals(archive.read(name))
    except Exception as error:  # a hostile archive can make the readers raise anything
        raise ModelLoadError(
            f"got a file that is no whole PyTorch archive: {path}: {error}", "it may be truncated"
        ) from error
    return {"format": "torch", "members": len(names), "pickle_globals": sorted(looked_up)}


def _globals(data: bytes) -> set[str]:
    """Return `module name` of each global in a pickle, without running it."""
    found: set[str] = set()
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(data):
        if isinstance(argument, str) and "UNICODE" in opcode.name:
            strings.append(argument)
        if opcode.name == "GLOBAL":
            found.add(str(argument))
        elif opcode.name == "STACK_GLOBAL":
            found.add(" ".join(strings[-2:]))
    return found
