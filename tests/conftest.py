"""What all tests share: a home of their own, and real data that may not be there."""

import os
import time
from pathlib import Path

import hypothesis
import pytest

# Two workers share the machine: how long an example takes says nothing.
hypothesis.settings.register_profile("edgekit", deadline=None)
hypothesis.settings.load_profile("edgekit")

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "tests" / "assets"
SHARED = Path(os.environ.get("EDGEKIT_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory):
    """Return a folder that all workers of pytest-xdist share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session", autouse=True)
def shared_cache(session_folder):
    """Keep tests away from the user's cache and profiles, with one cache for the whole session.

    Its entries are named by what they are made of, so that sharing changes no answer, and each
    conversion is made once. Tests of the cache itself, and of interrupts, take `own_cache`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEKIT_CACHE", str(session_folder / "cache"))
        patch.setenv("EDGEKIT_HOME", str(session_folder / "no-config"))
        yield


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Give each test profiles of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("EDGEKIT_HOME", str(home / "config"))
    return home


@pytest.fixture
def own_cache(tmp_path_factory, monkeypatch):
    """Give a test a cache of its own, and return the folder."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("EDGEKIT_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def assets():
    """Return the folder of committed inputs."""
    return ASSETS


@pytest.fixture
def shared():
    """Return the folder of real data, or skip by name."""
    if not SHARED.is_dir():
        pytest.skip(f"real data is absent: {SHARED} (set EDGEKIT_TEST_DATA)")
    return SHARED


@pytest.fixture(scope="session")
def until():
    """Return a function that waits for `condition()`, at most `seconds`, and fails with its name.

    What the tests wait for comes within a few seconds; the bound is for a machine that is busy.
    """

    def wait(condition, name, seconds=120):
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                pytest.fail(f"waited {seconds} s for {name}")
            time.sleep(0.05)
        return found

    return wait
