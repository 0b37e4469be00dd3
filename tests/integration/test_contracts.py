"""Every contract on imports bites: one violation of each is planted, and refused by name."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What is planted in a copy of the toolkit: contract, module that breaks it, and how.
PLANTED = {
    "Rooms": ("system/store.py", "from edgekit.pipeline import runs"),
    "Formats": ("formats/keras/loader.py", "from edgekit.formats.onnx import file"),
    "Packaging": ("packaging/render.py", "from edgekit.packaging import package"),
    "Pipeline": ("pipeline/runs.py", "from edgekit.pipeline import steps"),
    "Plugins of one kind do not import each other": (
        "data/csv.py", "from edgekit.data import npz",
    ),
    "What runs on a device imports nothing of edgekit": (
        "runtimes/litert.py", "from edgekit import errors",
    ),
    "A runtime knows no other runtime": ("runtimes/litert.py", "from . import executorch"),
    "The core touches no file, process, clock or framework": ("core/tensor.py", "import os"),
    "Reports, metrics and packagers start no process and write no file": (
        "reports/json.py", "import subprocess",
    ),
    "Only the command line speaks to a terminal": ("reports/markdown.py", "import rich"),
}  # fmt: skip


def lint(folder):
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--cache-dir", str(folder / "cache")],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "toolkit"), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of the toolkit with its contracts, which keeps them."""
    folder = tmp_path_factory.mktemp("contracts")
    shutil.copytree(ROOT / "toolkit", folder / "toolkit")
    shutil.copy(ROOT / "pyproject.toml", folder)
    assert lint(folder).returncode == 0
    return folder


def test_every_contract_has_its_violation_here():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = [contract["name"] for contract in config["tool"]["importlinter"]["contracts"]]
    assert sorted(names) == sorted(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_refused(copy, name):
    file, line = PLANTED[name]
    path = copy / "toolkit" / "edgekit" / file
    before = path.read_text()
    path.write_text(f"{before}\n\ndef _planted():\n    {line}\n")
    try:
        done = lint(copy)
    finally:
        path.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{name} BROKEN" in done.stdout
    module = f"edgekit.{file.removesuffix('.py').replace('/', '.')}"
    assert f"{module} -> " in done.stdout.partition("Broken contracts")[2]
