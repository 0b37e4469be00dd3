"""Reading a `.pt2` before torch does: only what is plain data may reach `torch.export.load`.

torch's loader unpickles some members, loads compiled libraries from others, evaluates symbolic
shapes as Python, and resolves the target of a graph node to any attribute of `torch`. So a file
passes only where every member, expression and target is of a kind that cannot run code.
"""

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit.errors import ModelLoadError
from edgekit.system.archive import BROKEN

MAX_JSON_BYTES = 256 * 1024 * 1024

MEMBERS = re.compile(
    r"[^/]+/("
    r"data/weights/(weight_\d+|\w+_weights_config\.json)|"
    r"data/constants/(tensor_\d+|\w+_constants_config\.json)|"
    r"data/sample_inputs/\w+\.pt|models/\w+\.json|"
    r"archive_format|archive_version|byteorder|version|\.format_version|\.storage_alignment|"
    r"\.data/\w+)"
)
PATH_NAMES = re.compile(r"(weight|tensor)_\d+")
TARGETS = re.compile(
    r"torch\.ops\.\w+\.\w+(\.\w+)?|torch\.sym_\w+|math\.\w+|"
    r"_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_|not_)"
)
# The functions that torch writes into symbolic shapes.
FUNCTIONS = {
    "Symbol",
    "Add",
    "Mul",
    "Integer",
    "Float",
    "Rational",
    "Max",
    "Min",
    "Mod",
    "PythonMod",
    "floor",
    "ceiling",
    "FloorDiv",
    "CeilDiv",
    "CleanDiv",
    "ModularIndexing",
    "IntTrueDiv",
    "FloatTrueDiv",
    "TruncToInt",
    "TruncToFloat",
    "RoundToInt",
    "PowByNatural",
    "Pow",
    "Eq",
    "Ne",
    "Lt",
    "Le",
    "Gt",
    "Ge",
    "And",
    "Or",
    "Not",
    "Where",
    "Identity",
}
EXPRESSION_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Call,
    ast.keyword,
    ast.Name,
    ast.Constant,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
    ast.expr_context,
)


def check(path: Path) -> None:
    """Raise `ModelLoadError` for a file that is broken, or could run code when loaded or run."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise _unsafe(path, "two members of one name", "")
            for info in archive.infolist():
                if not MEMBERS.fullmatch(info.filename):
                    raise _unsafe(path, "a member that is not plain data", info.filename)
                if info.filename.endswith(".json"):
                    if info.file_size > MAX_JSON_BYTES:
                        raise _unsafe(path, "a graph too large to be one", info.filename)
                    _check_json(path, json.loads(archive.read(info)))
    except BROKEN as error:
        raise ModelLoadError(
            f"got a file that is no whole .pt2 archive: {path}: {error}",
            "it may be truncated; copy it again, or save the model again",
        ) from error


def _check_json(path: Path, document: Any) -> None:
    for key, value in _entries(document):
        if key == "use_pickle" and value is not False:
            raise _unsafe(path, "pickled weights", "use_pickle")
        if key == "path_name" and not PATH_NAMES.fullmatch(str(value)):
            raise _unsafe(path, "an object that is no tensor", str(value))
        if key == "target" and isinstance(value, str) and not TARGETS.fullmatch(value):
            raise _unsafe(path, "a call to something that is no operator", value)
        if key == "expr_str" and not _is_arithmetic(str(value)):
            raise _unsafe(path, "code where a shape belongs", str(value))


def _entries(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from _entries(value)
    elif isinstance(node, list):
        for value in node:
            yield from _entries(value)


def _is_arithmetic(expression: str) -> bool:
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return all(_is_harmless(node) for node in ast.walk(tree))


def _is_harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
    if isinstance(node, ast.Name):
        return "__" not in node.id
    if isinstance(node, ast.Constant):
        text = node.value
        return isinstance(text, int | float) or bool(re.fullmatch(r"\w+", str(text)))
    return isinstance(node, EXPRESSION_NODES)


def _unsafe(path: Path, what: str, where: str) -> ModelLoadError:
    return ModelLoadError(
        f"got {what} in {path}: {where[:80]!r}",
        "do not use this file, unless you trust it: --trust",
    )
