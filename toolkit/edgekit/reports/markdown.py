"""A report for people, in Markdown."""

from collections import Counter
from pathlib import PurePath

from edgekit.core.cpu import is_exact
from edgekit.core.measurement import Measurement
from edgekit.core.run import Run
from edgekit.core.table import Table, choice_lines, full_table, interval, size
from edgekit.core.verdict import Check, Status

SUFFIX = ".md"

LEGEND = (
    "`open` means that nothing failed and something could not be measured here. Latency and "
    "memory are this host's; a device's budget is met only by measuring on the device."
)


def render(run: Run) -> str:
    """Return the table, which file to ship, all checks that did not pass, and the evidence."""
    parts = [
        f"# {run.name}",
        f"Run `{run.id}`, {run.created}, edgekit {run.edgekit_version}. Made by `{run.command}`.",
        "## Which file to ship",
        "\n".join(f"- {line}" for line in choice_lines(run)),
        "## Files",
        table(full_table(run)),
        LEGEND,
        *_failures(run),
        "## Checks that did not pass",
        "\n".join(_open_checks(run)) or "None.",
        "## Evidence",
        "\n".join(_evidence(run)),
    ]
    return "\n\n".join(parts) + "\n"


def table(data: Table) -> str:
    """Return a table as Markdown."""
    rows = [data.columns, ("---",) * len(data.columns), *data.rows]
    return "\n".join(f"| {' | '.join(_escape(cell) for cell in row)} |" for row in rows)


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


def _failures(run: Run) -> list[str]:
    if not run.failures:
        return []
    lines = [f"- {f.model} {f.format} {f.recipe}: {_escape(f.error.message)}" for f in run.failures]
    return ["## Not made", "\n".join(lines)]


def _open_checks(run: Run) -> list[str]:
    """Return a line for each failed or undecided check, and one for each kind not measured."""
    lines, unmeasured = [], Counter[tuple[str, str, str, str]]()
    for verdict in run.verdicts:
        for check in verdict.checks:
            if check.status is Status.NOT_MEASURED:
                unmeasured[verdict.target, check.name, _limit(check), check.why] += 1
            elif check.status is not Status.PASS:
                label = run.artifact(verdict.artifact_sha256).label
                place = f"{verdict.target}, {label}: **{check.name}** {check.status}"
                got = f", got {_amount(check.got, check.unit)}" if check.got is not None else ""
                lines.append(f"- {place}{got}{_limit(check)}. {_escape(check.why)}")
    for (target, name, limit, why), n in unmeasured.items():
        files = "1 file" if n == 1 else f"{n} files"
        lines.append(f"- {target}: **{name}** not_measured{limit}, for {files}: {_escape(why)}")
    return lines


def _limit(check: Check) -> str:
    return "" if check.limit is None else f", limit {_amount(check.limit, check.unit)}"


def _amount(value: float | str, unit: str) -> str:
    if isinstance(value, str):
        return value
    return size(value) if unit == "bytes" else f"{value:.4g} {unit}"


def _evidence(run: Run) -> list[str]:
    lines = []
    for model in run.models:
        accuracy = model.baseline.metric("accuracy") if model.baseline else None
        if model.baseline and accuracy:
            got = f"{100 * accuracy.value:.2f} % of n = {accuracy.n}"
            data = PurePath(model.baseline.data).name
            lines.append(
                f"- {model.card.name} ({model.source.framework}), float: {got}, data `{data}`, "
                f"seed {run.seed}, {model.baseline.runtime_version}"
            )
    for measured in run.measurements:
        label = run.artifact(measured.artifact_sha256).label
        if measured.error:
            lines.append(
                f"- {label}, {measured.kernels} kernels: {_escape(measured.error.message)}"
            )
            continue
        flips = [measured.metric(name) for name in ("right_to_wrong", "wrong_to_right")]
        worst = measured.metric("worst_class_drop")
        text = (
            f"- {label}, {measured.runtime_version}, {measured.kernels} kernels, {measured.grade}"
        )
        text += f" ({measured.host}), n = {measured.n}"
        if run.artifact(measured.artifact_sha256).depends_on_cpu:
            text += f" ({_kind(measured)})"
        if flips[0] and flips[1]:
            text += f": {flips[0].value:.0f} right→wrong, {flips[1].value:.0f} wrong→right"
        if worst:
            drop = interval(worst.value, worst.low, worst.high)
            text += f"; worst class {worst.detail}: {drop} points of n = {worst.n}"
        lines.append(text)
    hosts = {m.host: m.cpu_features for m in run.measurements if m.host}
    lines += [f"- CPU features of {h}: {', '.join(f) or 'unknown'}" for h, f in hosts.items()]
    return lines


def _kind(measured: Measurement) -> str:
    if is_exact(measured.cpu_features):
        return "on a CPU that adds int8 products exactly; x86 CPUs without VNNI give other figures"
    return "not known to be a CPU that adds int8 products exactly; those give other figures"
