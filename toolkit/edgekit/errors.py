"""Every error a user can meet: what was got, what was expected, one hint, one exit code.

This module imports nothing, so that any layer can raise and any process can rebuild these errors.
"""

EXIT_OK = 0
EXIT_VERDICT_FAILED = 1
EXIT_INTERRUPTED = 130


class EdgekitError(Exception):
    """An error meant for the user's eyes.

    `message` reads "got X, expected Y"; `hint` names one action; `trace` is the file that has all
    that a framework said of it, or "".
    """

    exit_code = 70

    def __init__(self, message: str, hint: str = "", trace: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.trace = trace

    def record(self) -> dict[str, str]:
        """Return the error as plain data, to cross a process boundary or stand in a Run."""
        found = {"kind": type(self).__name__, "message": self.message, "hint": self.hint}
        return {**found, "trace": self.trace} if self.trace else found


class InternalError(EdgekitError):
    """A bug in edgekit itself."""

    exit_code = 70


class UsageError(EdgekitError):
    """A wrong option, name or configuration."""

    exit_code = 2


class DataError(EdgekitError):
    """A data set that cannot be read, or does not fit the model."""

    exit_code = 2


class TargetError(EdgekitError):
    """A target profile with wrong fields."""

    exit_code = 2


class StorageError(EdgekitError):
    """A file that cannot be written: disk full, no permission."""

    exit_code = 2


class MissingExtraError(EdgekitError):
    """A package that an optional part of edgekit needs is not installed."""

    exit_code = 3


class ModelLoadError(EdgekitError):
    """A model file that is broken, unsafe or of an unknown kind."""

    exit_code = 4


class ExportError(EdgekitError):
    """A conversion that failed, or a file that does not compute what its model computes."""

    exit_code = 5


class RuntimeFailedError(EdgekitError):
    """A converted file that its runtime refuses, or that crashes in it."""

    exit_code = 6


KINDS: dict[str, type[EdgekitError]] = {
    kind.__name__: kind
    for kind in (
        InternalError,
        UsageError,
        DataError,
        TargetError,
        StorageError,
        MissingExtraError,
        ModelLoadError,
        ExportError,
        RuntimeFailedError,
    )
}


def from_record(record: dict[str, str]) -> EdgekitError:
    """Rebuild the error that `EdgekitError.record` described; an unknown kind is a bug."""
    kind = KINDS.get(record.get("kind", ""), InternalError)
    return kind(
        record.get("message", "no message"), record.get("hint", ""), record.get("trace", "")
    )
