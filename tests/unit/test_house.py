"""The house itself: its rooms, its sizes, and how far one walks to follow a job."""

import ast
import itertools
import statistics
from pathlib import Path

import pytest

EDGEKIT = Path(__file__).parents[2] / "toolkit" / "edgekit"
ROOMS = {
    "cli", "core", "data", "devices", "formats", "metrics", "packaging", "pipeline", "reports",
    "runtimes", "sources", "system",
}  # fmt: skip
# Every room stands on these; going down to them is no change of room.
GROUND = ("edgekit.core", "edgekit.errors", "edgekit.system")
# What ships inside packages is for other readers, and other Pythons.
MODULES = [path for path in sorted(EDGEKIT.rglob("*.py")) if "templates" not in path.parts]


def tree_of(path):
    return ast.parse(path.read_text())


def functions():
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, kinds):
                yield f"{path.name}:{node.name}", node.end_lineno - node.lineno + 1


def test_the_root_holds_the_rooms_and_three_files():
    found = {path.name for path in EDGEKIT.iterdir() if path.name != "__pycache__"}
    assert found - {"_shipped", "py.typed"} == {"__init__.py", "__main__.py", "errors.py", *ROOMS}


def test_every_folder_says_who_may_call_it_and_what_it_never_does():
    for folder in {path.parent for path in MODULES}:
        said = ast.get_docstring(tree_of(folder / "__init__.py"))
        if folder != EDGEKIT:
            assert "never" in said.split(), folder
            assert len(said.split("\n\n")) >= 2, folder


def test_functions_are_short():
    lengths = dict(functions())
    assert statistics.median(lengths.values()) <= 9
    assert statistics.quantiles(lengths.values(), n=20)[-1] <= 30
    assert not {name: length for name, length in lengths.items() if length > 72}


def test_files_are_short():
    sizes = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert not {path: size for path, size in sizes.items() if size > 450}


def test_plugins_are_loaded_behind_their_doors_only():
    for path in MODULES:
        if path.parent.name != "system":
            assert "plugins.load(" not in path.read_text(), path
            assert 'f"edgekit.' not in path.read_text() or path.parent.name == "to_torch", path


def test_borders_are_typed():
    found = [
        path
        for path in EDGEKIT.rglob("*.py")
        for _ in range(path.read_text().count("dict[str, Any]"))
    ]
    assert len(found) <= 20, found


def dotted(path):
    parts = path.relative_to(EDGEKIT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module, known):
    """Return the modules that a module imports, in the order that one reads them."""
    found = []
    for node in ast.walk(tree_of(known[module])):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edgekit"):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            named = [name for name in whole if name in known]
            found += [(node.lineno, name) for name in named or [node.module]]
    return [name for _, name in sorted(found)]


def walk(start):
    """Return the folders that one goes through from `start`, reading what it imports."""
    known = {dotted(path): path for path in MODULES}
    way, seen, ahead = [], set(), [start]
    while ahead:
        module = ahead.pop(0)
        if module in seen or module.startswith(GROUND):
            continue
        seen.add(module)
        is_door = known[module].name == "__init__.py"
        if not is_door:
            way.append(known[module].parent.name)
            ahead = imports(module, known) + ahead
    return way


@pytest.mark.parametrize(
    ("start", "most"),
    [
        # From TensorFlow and from PyTorch: each has a room that makes its graphs ready.
        ("edgekit.formats.tflite.exporter", 5),
        ("edgekit.formats.torch.loader", 3),
        ("edgekit.formats.executorch.exporter", 2),
    ],
)
def test_one_follows_a_job_without_leaving_the_room_much(start, most):
    way = walk(start)
    changes = sum(one != other for one, other in itertools.pairwise(way))
    assert changes <= most, way
