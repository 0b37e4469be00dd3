"""The manifest that every kind of package carries, from a Run and one of its artifacts."""

import io
from pathlib import Path

import numpy as np

from edgekit import store
from edgekit.core.artifact import Artifact
from edgekit.core.measurement import Measurement
from edgekit.core.package import Border, Golden, Manifest
from edgekit.core.run import Run
from edgekit.core.target import Target
from edgekit.core.tensor import TensorSpec

GOLDEN_FILE = "golden_vectors.npz"

# Optimized integer kernels of other CPUs differ by up to 3 quantization steps from x86's; float
# sums in another order by about 1e-6 of the values, half-precision ones by about 1e-3.
STEPS = 3.0
FLOAT_TOLERANCE = {"fp32": 1e-5, "fp16": 5e-3}
# A float output of a quantized net moves in the steps of its last quantized layer.
QUANTIZED_FLOAT_TOLERANCE = 0.05


def manifest(
    run: Run, artifact: Artifact, target: Target | None, files: dict[str, bytes]
) -> Manifest:
    """Describe `artifact` and the package's other `files` (name → bytes)."""
    measured = run.measurement(artifact.sha256, target.kernels if target else "optimized")
    card = artifact.card
    return Manifest(
        name=card.name if card else Path(artifact.path).stem,
        format=artifact.format,
        recipe=artifact.recipe.name,
        artifact=Path(artifact.path).name,
        preprocess=artifact.preprocess,
        labels=card.labels if card else (),
        inputs=tuple(_border(spec) for spec in artifact.inputs),
        outputs=tuple(_border(spec) for spec in artifact.outputs),
        card=card,
        tools=artifact.tools,
        runtime=f"{measured.runtime} ({measured.runtime_version})" if measured else "not run",
        metrics=measured.metrics if measured else (),
        verdict=run.verdict(target.id, artifact.sha256) if target else None,
        golden=_golden(artifact, files),
        source_sha256=artifact.source.sha256,
        data_sha256=measured.data_sha256 if measured else "",
        files={name: store.sha256_bytes(data) for name, data in sorted(files.items())},
    )


def golden_path(measured: Measurement | None, run_folder: Path) -> Path | None:
    """Return where the run kept the golden vectors of a measurement, if it did."""
    if measured is None or measured.golden is None:
        return None
    path = run_folder / "golden" / Path(measured.golden).name
    store.check_unchanged(path, measured.golden_sha256)
    return path


def _border(spec: TensorSpec) -> Border:
    return Border(spec=spec, in_words=spec.in_words())


def _golden(artifact: Artifact, files: dict[str, bytes]) -> Golden | None:
    if GOLDEN_FILE not in files:
        return None
    spec = artifact.outputs[0]
    if np.issubdtype(np.dtype(spec.dtype), np.integer):
        tolerance, words = STEPS, f"at most {STEPS:g} quantization steps for each output value"
    else:
        tolerance = FLOAT_TOLERANCE.get(artifact.recipe.name, QUANTIZED_FLOAT_TOLERANCE)
        words = f"at most {tolerance:g} absolute difference for each output value"
    return Golden(
        file=GOLDEN_FILE,
        samples=_golden_samples(files[GOLDEN_FILE]),
        tolerance=tolerance,
        tolerance_in_words=words,
    )


def _golden_samples(data: bytes) -> int:
    """Return how many samples a golden file has."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return len(arrays["inputs"])
