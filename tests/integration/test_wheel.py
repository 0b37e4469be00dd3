"""The wheel as a user gets it: zoo, targets and constraints inside, from any folder."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build the wheel and unpack it where no checkout is near."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    site = folder / "site"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return site


@pytest.fixture
def run(installed, tmp_path):
    """Return a function that runs the installed copy, not the checkout."""

    def run(*arguments):
        env = {**os.environ, "PYTHONPATH": str(installed), "EDGEKIT_CACHE": str(tmp_path / "c")}
        argv = [sys.executable, "-P", "-m", "edgekit", *arguments]
        return subprocess.run(
            argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    return run


def test_it_is_the_installed_copy_with_all_its_data(run, installed):
    where = subprocess.run(
        [sys.executable, "-c", "import edgekit; print(edgekit.__file__)"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    assert {m["name"] for m in json.loads(run("models", "--json").stdout)} == {
        "gru", "mobilenet", "resnet8", "simplenet", "vit",
    }  # fmt: skip
    shown = {target["id"] for target in json.loads(run("targets", "--json").stdout)}
    assert shown >= {profile.stem for profile in (ROOT / "targets").glob("*.toml")}
    shipped = (installed / "edgekit" / "_shipped" / "recipes").glob("*.toml")
    assert {path.name for path in shipped} == {p.name for p in (ROOT / "recipes").glob("*.toml")}
    packages = json.loads(run("doctor", "--json").stdout)["packages"]
    assert {package["extra"] for package in packages} >= {"base", "torch", "tensorflow", "sign"}
    # Arm's compilers want an environment of their own.
    assert all(package["known_good"] for package in packages if package["extra"] != "ethos-u")


def test_the_sources_of_packages_are_in_it(installed):
    toolkit = ROOT / "toolkit"
    packagers = "edgekit/packaging/packagers/*"
    templates = [p for p in toolkit.glob(f"{packagers}/templates/**/*.*") if p.is_file()]
    assert len(templates) > 80
    absent = [
        path for path in templates
        if path.suffix != ".pyc" and not (installed / path.relative_to(toolkit)).is_file()
    ]  # fmt: skip
    assert not absent


@pytest.mark.tf
@pytest.mark.torch
def test_both_formats_are_made_from_a_zoo_name(run, tmp_path):
    for target, file in (("tflite", "simplenet-int8.tflite"), ("executorch", "simplenet-int8.pte")):
        done = run("convert", "simplenet", "--target", target, "--quantize", "int8")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / file).stat().st_size > 50_000
