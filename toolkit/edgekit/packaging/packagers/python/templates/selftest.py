"""Whether this device computes what was validated, by golden samples: which stage differs if not.

Stages: `decode` (image file to pixels), `preprocess` (sample to the model file's inputs),
`inference` (inputs to outputs), `result` (outputs to real values, class and label). Each starts
from the golden result of the one before, and goes through the functions that the API uses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from . import decode, preprocess
from .model import Model, inputs_of, ranked, values_of
from .spec import ASSETS, Variant, labels, spec

STAGES = ("decode", "preprocess", "inference", "result")
ALL_ALIKE = "the golden outputs are all alike, another model could pass too"
EXIF_ORIENTATION = 0x0112


class Finding(NamedTuple):
    """What one stage of one variant found. `sample` and `difference` are of the worst sample.

    The stage `note` is no stage: it says what a reader should know, and never fails.
    """

    variant: str
    stage: str
    passed: bool
    message: str
    sample: int | None = None
    difference: float | None = None
    allowed: float | None = None


class Report(NamedTuple):
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Return the stages that failed for any variant, in order."""
        wrong = {finding.stage for finding in self.findings if not finding.passed}
        return tuple(stage for stage in STAGES if stage in wrong)

    @property
    def passed(self) -> bool:
        """Whether no stage failed."""
        return not self.failed

    @property
    def text(self) -> str:
        """Return the report to read: a line for each finding, and the verdict."""
        lines, variant = [], None
        for finding in self.findings:
            if finding.variant != variant:
                variant = finding.variant
                lines.append(f"variant {variant} ({spec().variant(variant).file})")
            lines.append(f"{finding.stage}: {finding.message}")
        lines.append("passed" if self.passed else f"FAILED in {', '.join(self.failed)}")
        return "\n".join(lines)


class _Worst(NamedTuple):
    sample: int
    difference: float
    allowed: float


# A stage gives, for each golden sample by number: what it got, and what is expected of it.
Pairs = Iterator[tuple[int, "list[Any]", "list[Any]"]]


def self_test(variant: str | None = None, threads: int = 1) -> Report:
    """Return the report on one variant, or on all of them."""
    chosen = spec().variants if variant is None else (spec().variant(variant),)
    return Report(tuple(found for each in chosen for found in _findings(each, threads)))


def _findings(variant: Variant, threads: int) -> Iterator[Finding]:
    if spec().takes_image:
        yield _stage(variant, "decode", _decoded)
    yield _stage(variant, "preprocess", _preprocessed)
    yield _inference(variant, threads)
    yield _result(variant)
    if variant.is_alike:
        yield Finding(variant.name, "note", passed=True, message=ALL_ALIKE)


def _stage(variant: Variant, stage: str, pairs: Callable[[Variant], Pairs]) -> Finding:
    """Compare a stage's results with the golden ones."""
    worst, count = None, 0
    try:
        for number, got, golden in pairs(variant):
            found = _compared(number, got, golden)
            count += 1
            if worst is None or _badness(found) > _badness(worst):
                worst = found
    except Exception as error:  # noqa: BLE001 - whatever stops a stage is what it has to report
        return _stopped(variant, stage, error)
    if worst is None:
        return Finding(
            variant.name, stage, passed=False, message="no golden sample to compare with"
        )
    passed = worst.difference <= worst.allowed
    message = f"sample {worst.sample} differs by {worst.difference:g}, allowed {worst.allowed:g}"
    if passed:
        message = f"{count} samples: the worst, {message}"
    return Finding(variant.name, stage, passed, message, *worst)


def _stopped(variant: Variant, stage: str, error: Exception) -> Finding:
    message = f"{type(error).__name__}: {error}"
    return Finding(variant.name, stage, passed=False, message=message)


def _badness(found: _Worst) -> float:
    """Return the difference in units of what is allowed."""
    if found.allowed:
        return found.difference / found.allowed
    return float("inf") if found.difference else 0.0


def _compared(number: int, got: list[Any], golden: list[Any]) -> _Worst:
    """Return the worst of a sample's arrays. A wrong shape, or NaN, is an infinite difference."""
    if len(got) != len(golden):
        raise ValueError(f"sample {number}: got {len(got)} arrays, expected {len(golden)}")
    worst = _Worst(number, 0.0, 0.0)
    for values, facts in zip(got, golden):
        expected = _array(facts)
        if values.shape != expected.shape:
            raise ValueError(
                f"sample {number}: got shape {values.shape}, expected {expected.shape}"
            )
        gap = np.abs(values.astype(np.float64) - expected.astype(np.float64)).max(initial=0.0)
        difference = float("inf") if np.isnan(gap) else float(gap)
        found = _Worst(number, difference, facts["tolerance"])
        if _badness(found) >= _badness(worst):
            worst = found
    return worst


