"""Running artifacts on prepared samples, and turning what comes back into a Measurement."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import formats
from edgekit.core import layout as layouts
from edgekit.core.artifact import Artifact, Share
from edgekit.core.card import ModelCard
from edgekit.core.measurement import ErrorRecord, Kernels, Latency, Measurement, Metric
from edgekit.core.scoring import evaluate
from edgekit.core.tensor import Array, Arrays, Layout, TensorSpec, dequantize, quantize
from edgekit.devices import local
from edgekit.errors import ModelLoadError, RuntimeFailedError, UsageError
from edgekit.metrics import is_file, metric_of
from edgekit.pipeline.convert import prepared
from edgekit.pipeline.labels import labels_of
from edgekit.pipeline.samples import Samples, new_rows
from edgekit.pipeline.workspace import Workspace
from edgekit.sources.model import Model
from edgekit.system import store

WARMUP_RUNS = 20
CHUNK = 256


def baseline(model: Model, samples: Samples, work: Workspace) -> tuple[Measurement, Arrays]:
    """Return how the float model does on the test samples, and its outputs, `(n, ...)` each.

    Outputs that are images come with channels last.
    """
    folder = work.folder / f"float-{model.source.sha256[:16]}"
    folder.mkdir(exist_ok=True)
    with work.lock(str(folder)):
        known = work.baselines.get(model.source.sha256)
        if known is None:
            with work.step(f"float outputs of {model.card.name} ({model.source.framework})"):
                payload = {
                    **model.payload(trust=work.settings.trust, seed=work.settings.seed),
                    "inputs": prepared(samples, work),
                    "folder": str(folder),
                }
                answer = work.call("predict", payload, ModelLoadError)
            known = _baseline(model, answer, samples, work)
            work.baselines[model.source.sha256] = known
    measured, files = known
    return measured, _outputs(files, model.layout, model.card)


def _baseline(
    model: Model, answer: dict[str, Any], samples: Samples, work: Workspace
) -> tuple[Measurement, tuple[Path, ...]]:
    files = tuple(Path(file) for file in answer["outputs"])
    versions = ", ".join(f"{k} {v}" for k, v in answer["versions"].items())
    outputs = _outputs(files, model.layout, model.card)
    measurement = Measurement(
        artifact_sha256=model.source.sha256,
        runtime=model.source.framework,
        runtime_version=versions,
        metrics=_metrics(model.card, outputs, None, samples, work, model.layout),
        **_about_data(work, samples),
    )
    return measurement, files


def _outputs(files: tuple[Path, ...], layout: Layout, card: ModelCard | None) -> Arrays:
    arrays = tuple(np.load(file) for file in files)
    return layouts.outputs_laid_out(arrays, layout, "NHWC", card)


def measure(  # noqa: PLR0913 - what is run, on what, against what, and where to keep the evidence
    artifact: Artifact,
    file: Path,
    samples: Samples,
    reference: Arrays | None,
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
    runtime = formats.exporter(artifact.format).RUNTIME
    about = {"artifact_sha256": artifact.sha256, "runtime": runtime, "kernels": kernels}
    with work.step(f"validate {artifact.label} ({runtime}, {kernels})"):
        try:
            response = _run(artifact, file, samples, work, folder, kernels)
            raw = tuple(np.load(folder / f"outputs-{i}.npy") for i in range(len(artifact.outputs)))
            real = tuple(map(dequantize, raw, artifact.outputs))
            outputs = layouts.outputs_laid_out(real, artifact.layout, "NHWC", artifact.card)
            metrics = _metrics(artifact.card, outputs, reference, samples, work, artifact.layout)
        except RuntimeFailedError as error:
            return Measurement(
                **about, error=ErrorRecord(**error.record()), **_about_data(work, samples)
            )
    if golden is not None:
        _keep_golden(golden, folder, raw, samples, _order(artifact, work))
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
        input_names=_in_order(artifact, work),
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
    inputs, _ = samples.arrays()
    order = _order(artifact, work)
    fed = [folder / f"fed-{i}.npy" for i in range(len(inputs))]
    for path, place, spec in zip(fed, order, artifact.inputs, strict=True):
        layouts.check_fit(inputs[place], spec, artifact.path)
        _feed(samples.inputs[place], inputs[place], spec, path)
    request = {
        "runtime": formats.exporter(artifact.format).RUNTIME,
        "model": str(file),
        "inputs": [str(path) for path in fed],
        "outputs": [str(folder / f"outputs-{i}.npy") for i in range(len(artifact.outputs))],
        "kernels": kernels,
        "threads": work.settings.threads,
        "warmup": WARMUP_RUNS,
        "runs": work.settings.latency_runs,
    }
    return local.measure(request, folder)


def _order(artifact: Artifact, work: Workspace) -> tuple[int, ...]:
    """Return which of the data's inputs each input of the file takes."""
    assert work.data
    return tuple(layouts.order_of(work.data.input_names, artifact.named_inputs))


