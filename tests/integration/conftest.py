"""What the integration tests share."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Helpers of several test modules lie beside them; some are the unit tests'.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "unit"))

import packages_made
from patience import PATIENCE_S

HERE = Path(__file__).parent
NEEDS = {"tf": "tensorflow", "torch": "executorch"}
# The modules that take longest, the longest first. The first makes what others package, the second
# needs none of it.
LONGEST = (
    "test_package_apple", "test_people_torch", "test_any_to_any", "test_outputs_more",
    "test_convert", "test_run", "test_package_web", "test_package_android", "test_verify",
    "test_people_keras", "test_proof", "test_people_savedmodel", "test_people_keras2",
    "test_package_microcontroller", "test_lowering", "test_package_python", "test_terminal",
    "test_onnx_import", "test_people_onnx", "test_torch_inputs", "test_onnx_source",
    "test_hostile", "test_hostile_inputs",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Start with what takes longest, so that no worker is left with it; unit tests fill the rest.

    pytest-xdist hands out modules in this order.
    """
    place = {name: number for number, name in enumerate(LONGEST)}

    def turn(item):
        own = item.path.parent == HERE
        return place.get(item.path.stem, len(place)) if own else len(place) + 1

    items.sort(key=turn)


def pytest_runtest_setup(item):
    """Skip by name where an extra is not installed."""
    for mark, module in NEEDS.items():
        if item.get_closest_marker(mark) and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


@pytest.fixture(scope="session")
def asset_module(request):
    """Return a function that imports a Python file of the assets, by its name."""

    def load(name):
        path = request.config.rootpath / "tests" / "assets" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def edgekit(tmp_path):
    """Return a function that runs the command line in an empty folder, as a user would."""

    def run(*arguments, cwd=tmp_path, env=None):
        return subprocess.run(
            [sys.executable, "-m", "edgekit", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    run.cwd = tmp_path
    return run


@pytest.fixture
def card(assets):
    """Return the card of the tiny nets."""
    return assets / "tiny.card.toml"


@pytest.fixture(params=["keras", "torch"])
def tiny(request, assets):
    """Return each tiny net with the format that is made from it, where its extra is installed."""
    module = {"keras": "tensorflow", "torch": "executorch"}[request.param]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    name = {"keras": "tflite", "torch": "executorch"}[request.param]
    return f"{assets}/tiny_{request.param}.py:build", name


@pytest.fixture(scope="session")
def demo_run(session_folder):
    """Return the folder of a run like the demo's."""
    return packages_made.finished_run("demo", session_folder)


@pytest.fixture(scope="session")
def colour_run(session_folder):
    """Return the folder of a run on colour images, with a name and classes hard to write."""
    return packages_made.finished_run("colour", session_folder)


@pytest.fixture(scope="session")
def plain_run(session_folder):
    """Return the folder of a run on rows of numbers."""
    return packages_made.finished_run("plain", session_folder)
