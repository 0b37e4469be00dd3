"""Data sets, a file a kind.

`pipeline` comes in by the door below. A kind of data reads samples as they are; it never
preprocesses, splits or shuffles them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgekit.core.suggest import did_you_mean
from edgekit.errors import UsageError
from edgekit.system.plugins import Door

if TYPE_CHECKING:
    from edgekit.core.dataset import Dataset


class Kind(Protocol):
    """One kind of data."""

    def matches(self, ref: str) -> bool:
        """Return whether `ref` is of this kind, by its name and what lies there."""
        ...

    def open_dataset(self, ref: str) -> "Dataset":
        """Return the data set; samples are read when they are asked for. Raises `DataError`."""
        ...


_KINDS = Door[Kind]("kind of data", __name__)

load, names = _KINDS.load, _KINDS.names


def open_dataset(ref: str) -> "Dataset":
    """Open the data set that `ref` names: `kind:path`, or a path whose kind shows.

    Raises `UsageError` for what is of no known kind, `DataError` for what cannot be read.
    """
    kind, colon, rest = ref.partition(":")
    if colon and kind in names():
        return load(kind).open_dataset(rest)
    for name in names():
        if load(name).matches(ref):
            return load(name).open_dataset(ref)
    if Path(ref).exists():
        raise UsageError(
            f"got data of no known kind: {ref}",
            "give an .npz, .csv or .tsv file, an idx folder, or a folder of class folders",
        )
    raise UsageError(f"got data '{ref}', expected a path or a name", did_you_mean(ref, names()))


def located(ref: str, root: Path) -> str:
    """Return `ref` with its path, if it has one, relative to `root`; a name stays a name."""
    if ref in names():
        return ref
    kind, colon, rest = ref.partition(":")
    return f"{kind}:{root / rest}" if colon and kind in names() else str(root / ref)
