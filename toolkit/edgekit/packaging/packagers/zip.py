"""A plain archive: model files, labels and golden vectors, for code of one's own."""

from edgekit.core.artifact import Artifact
from edgekit.packaging.nouns import Content, Dependency

SUFFIX = ".zip"
FORMATS: tuple[str, ...] = ()
TAKES: tuple[str, ...] = ()


def refusal(artifact: Artifact) -> str | None:
    """Return None: an archive takes any file."""
    del artifact
    return None


def name(content: Content) -> str:
    """Return the archive's file name without suffix."""
    return content.stem


def home(content: Content) -> str:
    """Return where README and manifest go: the archive's root."""
    del content
    return ""


def files(content: Content) -> dict[str, bytes]:
    """Return the assets as they are."""
    return content.assets


def dependencies(content: Content) -> tuple[Dependency, ...]:
    """Return nothing: which runtime to use is left to the reader."""
    del content
    return ()


def usage(content: Content) -> str:
    """Return how to read the archive."""
    several = (
        "\nThere are several model files, each an entry of `variants` with its own golden "
        "vectors; the\nfirst is the default.\n"
        if len(content.variants) > 1
        else ""
    )
    return f"""\
Load `{content.first.file}` with the runtime that `manifest.json` names, and feed it what
`preprocesses` and `inputs` there say. `golden/vectors.bin` holds the golden vectors:
`variants[].golden[]` in `manifest.json` gives for each sample the picture, and the offset, shape
and type of the preprocessed input, of the output, and how far each may differ.
{several}
`edgekit verify PACKAGE --run` computes them again on your computer.
"""
