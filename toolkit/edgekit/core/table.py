"""The table of a run: the same cells for the terminal and every report."""

from typing import NamedTuple

from edgekit.core.artifact import Artifact
from edgekit.core.measurement import Measurement, Metric
from edgekit.core.run import Failure, Run
from edgekit.core.target import Target
from edgekit.core.verdict import Status, Verdict

NONE = "-"

ACCURACY, DROP = "accuracy", "drop (points)"

COLUMNS = (
    "model",
    "format",
    "recipe",
    "status",
    "size",
    "smaller",
    ACCURACY,
    DROP,
    "agreement",
    "p50 / p95 ms",
    "peak memory",
    "delegated",
)

WORDS = {
    Status.PASS: "pass",
    Status.FAIL: "FAIL",
    Status.UNDECIDED: "undecided",
    Status.NOT_MEASURED: "open",
}


# How units are written behind figures; a fraction is written in per cent.
UNITS = {"points": "points", "percent": "%", "dB": "dB", "samples": "samples"}


class Table(NamedTuple):
    """Column names and rows of text; the last columns are the verdicts, one per target."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def metrics_table(run: Run) -> Table:
    """Return one row per artifact, and per recipe that gave none."""
    by_accuracy = all(_is_accuracy(measured) for measured in run.measurements)
    rows = [_row(run, artifact, by_accuracy=by_accuracy) for artifact in run.artifacts]
    rows += [_failed_row(failure) for failure in run.failures]
    others = {} if by_accuracy else {ACCURACY: "metric", DROP: "drop"}
    return Table(tuple(others.get(name, name) for name in COLUMNS), tuple(rows))


def _is_accuracy(measured: Measurement) -> bool:
    return measured.primary is None or measured.primary.name == "accuracy"


def verdict_table(run: Run) -> Table:
    """Return one row per artifact with its verdict for each target."""
    columns = ("model", "format", "recipe", *(target.id for target in run.targets))
    rows = []
    for artifact in run.artifacts:
        cells = [_verdict_cell(run, target, artifact) for target in run.targets]
        rows.append((*_names(artifact), *cells))
    return Table(columns, tuple(rows))


def full_table(run: Run) -> Table:
    """Return metrics and verdicts in one row per artifact."""
    metrics, verdicts = metrics_table(run), verdict_table(run)
    rows = [(*row, *verdict[3:]) for row, verdict in zip(metrics.rows, verdicts.rows, strict=False)]
    blank = (NONE,) * len(run.targets)
    rows += [(*row, *blank) for row in metrics.rows[len(verdicts.rows) :]]
    return Table((*metrics.columns, *verdicts.columns[3:]), tuple(rows))


def _names(artifact: Artifact) -> tuple[str, str, str]:
    name = artifact.card.name if artifact.card else artifact.source.ref
    return name, artifact.format, artifact.recipe.label


def _row(run: Run, artifact: Artifact, *, by_accuracy: bool) -> tuple[str, ...]:
    measured = run.measurement(artifact.sha256)
    smaller = _smaller(run, artifact)
    return (
        *_names(artifact),
        _status(measured),
        size(artifact.size_bytes),
        smaller,
        *_cells(measured, by_accuracy=by_accuracy),
    )


def _failed_row(failure: Failure) -> tuple[str, ...]:
    cells = (NONE,) * (len(COLUMNS) - 4)
    return (failure.model, failure.format, failure.recipe, "export failed", *cells)


def _status(measured: Measurement | None) -> str:
    if measured is None:
        return "not run"
    return "run failed" if measured.error else "ok"


def _smaller(run: Run, artifact: Artifact) -> str:
    """Return how many times smaller the file is than its own model's fp32 file of that format."""
    for other in run.artifacts:
        mine = (other.source.sha256, other.format) == (artifact.source.sha256, artifact.format)
        if mine and other.recipe.scheme == "fp32":
            return f"{other.size_bytes / artifact.size_bytes:.2f}x"
    return NONE


def _cells(measured: Measurement | None, *, by_accuracy: bool) -> tuple[str, ...]:
    if measured is None or measured.error:
        return (NONE,) * 6
    primary, drop = measured.primary, measured.drop
    like, latency = measured.metric("agreement") or measured.metric("snr"), measured.latency
    memory = measured.peak_memory_bytes
    name = f"{primary.name} " if primary and not by_accuracy else ""
    return (
        f"{name}{figure(primary)}" if primary else NONE,
        _drop(drop, by_accuracy=by_accuracy) if drop else NONE,
        figure(like) if like else NONE,
        f"{latency.p50_ms:.3f} / {latency.p95_ms:.3f}" if latency else NONE,
        size(memory) if memory is not None else NONE,
        measured.delegated.in_words() if measured.delegated else NONE,
    )


def _drop(drop: Metric, *, by_accuracy: bool) -> str:
    # The column of accuracies has the unit in its name.
    return interval(drop.value, drop.low, drop.high) if by_accuracy else change(drop)


def figure(metric: Metric) -> str:
    """Return a figure with its unit, for example `97.40 %`, `0.0123` or `41.2 dB`."""
    if metric.unit == "fraction":
        return f"{100 * metric.value:.2f} %"
    return f"{metric.value:.4g} {UNITS.get(metric.unit, '')}".rstrip()


def interval(value: float, low: float | None, high: float | None, form: str = "+.2f") -> str:
    """Return a signed figure with its bounds, for example `+0.37 [-0.51, +1.25]`."""
    if low is None or high is None:
        return f"{value:{form}}"
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def change(drop: Metric) -> str:
    """Return a drop with its bounds and unit, for example `+2.10 [+1.05, +3.20] %`."""
    if drop.unit not in UNITS:
        return interval(drop.value, drop.low, drop.high, "+.4g")
    return f"{interval(drop.value, drop.low, drop.high)} {UNITS[drop.unit]}"


def size(size_bytes: float) -> str:
    """Return bytes in decimal units, as app stores count."""
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return (
                f"{size_bytes / factor:.3g} {unit}"
                if size_bytes < 1000 * factor
                else (f"{size_bytes / factor:.0f} {unit}")
            )
    return f"{size_bytes:.0f} B"


def _verdict_cell(run: Run, target: Target, artifact: Artifact) -> str:
    verdict = run.verdict(target.id, artifact.sha256)
    if verdict is None:
        return NONE
    word = WORDS[verdict.status]
    return word if verdict.status is Status.PASS else f"{word}: {_which(verdict)}"


def _which(verdict: Verdict) -> str:
    short = {"latency_p95_ms": "latency", "peak_memory_bytes": "memory", "size_bytes": "size"}
    return ", ".join(short.get(name, name) for name in verdict.names(verdict.status))


def choice_lines(run: Run) -> tuple[str, ...]:
    """Return for each target in one line which file to ship, and why."""
    lines = []
    for choice in run.choices():
        if choice.artifact_sha256 is None:
            lines.append(f"{choice.target}: none; {choice.why}")
            continue
        artifact = run.artifact(choice.artifact_sha256)
        lines.append(
            f"{choice.target}: {artifact.path} ({size(artifact.size_bytes)}), "
            f"{WORDS[choice.status]}: {choice.why}"
        )
    return tuple(lines)
