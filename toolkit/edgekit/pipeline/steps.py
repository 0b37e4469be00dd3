"""plan → load → export → measure → judge → record."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from edgekit import __version__, formats
from edgekit.core.artifact import Artifact
from edgekit.core.measurement import ErrorRecord, Kernels, Measurement
from edgekit.core.recipe import UNKNOWN
from edgekit.core.run import Failure, ModelRecord, Run
from edgekit.core.target import Target
from edgekit.core.tensor import Arrays
from edgekit.core.verdict import Verdict, judge
from edgekit.errors import EdgekitError
from edgekit.pipeline.convert import Converted, file_name
from edgekit.pipeline.labels import check_data
from edgekit.pipeline.measure import Bench
from edgekit.pipeline.plan import Attempt
from edgekit.sources.model import Model
from edgekit.system import store


@dataclass
class Findings:
    """What a run has found so far."""

    models: list[ModelRecord] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    cached: int = 0


def record_all(
    attempts: list[Attempt], results: list[Converted | EdgekitError], found: Findings
) -> None:
    """Note what came of each attempt: a file, or why there is none."""
    for attempt, result in zip(attempts, results, strict=True):
        _record(attempt, result, found)


def _record(attempt: Attempt, result: Converted | EdgekitError, found: Findings) -> None:
    if isinstance(result, EdgekitError):
        failure = Failure(
            model=attempt.model.card.name,
            format=attempt.format,
            recipe=attempt.recipe.label,
            error=ErrorRecord(**result.record()),
        )
        found.failures.append(failure)
        return
    artifact = result.artifact.model_copy(update={"path": f"artifacts/{file_name(result)}"})
    found.artifacts.append(artifact)
    found.files[artifact.sha256] = result.path
    found.cached += result.from_cache


def measure_all(
    models: list[Model], targets: tuple[Target, ...], bench: Bench, found: Findings, folder: Path
) -> None:
    """Run every artifact on the test samples, with each kind of kernels that a target asks for."""
    for model in models:
        check_data(model.card, bench.parts.dataset, bench.settings.seed)
        floats, reference = bench.baseline(model)
        found.models.append(ModelRecord(source=model.source, card=model.card, baseline=floats))
        for artifact in found.artifacts:
            is_its = (artifact.source, artifact.card) == (model.source, model.card)
            if is_its and formats.exporter(artifact.format).RUNTIME is not None:
                measure_one(artifact, reference, targets, bench, found, folder)


def measure_one(
    artifact: Artifact,
    reference: Arrays | None,
    targets: tuple[Target, ...],
    bench: Bench,
    found: Findings,
    folder: Path,
) -> None:
    """Run one artifact on every device of the job, with the kernels that the targets ask for.

    The first device's golden vectors are kept in the run's `folder`.
    """
    file = found.files[artifact.sha256]
    for kernels in kernels_for(artifact, targets):
        golden = folder / "golden" / f"{artifact.sha256[:16]}-{kernels}.npz"
        for i, device in enumerate(bench.settings.devices):
            kept = golden if i == 0 else None
            done = bench.measure(artifact, file, reference, device, kernels, kept)
            found.measurements.append(done)


def kernels_for(artifact: Artifact, targets: tuple[Target, ...]) -> tuple[Kernels, ...]:
    """Return the kinds of kernels that the targets of this artifact's format run, each once."""
    asked = [target.kernels for target in targets if artifact.format in target.formats]
    return tuple(dict.fromkeys(asked or ["optimized"]))


def judge_all(targets: tuple[Target, ...], found: Findings) -> tuple[Verdict, ...]:
    """Judge each artifact for each target that runs its format.

    A recipe that a profile does not take is no failure where it was made for another target, nor
    is a file for another kind of CPU.
    """
    return tuple(
        judge(target, artifact, found.measurements)
        for target in targets
        for artifact in found.artifacts
        if artifact.format in target.formats
        and not _is_for_others(artifact, target, targets)
        and not _is_for_other_cpus(artifact, target, found)
    )


def _is_for_other_cpus(artifact: Artifact, target: Target, found: Findings) -> bool:
    """Return whether the target has a twin of this file that was made for its kind of CPU."""
    recipe = artifact.recipe.model_copy(update={"exact_cpu": target.is_exact})
    twin = (artifact.source, artifact.card, artifact.format, recipe)
    others = ((a.source, a.card, a.format, a.recipe) for a in found.artifacts)
    return recipe != artifact.recipe and twin in others


def _is_for_others(artifact: Artifact, target: Target, targets: tuple[Target, ...]) -> bool:
    recipe = artifact.recipe
    if target.takes(recipe) or recipe.name == UNKNOWN:
        return False
    return any(other.takes(recipe) for other in targets if artifact.format in other.formats)


def record(
    folder: Path,
    found: Findings,
    targets: tuple[Target, ...],
    bench: Bench,
    *,
    name: str,
    command: str,
) -> Run:
    """Copy the files into the run's folder, write run.json last, and return the Run."""
    for artifact in found.artifacts:
        store.copy(found.files[artifact.sha256], folder / artifact.path)
    run = Run(
        id=folder.name,
        name=name,
        command=command,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        edgekit_version=__version__,
        seed=bench.settings.seed,
        data=bench.parts.dataset.name,
        models=tuple(found.models),
        artifacts=tuple(found.artifacts),
        failures=tuple(found.failures),
        measurements=tuple(found.measurements),
        targets=targets,
        verdicts=judge_all(targets, found),
    )
    store.write_text(folder / "run.json", run.to_json())
    return run
