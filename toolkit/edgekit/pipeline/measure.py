"""Running models on prepared samples, and turning what comes back into a Measurement."""

import tempfile
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgekit import devices, formats
from edgekit.core import layout as layouts
from edgekit.core.artifact import Artifact, Share
from edgekit.core.card import ModelCard
from edgekit.core.cpu import features
from edgekit.core.measurement import ErrorRecord, Kernels, Measurement, Metric
from edgekit.core.scoring import evaluate
from edgekit.core.tensor import Array, Arrays, Layout, TensorSpec, dequantize, quantize
from edgekit.errors import ModelLoadError, RuntimeFailedError, UsageError
from edgekit.metrics import is_file, metric_of
from edgekit.pipeline import jobs
from edgekit.pipeline.labels import labels_of
from edgekit.pipeline.messages import Predict, Score
from edgekit.pipeline.samples import Samples, new_rows
from edgekit.pipeline.settle import settled
from edgekit.pipeline.workspace import Parts, Settings, Step, Workspace
from edgekit.sources.model import Model
from edgekit.system import process, store

WARMUP_RUNS = 20
CHUNK = 256

UNKNOWN_CARD = ModelCard(name="unknown")


@dataclass(frozen=True)
class _Baseline:
    """How the float model did, and where its outputs lie, `(n, ...)` each."""

    measured: Measurement
    files: tuple[Path, ...]


@dataclass
class Bench:
    """Where one job runs float models and files on `n` samples of the test part, or on all."""

    settings: Settings
    folder: Path
    step: Step
    parts: Parts
    n: int = 0
    _baselines: dict[str, _Baseline] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    @classmethod
    def of(cls, work: Workspace, n: int = 0) -> "Bench":
        """Return the bench of a job. Raises `DataError` where it has no data."""
        return cls(work.settings, work.folder, work.step, work.data, n)

    def baseline(self, model: Model) -> tuple[Measurement, Arrays]:
        """Return how the float model does on the test samples, and its outputs, `(n, ...)` each.

        Outputs that are images come with channels last.
        """
        model = settled(model, self.settings, self.step)
        key = model.source.sha256
        with self._locks[key]:
            if key not in self._baselines:
                with self.step(f"float outputs of {model.card.name} ({model.source.framework})"):
                    self._baselines[key] = self._predict(model)
        known = self._baselines[key]
        return known.measured, _outputs(known.files, model.layout, model.card)

    def _predict(self, model: Model) -> _Baseline:
        samples = self.parts.part("test", model.card, model.layout, self.n)
        folder = self.folder / f"float-{model.source.sha256[:16]}"
        folder.mkdir(exist_ok=True)
        question = Predict(
            model=model.loading(trust=self.settings.trust, seed=self.settings.seed),
            inputs=self.parts.inputs(samples),
            folder=folder,
        )
        found = process.call(jobs.predict, question, ModelLoadError, limits=self.settings.limits())
        outputs = _outputs(found.outputs, model.layout, model.card)
        measured = self._begun(samples, model.source.sha256, model.source.framework)
        more = {
            "runtime_version": ", ".join(f"{k} {v}" for k, v in found.versions.items()),
            "metrics": self._metrics(model.card, outputs, None, samples, model.layout),
        }
        return _Baseline(measured.model_copy(update=more), found.outputs)

    def measure(
        self,
        artifact: Artifact,
        file: Path,
        reference: Arrays | None,
        device: str = "local",
        kernels: Kernels = "optimized",
        golden: Path | None = None,
    ) -> Measurement:
        """Run `file` on the test samples on a device. An error becomes part of the measurement.

        With `reference`, the float model's outputs, accuracy is paired; without, only absolute.
        The first samples and what the file made of them are kept in `golden`.
        """
        samples = self._samples(artifact)
        runtime = formats.exporter(artifact.format).RUNTIME
        assert runtime  # whoever asks has looked
        place = devices.open(device)
        begun = self._begun(samples, artifact.sha256, runtime).model_copy(
            update={"kernels": kernels, "device": place.name, "grade": place.grade}
        )
        folder = self.folder / "measure" / f"{artifact.sha256[:16]}-{kernels}-{place.name}"
        folder.mkdir(parents=True, exist_ok=True)
        where = "" if device == "local" else f" on {device}"
        with self.step(f"validate {artifact.label} ({runtime}, {kernels}){where}"):
            try:
                request = self._request(artifact, file, samples, begun, folder)
                answer = place.run(request, folder, self.settings.limits())
                raw = tuple(np.load(path) for path in request.outputs)
                metrics = self._scored(artifact, raw, reference, samples)
            except RuntimeFailedError as error:
                return begun.model_copy(update={"error": ErrorRecord(**error.record())})
        order = self._order(artifact)
        done = begun.model_copy(
            update={
                "runtime_version": answer.runtime_version,
                "host": answer.host,
                "cpu_features": features(answer.cpu_flags),
                "metrics": metrics,
                "latency": answer.latency,
                "load_ms": answer.load_ms,
                "first_run_ms": answer.first_run_ms,
                "peak_memory_bytes": answer.peak_memory_bytes,
                "delegated": _share(answer, artifact, kernels),
                "input_names": tuple(self.parts.dataset.input_names[i] for i in order),
            }
        )
        return done if golden is None else _with_golden(done, golden, request, samples, order)

    def _samples(self, artifact: Artifact) -> Samples:
        card = artifact.card or UNKNOWN_CARD
        return self.parts.part("test", card, artifact.layout, self.n)

    def _begun(self, samples: Samples, sha256: str, runtime: str) -> Measurement:
        """Return what is known of a measurement before anything has run."""
        return Measurement(
            artifact_sha256=sha256,
            runtime=runtime,
            data=self.parts.dataset.name,
            data_sha256=self.parts.dataset.fingerprint,
            n=samples.n,
            seed=self.settings.seed,
        )

    def _request(
        self, artifact: Artifact, file: Path, samples: Samples, begun: Measurement, folder: Path
    ) -> devices.Request:
        """Write the samples as the file wants them, and return what to ask of the device."""
        inputs, _ = samples.arrays()
        fed = tuple(folder / f"fed-{i}.npy" for i in range(len(inputs)))
        for path, place, spec in zip(fed, self._order(artifact), artifact.inputs, strict=True):
            layouts.check_fit(inputs[place], spec, artifact.path)
            _feed(samples.inputs[place], inputs[place], spec, path)
        return devices.Request(
            runtime=begun.runtime,
            model=file,
            inputs=fed,
            outputs=tuple(folder / f"outputs-{i}.npy" for i in range(len(artifact.outputs))),
            kernels=begun.kernels,
            threads=self.settings.threads,
            warmup=WARMUP_RUNS,
            runs=self.settings.latency_runs,
        )

    def _order(self, artifact: Artifact) -> tuple[int, ...]:
        """Return which of the data's inputs each input of the file takes."""
        return layouts.order_of(self.parts.dataset.input_names, artifact.named_inputs)

    def _scored(
        self, artifact: Artifact, raw: Arrays, reference: Arrays | None, samples: Samples
    ) -> tuple[Metric, ...]:
        real = tuple(map(dequantize, raw, artifact.outputs))
        outputs = layouts.outputs_laid_out(real, artifact.layout, "NHWC", artifact.card)
        return self._metrics(artifact.card, outputs, reference, samples, artifact.layout)

    def _metrics(
        self,
        card: ModelCard | None,
        outputs: Arrays,
        reference: Arrays | None,
        samples: Samples,
        layout: Layout,
    ) -> tuple[Metric, ...]:
        """Judge outputs by the card's metric. One of the user's own runs in a child process."""
        used, data = card or UNKNOWN_CARD, self.parts.dataset
        arrays, _ = samples.arrays()
        inputs = layouts.inputs_laid_out(arrays, data.input_names, layout, "NHWC", used)
        if outputs[0].ndim == 2:
            used.check_outputs(outputs[0].shape[1], used.name)
        labels = labels_of(samples, card, data)
        if is_file(used.metric_name):
            return self._by_own_metric(used, outputs, reference or (), inputs, labels)
        metric = metric_of(used, trust=False)
        return evaluate(metric, outputs, reference, labels, inputs, used.labels)

    def _by_own_metric(
        self,
        card: ModelCard,
        outputs: Arrays,
        reference: Arrays,
        inputs: Arrays,
        labels: Array | None,
    ) -> tuple[Metric, ...]:
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            question = Score(
                card=card,
                trust=self.settings.trust,
                outputs=_saved(folder, "outputs", outputs),
                reference=_saved(folder, "reference", reference),
                inputs=_saved(folder, "inputs", inputs),
                labels=None if labels is None else _saved(folder, "labels", (labels,))[0],
            )
            limits = self.settings.limits()
            return process.call(jobs.score, question, UsageError, limits=limits).metrics


