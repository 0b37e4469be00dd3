"""Measurement: what a model file did, in one place, on one data set."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from edgekit.core.artifact import Share
from edgekit.core.noun import Noun


class Grade(StrEnum):
    """Where a figure came from."""

    DEVICE = "device"
    EMULATED = "emulated"
    HOST = "host"
    ESTIMATED = "estimated"


# A device's own figure says more than its kernels under emulation, and these more than a host's.
BEST_FIRST = (Grade.DEVICE, Grade.EMULATED, Grade.HOST, Grade.ESTIMATED)

Kernels = Literal["optimized", "reference"]


class Metric(Noun):
    """One figure with its unit and, where it is an estimate from samples, its 95 % interval.

    `value` is the unit of what the model itself gives, whatever that is.
    """

    name: str
    value: float
    unit: Literal["fraction", "samples", "points", "percent", "dB", "value"]
    low: float | None = None
    high: float | None = None
    n: int
    method: str = ""
    detail: str = ""


class Latency(Noun):
    """Percentiles of single-sample inference, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    runs: int
    warmup_runs: int
    threads: int


class ErrorRecord(Noun):
    """An error that a job ended with, kept instead of a result."""

    kind: str
    message: str
    hint: str = ""
    trace: str = ""


class Measurement(Noun):
    """What running `artifact_sha256` gave, or the error it ended with.

    `device` is the place by its name, `grade` what a figure from there is worth.
    `load_ms` opens the file and prepares the runtime, `first_run_ms` is the first inference.
    `peak_memory_bytes` is resident memory of the child above its idle baseline: with the runtime
    imported and no model loaded. `cpu_features` say which kind of CPU it was, where another kind
    would answer otherwise. `input_names` are the data's, in the order of the file's inputs.
    """

    artifact_sha256: str
    runtime: str
    runtime_version: str = ""
    device: str = "local"
    host: str = ""
    cpu_features: tuple[str, ...] = ()
    grade: Grade = Grade.HOST
    kernels: Kernels = "optimized"
    data: str = ""
    data_sha256: str = ""
    n: int = 0
    seed: int = 0
    metrics: tuple[Metric, ...] = ()
    latency: Latency | None = None
    load_ms: float | None = None
    first_run_ms: float | None = None
    peak_memory_bytes: int | None = None
    delegated: Share | None = None
    golden: str | None = None
    golden_sha256: str = ""
    input_names: tuple[str, ...] = ()
    error: ErrorRecord | None = None

    def metric(self, name: str) -> Metric | None:
        """Return the metric called `name`, or None where it was not measured."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    @property
    def primary(self) -> Metric | None:
        """Return the metric that the model is judged by: the first, unless that is a drop."""
        found = self.metrics[0] if self.metrics else None
        return None if found is self.drop else found

    @property
    def drop(self) -> Metric | None:
        """Return how much worse the file is than its float model, in the primary metric."""
        return next((metric for metric in self.metrics if metric.name.endswith("_drop")), None)


def best_first(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Return measurements by the grade of their evidence, the best first, else in their order."""
    return tuple(sorted(measurements, key=lambda m: BEST_FIRST.index(m.grade)))
