"""Verdict: one artifact against one target, every check of it."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import TypeVar

from edgekit.core.artifact import Artifact
from edgekit.core.cpu import is_exact
from edgekit.core.measurement import Grade, Measurement, Metric, best_first
from edgekit.core.noun import Noun
from edgekit.core.recipe import UNKNOWN
from edgekit.core.statistics import Z_95, samples_to_tell
from edgekit.core.target import Limit, Target

Evidence = tuple[Measurement, ...]
Figure = TypeVar("Figure")


class Status(StrEnum):
    """The answer of a check, or of a verdict."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not_measured"


class Check(Noun):
    """One question put to an artifact. `got` and `limit` are in `unit`."""

    name: str
    status: Status
    got: float | str | None = None
    limit: float | str | None = None
    unit: str = ""
    grade: Grade | None = None
    why: str = ""


class Verdict(Noun):
    """All checks of one artifact for one target."""

    target: str
    artifact_sha256: str
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """Return fail where any check failed, else what is still open, else pass."""
        found = {check.status for check in self.checks}
        for status in (Status.FAIL, Status.UNDECIDED, Status.NOT_MEASURED):
            if status in found:
                return status
        return Status.PASS

    @property
    def open_checks(self) -> tuple[str, ...]:
        """Return the names of the checks that neither passed nor failed."""
        return self.names(Status.UNDECIDED) + self.names(Status.NOT_MEASURED)

    def names(self, status: Status) -> tuple[str, ...]:
        """Return the names of the checks with `status`."""
        return tuple(check.name for check in self.checks if check.status is status)


def judge(target: Target, artifact: Artifact, measurements: Iterable[Measurement]) -> Verdict:
    """Put every check of `target` to `artifact`. Raises nothing: what is unknown is said so.

    Each check takes the best evidence that there is for it.
    """
    evidence = best_first(
        m
        for m in measurements
        if m.artifact_sha256 == artifact.sha256 and m.kernels == target.kernels
    )
    checks = [_format(target, artifact), *_policy(target, artifact), _ran(target, evidence)]
    budgets = target.budgets
    if budgets.size_bytes:
        checks.append(_bound("size_bytes", "bytes", artifact.size_bytes, budgets.size_bytes))
    checks.extend(_promise(artifact))
    checks.extend(_kind_of_cpu(target, artifact, evidence))
    checks.extend(_accuracy(target, artifact, evidence))
    checks.extend(_device_only(target, evidence))
    return Verdict(target=target.id, artifact_sha256=artifact.sha256, checks=tuple(checks))


def _format(target: Target, artifact: Artifact) -> Check:
    fits = artifact.format in target.formats
    return Check(
        name="format",
        status=Status.PASS if fits else Status.FAIL,
        got=artifact.format,
        limit=", ".join(target.formats),
        why="" if fits else f"{target.device} is not set up for {artifact.format} files",
    )


def _policy(target: Target, artifact: Artifact) -> Iterator[Check]:
    if target.recipes and artifact.recipe.name == UNKNOWN:
        why = "the file was made elsewhere: edgekit does not know how it was quantized"
        yield Check(name="recipe", status=Status.NOT_MEASURED, why=why)
    elif target.recipes:
        fits = target.takes(artifact.recipe)
        yield Check(
            name="recipe",
            status=Status.PASS if fits else Status.FAIL,
            got=artifact.recipe.name,
            limit=", ".join(target.recipes),
            why="" if fits else target.recipes_source,
        )
    if target.ops.allowed is not None:
        unknown = sorted(set(artifact.op_histogram) - set(target.ops.allowed))
        yield Check(
            name="ops",
            status=Status.FAIL if unknown else Status.PASS,
            got=", ".join(unknown) or "all known",
            limit=f"{len(target.ops.allowed)} operators",
            why=f"not in the runtime: {target.ops.source}" if unknown else "",
        )


def _ran(target: Target, evidence: Evidence) -> Check:
    if not evidence:
        why = f"not run here with {target.kernels} kernels"
        return Check(name="runs", status=Status.NOT_MEASURED, why=why)
    best = evidence[0]
    if best.error:
        return Check(name="runs", status=Status.FAIL, grade=best.grade, why=best.error.message)
    got = f"{best.runtime} {best.runtime_version}"
    return Check(name="runs", status=Status.PASS, got=got, grade=best.grade)


def _promise(artifact: Artifact) -> Iterator[Check]:
    """Never pass a file that its user kept though it loses more than its recipe promises."""
    if artifact.parity and artifact.parity.shortfall:
        why = f"kept by --allow-loss: {artifact.parity.shortfall}"
        yield Check(name="parity", status=Status.UNDECIDED, got=artifact.parity.sqnr_db, why=why)


def _kind_of_cpu(target: Target, artifact: Artifact, evidence: Evidence) -> Iterator[Check]:
    """Leave open what the device's CPU answers where the one that ran the file is another kind."""
    measured = next((each for each in evidence if not each.error), None)
    if not artifact.depends_on_cpu or measured is None or measured.grade is Grade.DEVICE:
        return
    if target.is_exact and is_exact(measured.cpu_features):
        return
    why = (
        "not known to be measured on a CPU that adds int8 products exactly: x86 CPUs without VNNI "
        "may cut them off"
    )
    if is_exact(measured.cpu_features):
        why = (
            "measured on a CPU that adds int8 products exactly; the device's may be an x86 CPU "
            "without VNNI, which may cut them off"
        )
    yield Check(name="kind_of_cpu", status=Status.NOT_MEASURED, grade=measured.grade, why=why)


