"""Package: what an app developer takes, what goes into it, and the manifest that stands in it."""

import math
from collections.abc import Iterable
from typing import Annotated

import numpy as np
from pydantic import Field, StringConstraints

from edgekit.core.artifact import Artifact
from edgekit.core.card import ModelCard
from edgekit.core.measurement import Measurement, Metric
from edgekit.core.noun import Noun
from edgekit.core.preprocess import Preprocess
from edgekit.core.target import Target
from edgekit.core.tensor import Array, TensorSpec
from edgekit.core.verdict import Status, Verdict
from edgekit.packaging.naming import Names

MANIFEST = "manifest.json"
LABELS = "labels.txt"
VECTORS = "golden/vectors.bin"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class GoldenTensor(Noun):
    """One array in `golden/vectors.bin`: row-major, little-endian, from byte `offset` on.

    `tolerance` is the largest absolute difference, of any element, that still counts as the same;
    in units of the elements (quantization steps for integers).
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int = Field(ge=0)
    size_bytes: int = Field(ge=0)
    tolerance: float = Field(ge=0)

    def data(self, vectors: bytes) -> bytes:
        """Return the array's bytes out of those of `golden/vectors.bin`."""
        return vectors[self.offset : self.offset + self.size_bytes]

    def array(self, vectors: bytes) -> Array:
        """Return the array out of the bytes of `golden/vectors.bin`."""
        return np.frombuffer(self.data(vectors), np.dtype(self.dtype).newbyteorder("<")).reshape(
            self.shape
        )


class GoldenSample(Noun):
    """One sample on its way: image file → samples → inputs → outputs → values and class.

    Each stage is tested from the golden result of the one before it, so that the stage at fault is
    the stage that is named. `samples` are what preprocessing takes, one for each input. For a model
    of images that is one array of pixels, uint8 `(h, w)` or `(h, w, 3)` RGB, and `image` is the PNG
    inside the package that decodes to it; for others there is no `image`, and the samples are
    float32, or the integers that the file takes. `orientation` is the EXIF orientation (1 to 8) by
    which preprocessing turns the pixels upright. `inputs` and `outputs` are the file's own
    elements; `values` are quantized outputs as the real numbers that an app gets, float32, and
    empty where no output is quantized. `top` is the class with the largest score, the first of
    equals, for a classifier. `outputs` is empty for the probe, a drawn picture that no model was
    asked about: it tells colours and sides apart. `probe_of` and `told_apart` say which
    sample it is.
    """

    image: str | None = None
    orientation: int = Field(default=1, ge=1, le=8)
    samples: tuple[GoldenTensor, ...]
    inputs: tuple[GoldenTensor, ...]
    outputs: tuple[GoldenTensor, ...] = ()
    values: tuple[GoldenTensor, ...] = ()
    top: int | None = None


def probe_of(golden: tuple[GoldenSample, ...]) -> GoldenSample | None:
    """Return the probe among a model file's golden samples, or None where there is none.

    It is a picture, the last sample, and has no outputs: neither has any sample of a file that was
    not run, and the last of those is the probe all the same.
    """
    last = golden[-1] if golden else None
    return last if last and last.image is not None and not last.outputs else None


def told_apart(golden: tuple[GoldenSample, ...]) -> list[tuple[GoldenSample, bool]]:
    """Return every golden sample, and whether it is the probe: by its place, not by what it holds.

    A probe can equal a sample of a file that was not run.
    """
    real = len(real_of(golden))
    return [(sample, number >= real) for number, sample in enumerate(golden)]


def real_of(golden: tuple[GoldenSample, ...]) -> tuple[GoldenSample, ...]:
    """Return the golden samples that a model was asked about: all but the probe."""
    return golden[:-1] if probe_of(golden) else golden


def all_alike(samples: Iterable[GoldenSample], vectors: bytes) -> bool:
    """Whether one answer, given to whatever input, would pass for every golden output.

    Then the outputs prove little: another model could pass too. One sample alone is not alike.
    Every self-test that ships is told, and says so; none judges for itself. Raises `ValueError`
    for samples whose outputs are not of the same shapes.
    """
    rows = [sample.outputs for sample in samples if sample.outputs]
    return len(rows) > 1 and all(
        _share_an_answer(outputs, vectors) for outputs in zip(*rows, strict=True)
    )


def _share_an_answer(outputs: tuple[GoldenTensor, ...], vectors: bytes) -> bool:
    """Whether the ranges that are allowed around each array overlap, in every element.

    Ranges of which any two overlap have a number in common, so it is enough that the highest
    lower end is no higher than the lowest upper end.
    """
    ends = [
        [each.array(vectors).astype(np.float64) + side * each.tolerance for each in outputs]
        for side in (-1, 1)
    ]
    return bool((np.max(np.stack(ends[0]), axis=0) <= np.min(np.stack(ends[1]), axis=0)).all())


