"""Package: what an app developer takes, and the manifest that stands in it."""

from edgekit.core.card import ModelCard
from edgekit.core.measurement import Metric
from edgekit.core.noun import Noun
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.core.verdict import Verdict


class Border(Noun):
    """An input or output, with its quantization in words."""

    spec: TensorSpec
    in_words: str


class Golden(Noun):
    """Inputs and what the validated file made of them; both as the file's own tensor types.

    `tolerance` is in units of the output tensor: quantization steps for integers, else absolute.
    """

    file: str
    samples: int
    tolerance: float
    tolerance_in_words: str


class Manifest(Noun):
    """Everything an app needs to call the file as it was validated."""

    schema_version: int = 1
    name: str
    format: str
    recipe: str
    artifact: str
    preprocess: Preprocess
    labels: tuple[str, ...]
    inputs: tuple[Border, ...]
    outputs: tuple[Border, ...]
    card: ModelCard | None
    tools: dict[str, str]
    runtime: str
    metrics: tuple[Metric, ...]
    verdict: Verdict | None
    golden: Golden | None
    source_sha256: str
    data_sha256: str
    files: dict[str, str]


class Package(Noun):
    """A package on disk."""

    kind: str
    path: str
    sha256: str
    size_bytes: int
    manifest: Manifest
