"""Running artifacts on prepared samples, and turning what comes back into a Measurement."""

from pathlib import Path
from typing import Any

import numpy as np

from edgekit import plugins, store
from edgekit.convert import Model
from edgekit.core.accuracy import classification, paired_classification
from edgekit.core.artifact import Artifact, Share
from edgekit.core.card import ModelCard
from edgekit.core.measurement import ErrorRecord, Kernels, Latency, Measurement, Metric
from edgekit.core.tensor import Array, TensorSpec, dequantize, quantize
from edgekit.devices import local
from edgekit.errors import DataError, ModelLoadError, RuntimeFailedError, UsageError
from edgekit.samples import Samples, new_rows
from edgekit.workspace import Workspace

GOLDEN_SAMPLES = 8
WARMUP_RUNS = 20
CHUNK = 256


def check_data(card: ModelCard | None, work: Workspace) -> None:
    """Refuse data that would give a wrong figure: other classes, or samples seen in training."""
    data = work.data
    labels = card.labels if card else ()
    if labels and data and data.names_are_given and not set(data.class_names) <= set(labels):
        raise DataError(
            f"got classes {', '.join(data.class_names[:5])} in {data.name}, expected some of the "
            f"model's, {', '.join(labels[:5])}",
            "correct the card's labels, in the order of the model's outputs, or the data's names",
        )
    trained = card.trained if card else None
    if trained is None or work.data is None or trained.data_sha256 != work.data.fingerprint:
        return
    if trained.seed != work.settings.seed and work.data.test_indices is None:
        raise UsageError(
            f"got seed {work.settings.seed}, but the model was trained on this data split by seed "
            f"{trained.seed}: the test part would hold samples it was trained on",
            f"give --seed {trained.seed}",
        )


def labels_of(samples: Samples, card: ModelCard | None, work: Workspace) -> Array:
    """Return the samples' labels `(n,)` as the model numbers its classes.

    Data that names its classes is matched by name: a folder lists them by the alphabet, a model in
    whatever order it was trained.
    """
    _, labels = samples.arrays()
    if not card or not card.labels or not work.data or not work.data.names_are_given:
        return labels
    numbers = np.array([card.labels.index(name) for name in work.data.class_names])
    return np.asarray(numbers[labels])


def baseline(model: Model, samples: Samples, work: Workspace) -> tuple[Measurement, Array]:
    """Return the float model's accuracy on the test samples, and its outputs `(n, classes)`."""
    file = work.folder / f"float-{model.source.sha256[:16]}.npy"
    if known := work.baselines.get(model.source.sha256):
        return known, np.load(file)
    with work.step(f"float outputs of {model.card.name} ({model.source.framework})"):
        payload = {**model.payload(work), "inputs": str(samples.inputs), "outputs": str(file)}
        answer = work.call("predict", payload, ModelLoadError)
    outputs = np.load(file)
    labels = labels_of(samples, model.card, work)
    versions = ", ".join(f"{k} {v}" for k, v in answer["versions"].items())
    measurement = Measurement(
        artifact_sha256=model.source.sha256,
        runtime=model.source.framework,
        runtime_version=versions,
        metrics=classification(outputs, labels),
        **_about_data(work, samples),
    )
    work.baselines[model.source.sha256] = measurement
    return measurement, outputs


