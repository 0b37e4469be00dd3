"""What runs on the device: the standard library, numpy and the runtime, nothing else of edgekit.

The runner comes in by the door below, here and on a board alike. A runtime opens a file and runs
it; it never judges what comes out, and knows no other runtime.
"""

import importlib
from typing import Protocol


class Session(Protocol):
    """A file opened by its runtime."""

    def run(self, inputs):
        """Run one inference: a list of arrays in, one of arrays out, in the file's order."""

    def delegation(self):
        """Return (operators taken by delegates, all operators), or None where it is not known."""


class Runtime(Protocol):
    """One runtime. `PACKAGES` are the distributions that it runs files with here, by name."""

    PACKAGES: tuple

    def prepare(self):
        """Import the runtime, so that its own memory belongs to the idle baseline."""

    def version(self):
        """Return the name and version of the package that runs the file."""

    def open_session(self, path, threads, kernels) -> Session:
        """Load a file; `kernels` is `optimized` or `reference`. Raises `ValueError` for others."""


def open(name) -> Runtime:  # noqa: A001 - called as runtimes.open
    """Return the runtime of a name. Raises `ModuleNotFoundError` where there is none."""
    return importlib.import_module(f"{__name__}.{name}")