def _in_order(artifact: Artifact, work: Workspace) -> tuple[str, ...]:
    assert work.data
    return tuple(work.data.input_names[i] for i in _order(artifact, work))


def _feed(prepared: Path, values: Array, spec: TensorSpec, path: Path) -> None:
    """Write the samples as the file's own input type, a chunk at a time."""
    if spec.scale is None and values.dtype == spec.dtype:
        path.unlink(missing_ok=True)
        path.hardlink_to(prepared)
        return
    with store.writing(path):
        file = new_rows(path, values.shape, spec.dtype)
    for start in range(0, len(values), CHUNK):
        file[start : start + CHUNK] = quantize(values[start : start + CHUNK], spec)


def _metrics(
    card: ModelCard | None,
    outputs: Arrays,
    reference: Arrays | None,
    samples: Samples,
    work: Workspace,
    layout: Layout,
) -> tuple[Metric, ...]:
    """Judge outputs by the card's metric. A metric of the user's own runs in a child process."""
    used = card or ModelCard(name="unknown")
    arrays, _ = samples.arrays()
    assert work.data
    inputs = layouts.inputs_laid_out(arrays, work.data.input_names, layout, "NHWC", used)
    if outputs[0].ndim == 2:
        used.check_outputs(outputs[0].shape[1], used.name)
    labels = labels_of(samples, card, work)
    if not is_file(used.metric_name):
        metric = metric_of(used, trust=False)
        return evaluate(metric, outputs, reference, labels, inputs, used.labels)
    with tempfile.TemporaryDirectory(dir=work.folder) as folder:
        groups = {"outputs": outputs, "reference": reference or (), "inputs": inputs}
        groups["labels"] = () if labels is None else (labels,)
        payload = {
            "card": used.model_dump(mode="json"),
            "trust": work.settings.trust,
            **{name: _saved(Path(folder), name, arrays) for name, arrays in groups.items()},
        }
        found = work.call("score", payload, UsageError)
    return tuple(Metric.model_validate(metric) for metric in found["metrics"])


def _saved(folder: Path, name: str, arrays: Arrays) -> list[str]:
    paths = [str(folder / f"{name}-{i}.npy") for i in range(len(arrays))]
    for path, values in zip(paths, arrays, strict=True):
        np.save(path, values)
    return paths


def _keep_golden(
    path: Path, folder: Path, raw: Arrays, samples: Samples, order: tuple[int, ...]
) -> None:
    """Keep the first samples as they came, as they were fed, and what the file answered.

    The first input and output are called `inputs` and `outputs`; further ones carry a number.
    `sample_K`, `sample_K_1` are the inputs of sample K before preprocessing, in the file's order.
    """
    kept: dict[str, Array] = {}
    with np.load(samples.raw) as before:
        count = len(before.files) // len(order)
        for k in range(count):
            for i, place in enumerate(order):
                kept[_numbered(f"sample_{k}", i)] = before[f"{k}_{place}"]
    for i in range(len(order)):
        kept[_numbered("inputs", i)] = np.load(folder / f"fed-{i}.npy", mmap_mode="r")[:count]
    for i, values in enumerate(raw):
        kept[_numbered("outputs", i)] = values[:count]
    _, labels = samples.arrays()
    if labels is not None:
        kept["labels"] = labels[:count]
    with store.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **kept)  # type: ignore[arg-type]


def _numbered(name: str, index: int) -> str:
    return f"{name}_{index}" if index else name


def _about_data(work: Workspace, samples: Samples) -> dict[str, Any]:
    assert work.data is not None
    return {
        "data": work.data.name,
        "data_sha256": work.data.fingerprint,
        "n": samples.n,
        "seed": work.settings.seed,
    }