class Arena(Noun):
    """The memory in which a runtime of `version` runs a file: a microcontroller's app gives it.

    `size_bytes` is a size that the file was seen to run in, with some to spare. `total` bytes of it
    were in use by the runtime's own record: `head` for what is computed, `tail` for what stays.
    """

    version: str
    total: int = Field(ge=0)
    head: int = Field(ge=0)
    tail: int = Field(ge=0)
    size_bytes: int = Field(ge=0)


class Variant(Noun):
    """One model file in a package, with the evidence for it.

    `files` are the names inside the package's assets: one, or those of a model that is a folder.
    `preprocesses` has one for each input of the file. `golden` starts with the real samples.
    `arena` is there for packagers that allocate it.
    """

    name: str
    file: str
    files: tuple[str, ...]
    artifact: Artifact
    preprocesses: tuple[Preprocess, ...]
    measured: Measurement | None
    verdict: Verdict | None
    golden: tuple[GoldenSample, ...]
    arena: Arena | None = None

    @property
    def status(self) -> Status:
        """Return the verdict's status; not measured where there is none."""
        return self.verdict.status if self.verdict else Status.NOT_MEASURED

    @property
    def drop(self) -> float:
        """Return how much worse than its float model the file is; infinity where not known."""
        drop = self.measured.drop if self.measured else None
        return drop.value if drop else math.inf

    @property
    def agreement(self) -> float:
        """Return the fraction of samples given the float model's class; 0 where not known."""
        found = self.measured.metric("agreement") if self.measured else None
        return found.value if found else 0.0


class Content(Noun):
    """All that a packager needs: facts, and in `assets` the bytes, by their names inside.

    `assets` holds the model files, `labels.txt` (one class a line, UTF-8) where classes have
    names, `golden/vectors.bin` and `golden/NN.png`. The first of `variants` is the default.
    `takes_image` says that the one input is an 8-bit image, so that an app may hand over a picture;
    else it hands over tensors, one for each input. `why` says why this file was chosen.
    """

    kind: str
    names: Names
    version: str
    card: ModelCard
    labels: tuple[str, ...]
    target: Target | None
    why: str
    failed_allowed: bool
    created: str
    edgekit_version: str
    variants: tuple[Variant, ...] = Field(min_length=1)
    takes_image: bool
    assets: dict[str, bytes]

    @property
    def first(self) -> Variant:
        """Return the variant that an app gets unless it asks for another."""
        return self.variants[0]

    @property
    def is_classifier(self) -> bool:
        """Whether an app gets a `Classifier` of pictures; else it gets a `Predictor`."""
        return self.takes_image and self.card.task == "classification"

    @property
    def by_quality(self) -> tuple[Variant, ...]:
        """Return the variants that lost least against the float model first.

        Of equals the one that agrees with it more often, then the smaller.
        """
        return tuple(
            sorted(self.variants, key=lambda v: (v.drop, -v.agreement, v.artifact.size_bytes))
        )

    @property
    def stem(self) -> str:
        """Return a file name without suffix, for example `mobilenet-int8-pixel-8-android`."""
        recipe = "variants" if len(self.variants) > 1 else self.first.name
        place = self.target.id if self.target else self.first.artifact.format
        kind = "" if place == self.kind else f"-{self.kind}"
        return f"{self.names.kebab}-{recipe}-{place}{kind}"


class Dependency(Noun):
    """What a package needs from elsewhere. `purl` is its package URL, with the version."""

    name: str
    version: str
    purl: str
    licence: str


class SpecInWords(Noun):
    """An input or output, with its quantization in words."""

    spec: TensorSpec
    in_words: str


class VariantRecord(Noun):
    """What a manifest says of one model file. `preprocesses` has one for each input."""

    name: str
    file: str
    format: str
    recipe: str
    size_bytes: int
    sha256: Sha256
    preprocesses: tuple[Preprocess, ...]
    inputs: tuple[SpecInWords, ...]
    outputs: tuple[SpecInWords, ...]
    min_runtime: str | None
    runtime: str
    metrics: tuple[Metric, ...]
    verdict: Verdict | None
    golden: tuple[GoldenSample, ...]


class Provenance(Noun):
    """Where the files come from. `tools` maps each tool that made them to its version."""

    source: str
    source_framework: str
    source_sha256: str
    data: str
    data_sha256: str
    tools: dict[str, str]
    edgekit_version: str
    run_created: str


class Manifest(Noun):
    """Everything an app needs to call the files as they were validated.

    `files` maps every other file of the package, but a signature, to its sha256; paths count from
    the root of the archive.
    """

    schema_version: int = 2
    kind: str
    name: str
    version: str
    target: str | None
    why: str
    status: Status
    failed_allowed: bool
    licence: str
    takes_image: bool
    labels: tuple[str, ...]
    card: ModelCard
    variants: tuple[VariantRecord, ...]
    provenance: Provenance
    dependencies: tuple[Dependency, ...]
    files: dict[str, Sha256]


class Package(Noun):
    """A package on disk. `replaced` says that other bytes stood there under its name."""

    kind: str
    target: str | None
    path: str
    sha256: str
    size_bytes: int
    replaced: bool = False
    manifest: Manifest
