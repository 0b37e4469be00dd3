"""What the integration tests share."""

import importlib.util
import sys
from pathlib import Path

import pytest

# Helpers of several test modules lie beside them; some are the unit tests'.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "unit"))

import packages_made

NEEDS = {"tf": "tensorflow", "torch": "executorch"}


def pytest_runtest_setup(item):
    """Skip by name where an extra is not installed."""
    for mark, module in NEEDS.items():
        if item.get_closest_marker(mark) and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """Return a cache that the tests of a session share, so that each thing is made once."""
    return {"EDGEKIT_CACHE": str(tmp_path_factory.mktemp("cache"))}


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
def demo_run(tmp_path_factory):
    """Return the folder of a run like the demo's."""
    return packages_made.finished_run("demo", tmp_path_factory)


@pytest.fixture(scope="session")
def colour_run(tmp_path_factory):
    """Return the folder of a run on colour images, with a name and classes hard to write."""
    return packages_made.finished_run("colour", tmp_path_factory)


@pytest.fixture(scope="session")
def plain_run(tmp_path_factory):
    """Return the folder of a run on rows of numbers."""
    return packages_made.finished_run("plain", tmp_path_factory)