def _outputs(files: tuple[Path, ...], layout: Layout, card: ModelCard | None) -> Arrays:
    arrays = tuple(np.load(file) for file in files)
    return layouts.outputs_laid_out(arrays, layout, "NHWC", card)


def _share(answer: devices.Answer, artifact: Artifact, kernels: Kernels) -> Share | None:
    """Return what delegates took: as the runtime says, else as it was when the file was made."""
    if answer.delegation is None or kernels != "optimized":
        return artifact.delegated
    taken, total = answer.delegation
    return Share(delegated=taken, total=total)


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


def _saved(folder: Path, name: str, arrays: Arrays) -> tuple[Path, ...]:
    paths = tuple(folder / f"{name}-{i}.npy" for i in range(len(arrays)))
    for path, values in zip(paths, arrays, strict=True):
        np.save(path, values)
    return paths


def _with_golden(
    measured: Measurement,
    path: Path,
    request: devices.Request,
    samples: Samples,
    order: tuple[int, ...],
) -> Measurement:
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
    for name, files in (("inputs", request.inputs), ("outputs", request.outputs)):
        for i, file in enumerate(files):
            kept[_numbered(name, i)] = np.load(file, mmap_mode="r")[:count]
    _, labels = samples.arrays()
    if labels is not None:
        kept["labels"] = labels[:count]
    with store.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **kept)  # type: ignore[arg-type]
    return measured.model_copy(
        update={"golden": path.name, "golden_sha256": store.sha256_file(path)}
    )


def _numbered(name: str, index: int) -> str:
    return f"{name}_{index}" if index else name
