"""pyproject.toml, and the metadata that is made of it, are the one truth of who needs what."""

import ast
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from edgekit import formats, runtimes
from edgekit.errors import MissingExtraError, UsageError
from edgekit.system import packages, resources
from edgekit.system.plugins import ROOT

# No extra brings timm: whoever names one of its architectures has it.
BROUGHT_BY_NOBODY = {"timm"}

METADATA = """Metadata-Version: 2.4
Name: edgekit
Version: 9.9
Requires-Dist: numpy<3,>=2
Requires-Dist: nothing-of-ours; sys_platform == 'no such platform'
Provides-Extra: small
Requires-Dist: shared>=1; extra == 'small'
Provides-Extra: large
Requires-Dist: shared>=1; extra == 'large'
Requires-Dist: other==2; extra == 'large'
Provides-Extra: all
Requires-Dist: edgekit[large,small]; extra == 'all'
"""


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """Run from an installed copy that has only its metadata."""
    info = tmp_path / "edgekit-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(resources, "PACKAGE", tmp_path / "edgekit")


def names(required):
    return {extra: sorted(line.name for line in lines) for extra, lines in required.items()}


def test_a_checkout_is_read_from_its_pyproject():
    project = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text())["project"]
    found, extras = packages.requirements(), project["optional-dependencies"]
    assert list(found) == [packages.BASE, *extras]
    for extra, lines in {packages.BASE: project["dependencies"], **extras}.items():
        if extra != "all":
            assert list(found[extra]) == [Requirement(line) for line in lines]
    parts = Requirement(extras["all"][0]).extras
    assert set(found["all"]) == {line for part in parts for line in found[part]}


def test_an_installed_copy_is_read_from_its_metadata(wheel):
    found = packages.requirements()
    assert names(found) == {
        "base": ["numpy"], "small": ["shared"], "large": ["other", "shared"],
        "all": ["other", "shared"],
    }  # fmt: skip
    assert found["small"][0] in found["all"]
    assert str(found["base"][0].specifier) == "<3,>=2"


def test_without_either_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "PACKAGE", tmp_path / "site" / "edgekit")
    monkeypatch.setattr(packages, "DISTRIBUTION", "edgekit-of-nobody")
    with pytest.raises(UsageError, match=r"no metadata of edgekit, and no pyproject\.toml"):
        packages.requirements()


def test_of_two_extras_the_smaller_is_named(wheel, monkeypatch):
    monkeypatch.setattr(packages, "installed", lambda _: None)
    assert packages.extra_of("shared") == "small"
    assert packages.extra_of("other") == "large"


@pytest.mark.parametrize("there", ["tensorflow", "torch"])
def test_of_two_extras_the_one_that_is_mostly_there_is_named(monkeypatch, there):
    mine = {line.name for line in packages.requirements()[there]} - {"scikit-learn", "tensorboard"}
    monkeypatch.setattr(packages, "installed", lambda name: "1" if name in mine else None)
    assert packages.extra_of("scikit-learn") == there
    assert f"edgekit[{there}]" in packages.missing("tensorboard").hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ethos-u-vela", "'edgekit[ethos-u]'"),
        ("huggingface_hub.file_download", "'edgekit[hub]'"),
        ("Pillow", "'edgekit'"),
        ("timm", "no extra of edgekit brings it"),
    ],
)
def test_the_hint_says_how_to_get_it(name, hint):
    assert hint in packages.missing(name).hint


def test_versions_are_those_that_are_installed():
    import numpy as np

    assert packages.versions(("numpy",)) == {"numpy": np.__version__}
    with pytest.raises(MissingExtraError, match="'no-such-package'"):
        packages.versions(("numpy", "no-such-package"))


def _asked_for():
    """Yield every name that edgekit's code asks `packages` for, with where it does."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
                "missing", "versions",
            }:  # fmt: skip
                for given in node.args:
                    for part in given.elts if isinstance(given, ast.Tuple) else [given]:
                        if isinstance(part, ast.Constant):
                            yield part.value, f"{file.relative_to(ROOT)}:{node.lineno}"


def _needed():
    for kind, names in (
        (formats.loader, formats.loaders()),
        (formats.exporter, formats.exporters()),
    ):
        yield from ((p, f"{n}") for n in names for p in kind(n).PACKAGES)
    for file in (ROOT / "runtimes").glob("*.py"):
        if file.stem not in {"__init__", "runner"}:
            yield from ((p, file.name) for p in runtimes.open(file.stem).PACKAGES)


def test_whatever_the_code_needs_some_extra_brings():
    asked = [*_asked_for(), *_needed()]
    assert {"torch", "onnxruntime", "cryptography", "scikit-learn"} <= {name for name, _ in asked}
    lost = [
        (name, where) for name, where in asked
        if packages.extra_of(name) is None and name not in BROUGHT_BY_NOBODY
    ]  # fmt: skip
    assert not lost


def test_asking_what_is_needed_imports_no_framework(tmp_path):
    code = (
        "import sys\nfrom edgekit.system import packages\nfrom edgekit.devices import local\n"
        "packages.missing('torch')\nfrom edgekit import runtimes\n"
        "print([runtimes.open(n).PACKAGES for n in ('executorch', 'litert', 'torchscript')])\n"
        "assert not {'torch', 'executorch', 'ai_edge_litert'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