def _array(facts: dict) -> Any:
    """Return a golden array out of `golden/vectors.bin`: row-major, little-endian."""
    dtype = np.dtype(facts["dtype"]).newbyteorder("<")
    with (ASSETS / "golden" / "vectors.bin").open("rb") as file:
        file.seek(facts["offset"])
        data = file.read(facts["size_bytes"])
    return np.frombuffer(data, dtype).reshape(facts["shape"]).astype(facts["dtype"])


def _decoded(variant: Variant) -> Pairs:
    for number, sample in enumerate(variant.golden):
        path = ASSETS / sample["image"]
        pixels = decode.pixels_of(path)
        with Image.open(path) as image:
            # As a camera's picture: decoding turns it upright, and it is turned back here.
            image.getexif()[EXIF_ORIENTATION] = sample["orientation"]
            upright = decode.pixels_of(image)
        back = {6: 8, 8: 6}.get(sample["orientation"], sample["orientation"])
        stored = preprocess.upright(upright, back)
        yield number, [pixels, stored], sample["samples"] * 2


def _preprocessed(variant: Variant) -> Pairs:
    for number, sample in enumerate(variant.golden):
        before = [_array(facts) for facts in sample["samples"]]
        found = inputs_of(variant, *before, orientation=sample["orientation"])
        yield number, found, sample["inputs"]


def _inference(variant: Variant, threads: int) -> Finding:
    """Run the model file, if it is the one that was validated."""
    stage = "inference"
    try:
        data = variant.path.read_bytes()
    except OSError as error:
        return _stopped(variant, stage, error)
    if hashlib.sha256(data).hexdigest() != variant.sha256:
        message = f"{variant.file} is not the file that was validated: its sha256 differs"
        return Finding(variant.name, stage, passed=False, message=message)
    if not variant.is_compared:
        return _unmeasured(variant, threads)
    return _stage(variant, stage, lambda each: _inferred(each, threads))


def _inferred(variant: Variant, threads: int) -> Pairs:
    model = Model(variant.name, threads)
    for number, sample in enumerate(variant.golden):
        # The drawn picture that tells colours apart went through no model.
        if not sample["is_probe"]:
            inputs = [_array(facts) for facts in sample["inputs"]]
            yield number, model.run(inputs), sample["outputs"]


def _unmeasured(variant: Variant, threads: int) -> Finding:
    """Run a file whose right outputs are not known: their shapes and finite values are checked."""
    try:
        model = Model(variant.name, threads)
        for number, sample in enumerate(variant.golden):
            if not sample["is_probe"]:
                found = model.run([_array(facts) for facts in sample["inputs"]])
                _check_outputs(number, found, variant)
    except Exception as error:  # noqa: BLE001 - whatever stops a stage is what it has to report
        return _stopped(variant, "inference", error)
    message = "not compared, this file was not run where it was made"
    return Finding(variant.name, "inference", passed=True, message=message)


def _check_outputs(number: int, found: list[Any], variant: Variant) -> None:
    for values, tensor in zip(found, variant.outputs):
        if values.shape[1:] != tensor.sample_shape:
            raise ValueError(f"sample {number}: got shape {values.shape}, expected {tensor.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"sample {number}: got NaN or infinite values")


def _result(variant: Variant) -> Finding:
    """Take the golden outputs to what the API answers: real values, the first class, its label."""
    stage = "result"
    try:
        message = _mislabelled(variant)
    except Exception as error:  # noqa: BLE001 - whatever stops a stage is what it has to report
        return _stopped(variant, stage, error)
    if message:
        return Finding(variant.name, stage, passed=False, message=message)
    if not any(_golden_values(variant, sample) for sample in variant.golden):
        return Finding(variant.name, stage, passed=True, message="no golden values to compare with")
    return _stage(variant, stage, _valued)


def _mislabelled(variant: Variant) -> str | None:
    """Return what is wrong with the labels or with the first class, or None."""
    names = labels()
    lines = "".join(f"{name}\n" for name in names)
    digest = hashlib.sha256(lines.encode()).hexdigest() if names else None
    if digest != spec().labels_sha256:
        return "labels.txt is not the one that was validated"
    for number, sample in enumerate(variant.golden):
        if sample["top"] is None:
            continue
        first = ranked(values_of(variant, [_array(facts) for facts in sample["outputs"]]), 1)[0]
        top = sample["top"]
        if first.index != top:
            return f"sample {number} is class {first.index}, expected {top}"
        if names and first.label != names[top]:
            return f"sample {number} is labelled {first.label!r}, expected {names[top]!r}"
    return None


def _valued(variant: Variant) -> Pairs:
    for number, sample in enumerate(variant.golden):
        golden = _golden_values(variant, sample)
        if golden:
            outputs = [_array(facts) for facts in sample["outputs"]]
            yield number, values_of(variant, outputs), golden


def _golden_values(variant: Variant, sample: dict) -> list[Any]:
    """Return where the real values stand: floats are their own."""
    is_real = all(tensor.dtype.startswith("float") for tensor in variant.outputs)
    return list(sample["values"] or (sample["outputs"] if is_real else ()))
