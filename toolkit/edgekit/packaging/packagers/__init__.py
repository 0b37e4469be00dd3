"""Packages for apps, a folder or file a kind: what becomes of a `Content`, code and proof together.

`packaging` comes in by the door below. A packager is pure: it reads no file but its own templates,
starts no process, and never chooses what it packages.
"""

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from edgekit.system.plugins import Door

if TYPE_CHECKING:
    from edgekit.core.artifact import Artifact
    from edgekit.packaging.nouns import Content, Dependency


class Packager(Protocol):
    """One kind of package.

    `SUFFIX` is the archive's: `.zip`, `.tgz` or `.whl`. `FORMATS` are those that the kind can run,
    () for all. `TAKES` says what its code can hand to a model: `("image", "tensors")`, fewer, or
    () for all.
    """

    SUFFIX: str
    FORMATS: tuple[str, ...]
    TAKES: tuple[str, ...]

    def refusal(self, artifact: "Artifact") -> str | None:
        """Return why a file of those formats cannot be carried, or None."""
        ...

    def name(self, content: "Content") -> str:
        """Return the archive's file name without suffix."""
        ...

    def home(self, content: "Content") -> str:
        """Return the folder inside the archive, "" or ending in "/", that the proof goes to.

        The proof is README.md, manifest.json, sbom.cdx.json and manifest.sig.json.
        """
        ...

    def files(self, content: "Content") -> dict[str, bytes]:
        """Return every other path in the archive with its bytes; it places the assets."""
        ...

    def dependencies(self, content: "Content") -> "tuple[Dependency, ...]":
        """Return what an app needs beside the package."""
        ...

    def usage(self, content: "Content") -> str:
        """Return the README's Markdown of how to add it, call it and run the self-test."""
        ...


@runtime_checkable
class Finishing(Protocol):
    """A packager some of whose files are made from all the others."""

    def finish(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """Return the files that are made from `files`, by their paths."""
        ...


@runtime_checkable
class Allocating(Protocol):
    """A packager whose code gives a model its memory: each variant of its content has an arena."""

    NEEDS_ARENA: Literal[True]


_PACKAGERS = Door[Packager]("kind of package", __name__)

load, names = _PACKAGERS.load, _PACKAGERS.names
