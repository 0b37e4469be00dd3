"""What the unit tests share."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

# Lets the tests import `make`, which lies beside this file.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _nothing_shared(own_cache):
    """Give each test a cache of its own: they convert nothing, and some count what is in it."""


@pytest.fixture
def edgekit(tmp_path, monkeypatch, capfd):
    """Return a function that runs the command line in this process, in an empty folder."""
    from edgekit.cli import app

    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        arguments = [*map(str, arguments)]
        monkeypatch.setattr(sys, "argv", ["edgekit", *arguments])
        code = app._run(arguments)
        out, err = capfd.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    return run
