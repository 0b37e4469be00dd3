"""Run: everything one job found, enough to report and package without computing again."""

from collections.abc import Callable

from pydantic import model_validator

from edgekit.core.artifact import Artifact, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.measurement import ErrorRecord, Measurement, best_first
from edgekit.core.noun import Noun
from edgekit.core.target import Target
from edgekit.core.verdict import Status, Verdict

SCHEMA_VERSION = 1

RANK = {Status.PASS: 0, Status.NOT_MEASURED: 1, Status.UNDECIDED: 2}


class Failure(Noun):
    """A recipe that gave no artifact, and why."""

    model: str
    format: str
    recipe: str
    error: ErrorRecord


class ModelRecord(Noun):
    """One model of the run, and how its float original did on the test samples."""

    source: ModelSource
    card: ModelCard
    baseline: Measurement | None = None


class Choice(Noun):
    """The file to ship to a target: the best that did not fail, and in words why."""

    target: str
    artifact_sha256: str | None
    status: Status
    why: str


class Run(Noun):
    """The record of one job."""

    schema_version: int = SCHEMA_VERSION
    id: str
    name: str
    command: str
    created: str
    edgekit_version: str
    seed: int
    data: str = ""
    models: tuple[ModelRecord, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    failures: tuple[Failure, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    targets: tuple[Target, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "Run":
        known = {artifact.sha256 for artifact in self.artifacts}
        judged = {verdict.artifact_sha256 for verdict in self.verdicts}
        if (judged | {measured.artifact_sha256 for measured in self.measurements}) - known:
            msg = "a verdict or measurement of a file that is not in the run"
            raise ValueError(msg)
        return self

    @property
    def unserved(self) -> tuple[str, ...]:
        """Return the targets for which a model was to be converted, and nothing came out of it."""
        return tuple(
            target.id
            for target in self.targets
            if any(self._is_left(f, target) for f in self.failures)
        )

    def _is_left(self, failure: Failure, target: Target) -> bool:
        made = {(a.card.name if a.card else "", a.format) for a in self.artifacts}
        return failure.format in target.formats and not any(
            (failure.model, name) in made for name in target.formats
        )

    def artifact(self, sha256: str) -> Artifact:
        """Return the artifact with `sha256`. Raises `KeyError` where there is none."""
        for artifact in self.artifacts:
            if artifact.sha256 == sha256:
                return artifact
        raise KeyError(sha256)

    def measurement(self, sha256: str, kernels: str = "optimized") -> Measurement | None:
        """Return the best measurement of an artifact, preferring `kernels`."""
        mine = best_first(m for m in self.measurements if m.artifact_sha256 == sha256)
        return next((m for m in mine if m.kernels == kernels), mine[0] if mine else None)

    def with_golden(self, sha256: str, kernels: str = "optimized") -> Measurement | None:
        """Return the measurement of an artifact that kept golden vectors, preferring `kernels`."""
        mine = [m for m in self.measurements if m.artifact_sha256 == sha256 and m.golden]
        return next((m for m in mine if m.kernels == kernels), mine[0] if mine else None)

    def verdict(self, target: str, sha256: str) -> Verdict | None:
        """Return the verdict on an artifact for a target, or None: the target runs other files."""
        for verdict in self.verdicts:
            if (verdict.target, verdict.artifact_sha256) == (target, sha256):
                return verdict
        return None

    def choices(self) -> tuple[Choice, ...]:
        """Return for each target which file to ship."""
        return tuple(self.choose(target) for target in self.targets)

    def choose(
        self, target: Target, refusal: Callable[[Artifact], str | None] = lambda _: None
    ) -> Choice:
        """Return which file to ship to `target`, of those that `refusal` gives no reason against.

        One that passed goes before one with open checks, and the smaller before the larger.
        """
        rivals = sorted(
            (verdict for verdict in self.verdicts if self._may_ship(target, verdict)),
            key=lambda v: (RANK[v.status], self.artifact(v.artifact_sha256).size_bytes),
        )
        refused = {v.artifact_sha256: refusal(self.artifact(v.artifact_sha256)) for v in rivals}
        best = next((v for v in rivals if refused[v.artifact_sha256] is None), None)
        if best is None:
            why = "no file passed" if self._judged(target) else "no file of its formats was made"
            if rivals:
                why = self._passed_over(rivals, refused)
            return Choice(target=target.id, artifact_sha256=None, status=Status.FAIL, why=why)
        before = rivals[: rivals.index(best)]
        why = _why(best, len(rivals) - sum(reason is not None for reason in refused.values()))
        return Choice(
            target=target.id,
            artifact_sha256=best.artifact_sha256,
            status=best.status,
            why="; ".join([why, self._passed_over(before, refused)] if before else [why]),
        )

    def _may_ship(self, target: Target, verdict: Verdict) -> bool:
        return verdict.target == target.id and verdict.status is not Status.FAIL

    def _passed_over(self, verdicts: list[Verdict], refused: dict[str, str | None]) -> str:
        by_reason: dict[str | None, list[str]] = {}
        for verdict in verdicts:
            label = self.artifact(verdict.artifact_sha256).label
            by_reason.setdefault(refused[verdict.artifact_sha256], []).append(label)
        return "; ".join(
            f"{', '.join(labels)} cannot be carried: {reason}"
            for reason, labels in by_reason.items()
        )

    def _judged(self, target: Target) -> bool:
        return any(verdict.target == target.id for verdict in self.verdicts)


def _why(verdict: Verdict, rivals: int) -> str:
    text = f"smallest of {rivals} that did not fail" if rivals > 1 else "the only one not failing"
    still_open = verdict.open_checks
    return f"{text}; still open: {', '.join(still_open)}" if still_open else text
