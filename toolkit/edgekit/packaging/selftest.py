"""Rehearsal: the golden vectors of a package computed again here, stage by stage.

Each stage starts from the golden result of the one before, so that the stage at fault is the one
that is named. The package may be anybody's: pictures and preprocessing are read in one child
process, the model in another, both with limits.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgekit import devices, formats
from edgekit.core.measurement import Kernels
from edgekit.core.noun import Noun
from edgekit.core.preprocess import upright
from edgekit.core.tensor import Array, dequantize, distance, quantize
from edgekit.errors import EdgekitError, RuntimeFailedError
from edgekit.packaging.nouns import GoldenSample, GoldenTensor, VariantRecord, all_alike, real_of
from edgekit.system import process

# In the order of their report.
STAGES = ("decode", "preprocess", "inference", "result")

SECONDS = 600
MEMORY_BYTES = 4 * 2**30

# Emulates no board: but the kernels are those that a microcontroller's are written after.
KERNELS: dict[str, Kernels] = {"microcontroller": "reference"}


class Outcome(NamedTuple):
    """How one stage of one model file went. `ok` is None where nothing could be compared."""

    stage: str
    ok: bool | None
    says: str


class _Vectors(Noun):
    """A variant with the file of its golden vectors, and its pictures, name → file."""

    variant: VariantRecord
    vectors: Path
    images: dict[str, Path]


class _Outcomes(Noun):
    """How each stage went."""

    outcomes: tuple[Outcome, ...]


class _Distance(NamedTuple):
    sample: int
    difference: float
    tolerance: float

    @property
    def share(self) -> float:
        """Return the difference in tolerances; infinity for NaN."""
        if math.isnan(self.difference):
            return math.inf
        if self.tolerance == 0:
            return math.inf if self.difference else 0.0
        return self.difference / self.tolerance


def pure_stages(
    variant: VariantRecord, vectors: Path, images: dict[str, Path]
) -> tuple[Outcome, ...]:
    """Compute all stages but inference, in a child process. `images` maps name → file."""
    question = _Vectors(variant=variant, vectors=vectors, images=images)
    limits = process.Limits(SECONDS, min(MEMORY_BYTES, process.MEMORY_BYTES))
    try:
        answer = process.call(job, question, RuntimeFailedError, limits=limits)
    except EdgekitError as error:
        return (Outcome("decode", ok=False, says=error.message),)
    return answer.outcomes


def job(ask: _Vectors) -> _Outcomes:
    """Do the work of `pure_stages`, in the child."""
    variant, images, vectors = ask.variant, ask.images, ask.vectors.read_bytes()
    outcomes = []
    if any(sample.image for sample in variant.golden):
        outcomes.append(_stage("decode", variant.golden, lambda s: _decoded(s, images, vectors)))
    outcomes.append(
        _stage("preprocess", variant.golden, lambda s: _preprocessed(s, variant, vectors))
    )
    if any(s.outputs and (s.values or s.top is not None) for s in variant.golden):
        outcomes.append(_stage("result", variant.golden, lambda s: _results(s, variant, vectors)))
    return _Outcomes(outcomes=tuple(outcomes))


Pairs = Iterable[tuple[Array, GoldenTensor, Array]]


def _stage(
    name: str, golden: tuple[GoldenSample, ...], compute: Callable[[GoldenSample], Pairs]
) -> Outcome:
    """Compare what `compute` gives for each sample: `(got, golden tensor, its array)`."""
    found = []
    for number, sample in enumerate(golden):
        try:
            for got, want, values in compute(sample):
                found.append(_Distance(number, distance(got, values), want.tolerance))
        except (ValueError, OSError, EdgekitError, MemoryError) as error:
            return Outcome(name, ok=False, says=f"sample {number}: {error}")
    return _judged(name, found)


def _judged(name: str, found: list[_Distance]) -> Outcome:
    if not found:
        return Outcome(name, ok=False, says="no sample to compare")
    worst = max(found, key=lambda each: each.share)
    figures = f"{worst.difference:.6g}, allowed {worst.tolerance:.6g}"
    if worst.share > 1:
        return Outcome(name, ok=False, says=f"sample {worst.sample} differs by {figures}")
    samples = len({each.sample for each in found})
    return Outcome(name, ok=True, says=f"{samples} samples, largest difference {figures}")


def _decoded(sample: GoldenSample, images: dict[str, Path], vectors: bytes) -> Pairs:
    from PIL import Image

    want = sample.samples[0]
    with Image.open(images[sample.image or ""], formats=["PNG"]) as image:
        mode = "L" if len(want.shape) == 2 else "RGB"
        if (image.height, image.width) != want.shape[:2] or image.mode != mode:
            msg = f"got a picture of {image.width}x{image.height} pixels, mode {image.mode}"
            raise ValueError(msg)
        yield np.asarray(image), want, want.array(vectors)


def _preprocessed(sample: GoldenSample, variant: VariantRecord, vectors: bytes) -> Pairs:
    inputs = zip(sample.samples, sample.inputs, variant.preprocesses, variant.inputs, strict=True)
    for before, want, preprocess, described in inputs:
        pixels = before.array(vectors)
        turned = upright(pixels, sample.orientation) if sample.image else pixels
        values = preprocess.apply(turned[None])
        yield quantize(values, described.spec), want, want.array(vectors)


def _results(sample: GoldenSample, variant: VariantRecord, vectors: bytes) -> Pairs:
    """Yield the golden outputs as real numbers. Raises `ValueError` for another class."""
    specs = [described.spec for described in variant.outputs]
    real = [dequantize(o.array(vectors), s) for o, s in zip(sample.outputs, specs, strict=False)]
    for values, want in zip(real, sample.values, strict=False):
        yield values, want, want.array(vectors)
    if sample.top is not None and real:
        got = int(real[0].reshape(-1).argmax())
        if got != sample.top:
            msg = f"got class {got}, expected {sample.top}"
            raise ValueError(msg)
        # A class is right or wrong: nothing to measure.
        same = np.zeros(1)
        yield same, sample.outputs[0].model_copy(update={"tolerance": 0.0}), same


def inference(
    variant: VariantRecord, kind: str, model: Path, vectors: bytes, folder: Path
) -> Outcome:
    """Run the model file on the golden inputs in its runtime, in a child process.

    Raises `MissingExtraError` where the runtime is not installed.
    """
    runtime = formats.exporter(variant.format).RUNTIME
    if runtime is None:
        says = f"{variant.format} files do not run here: not compared"
        return Outcome("inference", ok=None, says=says)
    golden = real_of(variant.golden)
    outputs = tuple(folder / f"outputs-{i}.npy" for i in range(len(variant.outputs)))
    try:
        request = devices.Request(
            runtime=runtime,
            model=model,
            inputs=_fed(golden, len(variant.inputs), vectors, folder),
            outputs=outputs,
            kernels=KERNELS.get(kind, "optimized"),
        )
        devices.open("local").run(request, folder, process.Limits(SECONDS))
        given = [np.load(path, mmap_mode="r") for path in outputs]
    except (RuntimeFailedError, ValueError, OSError) as error:
        return Outcome("inference", ok=False, says=str(error))
    return _compared(golden, given, vectors)


def _fed(
    golden: tuple[GoldenSample, ...], inputs: int, vectors: bytes, folder: Path
) -> tuple[Path, ...]:
    paths = []
    for i in range(inputs):
        path = folder / f"fed-{i}.npy"
        np.save(path, np.concatenate([sample.inputs[i].array(vectors) for sample in golden]))
        paths.append(path)
    return tuple(paths)


def _compared(golden: tuple[GoldenSample, ...], outputs: list[Array], vectors: bytes) -> Outcome:
    if not any(sample.outputs for sample in golden):
        finite = all(np.isfinite(rows.astype(np.float64)).all() for rows in outputs)
        says = "not compared, this file was not run where it was made"
        return Outcome("inference", ok=None if finite else False, says=says)
    found = []
    for k, sample in enumerate(golden):
        for want, rows in zip(sample.outputs, outputs, strict=True):
            try:
                apart = distance(rows[k : k + 1], want.array(vectors))
            except (ValueError, IndexError) as error:
                return Outcome("inference", ok=False, says=f"sample {k}: {error}")
            found.append(_Distance(k, apart, want.tolerance))
    judged = _judged("inference", found)
    if judged.ok and all_alike(golden, vectors):
        why = "but the golden outputs are all alike: another model could pass too"
        return judged._replace(ok=None, says=f"{judged.says}, {why}")
    return judged
