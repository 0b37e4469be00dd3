"""Nouns for tests, with only what a test cares about spelt out."""

from edgekit.core.artifact import Artifact, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.measurement import Grade, Latency, Measurement, Metric
from edgekit.core.recipe import RECIPES
from edgekit.core.run import ModelRecord, Run
from edgekit.core.target import Budgets, Limit, Target
from edgekit.core.tensor import TensorSpec
from edgekit.core.verdict import judge


def source(**update):
    known = {"kind": "keras", "framework": "keras", "ref": "m.keras", "path": "/m.keras"}
    return ModelSource(**{**known, "sha256": "s" * 64, **update})


def artifact(**update):
    spec = TensorSpec(name="x", shape=(1, 2), dtype="float32")
    known = {
        "path": "artifacts/m-int8.tflite",
        "format": "tflite",
        "size_bytes": 1000,
        "sha256": "a" * 64,
        "recipe": RECIPES["int8"],
        "source": source(),
        "inputs": (spec,),
        "outputs": (spec,),
        "op_histogram": {"CONV_2D": 2},
        "card": ModelCard(name="m", labels=("a", "b"), classes=2),
    }
    return Artifact(**{**known, **update})


def drop(value, low, high, n=500):
    return Metric(name="accuracy_drop", value=value, low=low, high=high, unit="points", n=n)


def measurement(**update):
    known = {
        "artifact_sha256": "a" * 64,
        "runtime": "litert",
        "runtime_version": "1",
        "metrics": (drop(0.1, -0.5, 0.7),),
        "latency": Latency(
            p50_ms=1, p90_ms=2, p95_ms=3, p99_ms=4, runs=10, warmup_runs=1, threads=1
        ),
        "peak_memory_bytes": 5000,
        "n": 500,
    }
    return Measurement(**{**known, **update})


def limit(**bound):
    return Limit(**bound, source="a test")


def target(budgets=None, **update):
    known = {"id": "board", "device": "Board", "formats": ("tflite",)}
    return Target(**{**known, "budgets": Budgets(**(budgets or {})), **update})


def run(targets=(), artifacts=(), measurements=()):
    targets, artifacts = tuple(targets or [target()]), tuple(artifacts or [artifact()])
    measurements = tuple(measurements or [measurement()])
    verdicts = [judge(t, a, measurements) for t in targets for a in artifacts]
    return Run(
        id="r1",
        name="test",
        command="edgekit run",
        created="2026-01-01T00:00:00+00:00",
        edgekit_version="0",
        seed=0,
        models=(ModelRecord(source=source(), card=ModelCard(name="m")),),
        artifacts=artifacts,
        measurements=measurements,
        targets=targets,
        verdicts=tuple(verdicts),
    )


DEVICE = Grade.DEVICE
