"""A factory's hash covers what its code reads, seen by running it in a process of its own."""

import json
import subprocess
import sys

import pytest

from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.sources import factories, resolve
from edgekit.sources.model import Model
from edgekit.system import process, store

pytestmark = pytest.mark.usefixtures("own_cache")

# Looks at one factory a line, each in a process of its own, which need not import edgekit again.
LOOK = """
import json, os, sys
from edgekit.core.artifact import ModelSource
from edgekit.formats import factory
from edgekit.sources import factories
for line in sys.stdin:
    if os.fork() == 0:
        folder, text = json.loads(line)
        os.chdir(folder)
        source = ModelSource.from_json(text)
        print(json.dumps(factories.files_read(source, lambda: factory.call(source))), flush=True)
        os._exit(0)
    os.wait()
"""


def source_of(path, factory="build", **more):
    known = {"kind": "torch", "framework": "torch", "ref": "net.py:build", "sha256": ""}
    return ModelSource(**{**known, "path": str(path), "factory": factory, **more})


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a neighbour, a package, data, and things that nobody reads."""
    root = tmp_path / "nets"
    for name, text in {
        "helper.py": "import deeper\nWIDTH = 3\n",
        "deeper.py": "DEPTH = 1\n",
        "parts/__init__.py": "",
        "parts/block.py": "from . import inner\n",
        "parts/inner.py": "X = 1\n",
        "words.txt": "a b c\n",
        "weights.h5": "numbers",
        "template.py": "{{ name }} = {% 1 %}",
        "unread.py": "raise SystemExit\n",
        "unread.txt": "nothing",
        ".venv/lib/python3.11/site-packages/installed.py": "V = 1\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def looker():
    """Return a function that has a factory looked at, from the folder around its own."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-P", "-c", LOOK], **pipes, text=True) as child:

        def look(source, folder):
            child.stdin.write(json.dumps([str(folder.parent), source.to_json()]) + "\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())

        yield look


@pytest.fixture
def read(folder, looker):
    """Return a function: which files, and which that are not there, a factory's code depends on."""

    def read(code, **more):
        (folder / "net.py").write_text(code)
        names = looker(source_of(folder / "net.py", **more), folder)
        there = [name for name in names if (folder / name).exists()]
        return there, sorted(set(names) - set(there))

    return read


@pytest.mark.parametrize(
    ("code", "files"),
    [
        pytest.param("def build(): ...", [], id="alone"),
        pytest.param(
            "import helper\ndef build(): ...", ["deeper.py", "helper.py"], id="neighbours"
        ),
        pytest.param("def build():\n    import deeper", ["deeper.py"], id="a late import"),
        pytest.param(
            "from parts.block import inner\ndef build(): ...",
            ["parts/__init__.py", "parts/block.py", "parts/inner.py"],
            id="a package",
        ),
        pytest.param(
            "from pathlib import Path\nHERE = Path(__file__).parent\n"
            "def build():\n    return (HERE / ('words' + '.txt')).read_text()",
            ["words.txt"],
            id="data",
        ),
        pytest.param(
            "def build(): return 'weights.h5'", ["weights.h5"], id="data that C code may open"
        ),
        pytest.param("def build(): return 'nets/words.txt'", ["words.txt"], id="data from here"),
        pytest.param(
            "import runpy, pathlib\n"
            "def build(): runpy.run_path(str(pathlib.Path(__file__).with_name('deep' + 'er.py')))",
            ["deeper.py"],
            id="code that is no module",
        ),
        pytest.param(
            "import sys\nsys.path.append(__file__[:-6] + '.venv/lib/python3.11/site-packages')\n"
            "import installed, json, wave\ndef build(): ...",
            [],
            id="what is installed",
        ),
        pytest.param(
            "def build(): open(__file__[:-6] + 'template.py').close()",
            ["template.py"],
            id="data that only looks like code",
        ),
        pytest.param(
            "def build(): return ['x' * 9, '%s', '\\ud800', '\\0', '', '.']" % ("y" * 5000),
            [],
            id="strings that are no paths",
        ),
        pytest.param(
            "def other():\n    import helper\ndef build(): ...",
            [],
            id="another factory of the file",
        ),
    ],
)
def test_what_the_code_reads_is_seen_and_nothing_else(read, code, files):
    for _ in range(2):  # the second time from compiled modules
        assert read(code) == (sorted([*files, "net.py"]), [])


def test_code_from_elsewhere_is_seen_but_not_what_the_code_wrote_there(read, tmp_path):
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "shared.py").write_text("X = 1\n")
    code = (
        "import importlib.util, pathlib, sys\nROOT = pathlib.Path(__file__).parents[1]\n"
        "sys.path.append(str(ROOT / 'common'))\n"
        "def build():\n    import shared\n"
        "    (ROOT / 'common' / 'generated.py').write_text('Y = 1')\n    import generated"
    )
    assert read(code) == (["../common/shared.py", "net.py"], [])


