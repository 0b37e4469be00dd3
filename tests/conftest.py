"""What all tests share: a cache of their own, and real data that may not be there."""

import os
import subprocess
import sys
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


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Keep every test away from the user's own cache and profiles."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("EDGEKIT_CACHE", str(home / "cache"))
    monkeypatch.setenv("EDGEKIT_HOME", str(home / "config"))
    return home


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


@pytest.fixture
def edgekit(tmp_path):
    """Return a function that runs the command line in an empty folder, as a user would."""

    def run(*arguments, cwd=tmp_path, env=None, timeout=600):
        return subprocess.run(
            [sys.executable, "-m", "edgekit", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    run.cwd = tmp_path
    return run
