"""The table of a run: the same cells for the terminal and every report."""

from typing import NamedTuple

from edgekit.core.artifact import Artifact
from edgekit.core.measurement import Measurement
from edgekit.core.run import Failure, Run
from edgekit.core.target import Target
from edgekit.core.verdict import Status, Verdict

NONE = "-"

COLUMNS = (
    "model",
    "format",
    "recipe",
    "status",
    "size",
    "smaller",
    "accuracy",
    "drop (points)",
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


class Table(NamedTuple):
    """Column names and rows of text; the last columns are the verdicts, one per target."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def metrics_table(run: Run) -> Table:
    """Return one row per artifact, and per recipe that gave none."""
    rows = [_row(run, artifact) for artifact in run.artifacts]
    rows += [_failed_row(failure) for failure in run.failures]
    return Table(COLUMNS, tuple(rows))


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
    return name, artifact.format, artifact.recipe.name


def _row(run: Run, artifact: Artifact) -> tuple[str, ...]:
    measured = run.measurement(artifact.sha256)
    smaller = _smaller(run, artifact)
    return (
        *_names(artifact),
        _status(measured),
        size(artifact.size_bytes),
        smaller,
        *_cells(measured),
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
        if mine and other.recipe.name == "fp32":
            return f"{other.size_bytes / artifact.size_bytes:.2f}x"
    return NONE


def _cells(measured: Measurement | None) -> tuple[str, ...]:
    if measured is None or measured.error:
        return (NONE,) * 6
    accuracy, drop = measured.metric("accuracy"), measured.metric("accuracy_drop")
    agreement, latency = measured.metric("agreement"), measured.latency
    memory = measured.peak_memory_bytes
    return (
        f"{100 * accuracy.value:.2f} %" if accuracy else NONE,
        interval(drop.value, drop.low, drop.high) if drop else NONE,
        f"{100 * agreement.value:.2f} %" if agreement else NONE,
        f"{latency.p50_ms:.3f} / {latency.p95_ms:.3f}" if latency else NONE,
        size(memory) if memory is not None else NONE,
        measured.delegated.in_words() if measured.delegated else NONE,
    )


def interval(value: float, low: float | None, high: float | None) -> str:
    """Return a signed figure with its bounds, for example `+0.37 [-0.51, +1.25]`."""
    if low is None or high is None:
        return f"{value:+.2f}"
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


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