def test_a_module_that_would_be_taken_if_it_were_there_is_noted(read):
    code = "try:\n    import extra\nexcept ImportError:\n    extra = None\ndef build(): ..."
    assert read(code) == (["net.py"], ["extra.py", "extra/__init__.py"])
    code = "try:\n    open(__file__ + 'x')\nexcept OSError:\n    pass\ndef build(): ..."
    assert read(code) == (["net.py"], ["net.pyx"])


def test_arguments_decide_what_is_read_and_weights_have_a_hash_of_their_own(read, folder):
    code = "def build(deep=False):\n    if deep:\n        import deeper\n    return 'weights.h5'"
    assert read(code, arguments={"deep": True})[0] == ["deeper.py", "net.py", "weights.h5"]
    weights = str(folder / "weights.h5")
    assert read(code, arguments={"deep": False}, weights=weights)[0] == ["net.py"]


@pytest.fixture
def known(folder, monkeypatch):
    """Return a function that settles `net.py`, which reads helper.py and deeper.py, and counts."""
    (folder / "net.py").write_text("import torch, helper\n")
    weights = folder.parent / "w.pt"
    weights.write_bytes(b"1")
    files = ["net.py", "helper.py", "deeper.py", "extra.py"]
    calls = []

    def call(job, question, failure, **limits):
        calls.append(job)
        return factories.Read(files=tuple(files))

    monkeypatch.setattr(process, "call", call)

    def settle():
        source = resolve.resolve(f"{folder / 'net.py'}:build", weights=weights)
        before = len(calls)
        model = Model(source, ModelCard(name="net"), ("x",))
        done = factories.settled(model, trust=False, seed=0, limits=process.Limits())
        assert (done.card, done.input_names) == (model.card, model.input_names)
        return done.source.sha256, len(calls) - before

    return settle


def test_the_code_is_looked_at_once_and_again_where_it_has_changed(known, folder):
    first, looks = known()
    assert (len(first), looks) == (64, 1)
    assert known() == (first, 0)
    (folder / "unread.py").write_text("# edited")
    (folder / "unread.txt").write_text("edited")
    assert known() == (first, 0)
    for file, text in (("deeper.py", "DEPTH = 2\n"), ("net.py", "import torch, helper  # new\n")):
        before = (folder / file).read_text()
        (folder / file).write_text(text)
        other, looks = known()
        assert other != first
        assert looks == 1
        assert known() == (other, 0)
        (folder / file).write_text(before)
        known()
        assert known() == (first, 0)


def test_what_appears_where_it_was_looked_for_is_looked_at(known, folder):
    first, _ = known()
    (folder / "extra.py").write_text("X = 1")
    other, looks = known()
    assert (other != first, looks) == (True, 1)


def test_other_weights_are_another_model_of_the_same_code(known, folder):
    first, _ = known()
    (folder.parent / "w.pt").write_bytes(b"2")
    other, looks = known()
    assert (other != first, looks) == (True, 0)


def test_a_damaged_record_is_no_record(known):
    first, _ = known()
    record = next((store.cache_folder() / "loaded").iterdir())
    record.write_text("{")
    assert known() == (first, 1)


def test_the_same_code_elsewhere_is_the_same_model(known, folder, tmp_path, monkeypatch):
    first, _ = known()
    source = source_of(folder / "net.py")
    kept = factories.Loaded.from_json(factories._record(source).read_bytes())
    moved = tmp_path / "moved"
    folder.rename(moved)
    again = source_of(moved / "net.py")
    assert factories.sha256_of(again) == ""
    store.write_text(factories._record(again), kept.to_json())
    weights = {"weights": str(tmp_path / "w.pt")}
    assert factories.sha256_of(again.model_copy(update=weights)) == first


def test_a_source_that_has_its_hash_is_not_looked_at(tmp_path):
    source = source_of(tmp_path / "gone.py", sha256="a" * 64)
    model = Model(source, ModelCard(name="net"))
    assert factories.settled(model, trust=False, seed=0, limits=process.Limits()) == model