def _bound(name: str, unit: str, got: float, limit: Limit, grade: Grade | None = None) -> Check:
    too_much = limit.max is not None and got > limit.max
    too_little = limit.min is not None and got < limit.min
    return Check(
        name=name,
        status=Status.FAIL if too_much or too_little else Status.PASS,
        got=got,
        limit=limit.max if limit.max is not None else limit.min,
        unit=unit,
        grade=grade,
        why=f"limit from: {limit.source}",
    )


def _accuracy(target: Target, artifact: Artifact, evidence: Evidence) -> Iterator[Check]:
    drop, drop_grade = _best(evidence, lambda measured: measured.drop)
    agreement, grade = _best(evidence, lambda measured: measured.metric("agreement"))
    for name, metric, of_grade, limit, unfit in (
        (_drop_name(artifact), drop, drop_grade, *_drop_limit(target, drop, artifact)),
        ("agreement", agreement, grade, target.budgets.agreement, ""),
    ):
        if limit is None:
            continue
        if metric is not None and of_grade and artifact.source.is_trained and not unfit:
            yield _interval(metric, limit, of_grade)
            continue
        why = unfit or "no accuracy measurement: give labelled data and the float model"
        if name == "agreement" and drop is not None:
            why = "agreement is about classes, which this model does not give"
        if not artifact.source.is_trained:
            why = "the weights are untrained: keeping a guess's accuracy proves nothing"
        yield Check(name=name, status=Status.NOT_MEASURED, limit=_bound_of(limit), why=why)


def _drop_name(artifact: Artifact) -> str:
    metric = artifact.card.metric_name if artifact.card else "accuracy"
    return f"{metric.rpartition('/')[2].removesuffix('.py')}_drop"


def _drop_limit(
    target: Target, drop: Metric | None, artifact: Artifact
) -> tuple[Limit | None, str]:
    """Return the budget that a drop of this unit has to keep, or another's and why it is none."""
    points, percent = target.budgets.accuracy_drop_points, target.budgets.error_increase_percent
    if drop is None:
        task = artifact.card.task if artifact.card else "classification"
        is_error = task in {"regression", "reconstruction"}
        return (percent or points if is_error else points or percent), ""
    fits = {"points": points, "percent": percent}.get(drop.unit)
    if fits is not None:
        return fits, ""
    name = drop.name.removesuffix("_drop")
    budget = "error_increase_percent" if drop.unit == "percent" else "accuracy_drop_points"
    why = f"{name} changes in {drop.unit}, and the target limits no such change"
    if drop.unit in {"points", "percent"}:
        why += f": give it {budget}"
    return points or percent, why


def _bound_of(limit: Limit) -> float:
    bound = limit.max if limit.max is not None else limit.min
    assert bound is not None
    return bound


def _interval(metric: Metric, limit: Limit, grade: Grade) -> Check:
    """Decide only where the whole interval lies on one side of the limit."""
    bound = _bound_of(limit)
    if metric.low is None or metric.high is None:
        why = f"too few samples to tell: {metric.method or 'no interval'}"
        return Check(
            name=metric.name, status=Status.UNDECIDED, got=metric.value, limit=bound,
            unit=metric.unit, grade=grade, why=why,
        )  # fmt: skip
    low, high = metric.low, metric.high
    inside, outside = (
        (high <= bound, low > bound)
        if limit.max is not None
        else (
            low >= bound,
            high < bound,
        )
    )
    status = Status.PASS if inside else Status.FAIL if outside else Status.UNDECIDED
    why = f"limit from: {limit.source}"
    if status is Status.UNDECIDED:
        why = f"too few samples to tell: 95 % interval {low:.4g} to {high:.4g} holds the limit"
        why += _how_many(metric, bound)
    return Check(
        name=metric.name,
        status=status,
        got=metric.value,
        limit=bound,
        unit=metric.unit,
        grade=grade,
        why=why,
    )


def _how_many(metric: Metric, bound: float) -> str:
    """Say about how many samples would settle it, if the point estimate held."""
    if metric.unit not in {"points", "percent"} or metric.low is None or metric.high is None:
        return ""
    # The half-width shrinks with the square root of n, so the present one tells the rate of flips,
    # or the spread of errors.
    half, margin = (metric.high - metric.low) / 200, abs(metric.value - bound) / 100
    needed = samples_to_tell(metric.n * (half / Z_95) ** 2, margin)
    return f"; about {needed} would do, got {metric.n}" if needed > metric.n else ""


def _device_only(target: Target, evidence: Evidence) -> Iterator[Check]:
    budgets = target.budgets
    latency = _best(evidence, lambda m: m.latency.p95_ms if m.latency else None)
    memory = _best(evidence, lambda m: m.peak_memory_bytes)
    for name, unit, (got, grade), limit in (
        ("latency_p95_ms", "ms", latency, budgets.latency_p95_ms),
        ("peak_memory_bytes", "bytes", memory, budgets.peak_memory_bytes),
    ):
        if limit is None:
            continue
        if got is not None and grade is Grade.DEVICE:
            yield _bound(name, unit, got, limit, grade)
        else:
            beside = "; the figure beside it is another machine's" if got is not None else ""
            yield Check(
                name=name,
                status=Status.NOT_MEASURED,
                got=got,
                limit=_bound_of(limit),
                unit=unit,
                grade=grade,
                why=f"not measured on the device ({target.device}){beside}",
            )


def _best(
    evidence: Evidence, figure: Callable[[Measurement], Figure | None]
) -> tuple[Figure | None, Grade | None]:
    """Return a figure by the best evidence that has it, and that evidence's grade."""
    for measured in evidence:
        if (found := figure(measured)) is not None:
            return found, measured.grade
    return None, None