def measure(  # noqa: PLR0913 - what is run, on what, against what, and where to keep the evidence
    artifact: Artifact,
    file: Path,
    samples: Samples,
    reference: Array | None,
    work: Workspace,
    *,
    kernels: Kernels = "optimized",
    golden: Path | None = None,
) -> Measurement:
    """Run `file` on the samples here. An error becomes part of the measurement.

    With `reference`, the float model's outputs, accuracy is paired; without, only absolute. The
    first samples and what the file made of them are kept in `golden`.
    """
    folder = work.folder / "measure" / f"{artifact.sha256[:16]}-{kernels}"
    folder.mkdir(parents=True, exist_ok=True)
    runtime = plugins.load("exporters", artifact.format).RUNTIME
    about = {"artifact_sha256": artifact.sha256, "runtime": runtime, "kernels": kernels}
    with work.step(f"validate {artifact.label} ({runtime}, {kernels})"):
        try:
            response = _run(artifact, file, samples, work, folder, kernels)
        except RuntimeFailedError as error:
            return Measurement(
                **about, error=ErrorRecord(**error.record()), **_about_data(work, samples)
            )
    raw = np.load(folder / "outputs.npy")
    metrics = _metrics(artifact, raw, reference, labels_of(samples, artifact.card, work))
    if golden is not None:
        _keep_golden(golden, folder / "fed.npy", raw, samples)
    delegation = response["delegation"]
    return Measurement(
        **about,
        runtime_version=response["runtime_version"],
        host=response["host"],
        grade=local.GRADE,
        metrics=metrics,
        latency=Latency(**response["latency"]),
        load_ms=response["load_ms"],
        first_run_ms=response["first_run_ms"],
        peak_memory_bytes=response["peak_memory_bytes"],
        delegated=Share(delegated=delegation[0], total=delegation[1])
        if delegation and kernels == "optimized"
        else artifact.delegated,
        golden=golden.name if golden else None,
        golden_sha256=store.sha256_file(golden) if golden else "",
        **_about_data(work, samples),
    )


def _run(
    artifact: Artifact,
    file: Path,
    samples: Samples,
    work: Workspace,
    folder: Path,
    kernels: Kernels,
) -> dict[str, Any]:
    _check_shape(samples, artifact)
    _feed(samples, artifact.inputs[0], folder / "fed.npy")
    request = {
        "runtime": plugins.load("exporters", artifact.format).RUNTIME,
        "model": str(file),
        "inputs": [str(folder / "fed.npy")],
        "outputs": [str(folder / "outputs.npy")],
        "kernels": kernels,
        "threads": work.settings.threads,
        "warmup": WARMUP_RUNS,
        "runs": work.settings.latency_runs,
    }
    return local.measure(request, folder)


def _check_shape(samples: Samples, artifact: Artifact) -> None:
    inputs, _ = samples.arrays()
    wanted, got = artifact.inputs[0].shape[1:], inputs.shape[1:]
    if len(wanted) != len(got) or any(w not in {-1, g} for w, g in zip(wanted, got, strict=True)):
        raise DataError(
            f"got samples of shape {got}, expected {wanted} by {artifact.path}",
            "give a card whose preprocess makes them fit (--card), or other data",
        )


def _feed(samples: Samples, spec: TensorSpec, path: Path) -> None:
    """Write the samples as the file's own input type, a chunk at a time."""
    inputs, _ = samples.arrays()
    if spec.scale is None and inputs.dtype == spec.dtype:
        path.unlink(missing_ok=True)
        path.hardlink_to(samples.inputs)
        return
    with store.writing(path):
        file = new_rows(path, inputs.shape, spec.dtype)
    for start in range(0, len(inputs), CHUNK):
        file[start : start + CHUNK] = quantize(inputs[start : start + CHUNK], spec)


def _metrics(
    artifact: Artifact, raw: Array, reference: Array | None, labels: Array
) -> tuple[Metric, ...]:
    outputs = dequantize(raw, artifact.outputs[0])
    if reference is None:
        return classification(outputs, labels)
    names = artifact.card.labels if artifact.card else ()
    return paired_classification(outputs, reference, labels, names)


def _keep_golden(path: Path, fed: Path, raw: Array, samples: Samples) -> None:
    inputs, labels = np.load(fed, mmap_mode="r"), np.load(samples.labels)
    chosen = slice(0, GOLDEN_SAMPLES)
    with store.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, inputs=inputs[chosen], outputs=raw[chosen], labels=labels[chosen])


def _about_data(work: Workspace, samples: Samples) -> dict[str, Any]:
    assert work.data is not None
    return {
        "data": work.data.name,
        "data_sha256": work.data.fingerprint,
        "n": samples.n,
        "seed": work.settings.seed,
    }
