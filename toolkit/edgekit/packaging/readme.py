"""The README of a package: what it holds, what it was held to, how to call it and how to check it.

Names, labels and texts are the user's own: all that Markdown or HTML would read is escaped.
"""

import html
import re
import unicodedata
from pathlib import Path

from edgekit.core.measurement import Measurement, Metric
from edgekit.core.preprocess import Preprocess
from edgekit.core.table import change, figure, interval, size
from edgekit.core.tensor import TensorSpec
from edgekit.core.verdict import Check, Status
from edgekit.packaging.nouns import Content, Dependency, Variant

README = "README.md"

FIRST_LABELS = 10
LONGEST_LABEL = 60

WORDS = {
    Status.PASS: "pass",
    Status.FAIL: "**FAIL**",
    Status.UNDECIDED: "undecided",
    Status.NOT_MEASURED: "not measured",
}
COLUMNS = ("file", "size", "judged by", "change against the float model", "agreement", "verdict")
CHECK_COLUMNS = ("check", "result", "got", "limit", "measured on", "why")
FITS = {
    "exact": "Expect exactly {width}x{height} pixels",
    "stretch": "Stretch to {width}x{height} pixels",
    "crop": "Scale until {width}x{height} pixels are covered, then take the centre",
}
GRADES = {
    "device": "the device",
    "emulated": "an emulator",
    "host": "the host that validated it, not on the device",
    "estimated": "an estimate",
}


def readme(content: Content, dependencies: tuple[Dependency, ...], usage: str, archive: str) -> str:
    """Return the README.md of the package in the file `archive`; `usage` is the packager's part."""
    parts = [
        f"# {inline(content.card.name)} {content.version}",
        *_shout(content),
        _choice(content),
        *_text("", content.card.description),
        "## How to use it",
        usage.strip(),
        *_needs(dependencies),
        "## Results",
        _table(COLUMNS, [_result(variant) for variant in content.variants]),
        *(part for variant in content.variants for part in _checks(variant)),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(content)),
        *_text("## Intended use", content.card.intended_use or "The model's card does not say."),
        "## What a sample goes through",
        *_preprocessing(content),
        *_labels(content),
        "## Licences",
        _licences(content),
        "## Where it comes from",
        "\n".join(f"- {line}" for line in _provenance(content)),
        "## How to check it",
        _verifying(archive),
    ]
    return "\n\n".join(parts) + "\n"


def inline(text: str) -> str:
    """Return `text` as Markdown that shows it as it is, on one line."""
    shown = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    # Marks that turn the direction of writing would show another text than the one that is there.
    shown = re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", " ".join(shown.split()))
    # An underscore inside a word is only an underscore.
    special = r"([\\`*\[\]|~$#!]|(?<![^\W_])_|_(?![^\W_]))"
    return re.sub(special, r"\\\1", html.escape(shown, quote=False))


def _text(heading: str, text: str) -> list[str]:
    paragraphs = [inline(part) for part in re.split(r"\n\s*\n", text) if part.strip()]
    # What would begin a list, a rule or a heading.
    shown = [re.sub(r"^([-+=]|\d+(?=[.)]))", _literally, part) for part in paragraphs]
    return [heading, *shown] if heading and shown else shown


def _literally(match: re.Match[str]) -> str:
    start = match[0]
    return f"{start}&#8203;" if start.isdigit() else f"\\{start}"


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _place(content: Content) -> str:
    return f"{inline(content.target.device)} (`{content.target.id}`)" if content.target else ""


def _shout(content: Content) -> list[str]:
    """Say first of all that a file failed, where one did."""
    failed = [v for v in content.variants if v.status is Status.FAIL]
    if not failed and not content.failed_allowed:
        return []
    which = "; ".join(
        f"`{v.file}` failed {', '.join(v.verdict.names(Status.FAIL))}" for v in failed if v.verdict
    )
    text = f"> **DO NOT SHIP THIS: A FILE IN IT FAILED** for {_place(content)}: {which}."
    return [f"{text} The package was made by `--allow-failed`."]


def _choice(content: Content) -> str:
    first = content.first
    place = f" for {_place(content)}" if content.target else ""
    why, *more = content.why.split("; ")
    text = f"`{first.file}` ({size(first.artifact.size_bytes)}){place}: {inline(why)}."
    if len(content.variants) > 1:
        others = ", ".join(f"`{v.file}`" for v in content.variants[1:])
        text += f" Beside it, to choose from at run time: {others}."
    return "\n\n".join([text, *(["\n".join(f"- {inline(line)}" for line in more)] if more else [])])


def _needs(dependencies: tuple[Dependency, ...]) -> list[str]:
    if not dependencies:
        return []
    lines = [
        f"- {inline(d.name)} {inline(d.version)} ({inline(d.licence) or 'licence not known'})"
        for d in dependencies
    ]
    return ["It needs:", "\n".join(lines)]


def _result(variant: Variant) -> tuple[str, ...]:
    measured = variant.measured
    primary, drop = (measured.primary, measured.drop) if measured else (None, None)
    agreement = measured.metric("agreement") if measured else None
    return (
        f"`{variant.file}`",
        size(variant.artifact.size_bytes),
        _metric(primary) if primary else "not measured",
        f"{change(drop)}, n = {drop.n}" if drop else "not measured",
        _metric(agreement) if agreement else "not measured",
        "open" if variant.status is Status.NOT_MEASURED else WORDS[variant.status],
    )


def _metric(metric: Metric) -> str:
    name = "" if metric.name == "agreement" else f"{inline(metric.name)} "
    return f"{name}{_with_bounds(metric)}, n = {metric.n}"


def _with_bounds(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return figure(metric)
    factor, unit, form = (100, " %", ".2f") if metric.unit == "fraction" else (1, "", ".4g")
    value, low, high = (factor * each for each in (metric.value, metric.low, metric.high))
    return f"{interval(value, low, high, form)}{unit}"


def _checks(variant: Variant) -> list[str]:
    if variant.verdict is None:
        return [f"`{variant.file}` was judged for no target."]
    rows = [_check(check) for check in variant.verdict.checks]
    return [
        f"Every check of `{variant.file}` for `{variant.verdict.target}`:",
        _table(CHECK_COLUMNS, rows),
    ]


def _check(check: Check) -> tuple[str, ...]:
    return (
        inline(check.name),
        WORDS[check.status],
        _amount(check.got, check.unit),
        _amount(check.limit, check.unit),
        check.grade or "-",
        inline(check.why) or "-",
    )


def _amount(value: float | str | None, unit: str) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return inline(value) or "-"
    return size(value) if unit == "bytes" else f"{value:.4g} {unit}".rstrip()


def _limits(content: Content) -> list[str]:
    """Say what is not known, by name, and where each figure was measured."""
    lines: list[str] = []
    for variant in content.variants:
        verdict = variant.verdict
        for status in (Status.FAIL, Status.UNDECIDED, Status.NOT_MEASURED):
            if names := verdict.names(status) if verdict else ():
                listed = ", ".join(map(inline, names))
                lines.append(f"`{variant.file}`: {WORDS[status]}: {listed}.")
        lines.append(_measured(variant))
    if content.target is None:
        lines.append("It was packaged for no target: no budget was checked.")
    lines.append(
        "Accuracy is that of the data named below; on other data it is another. Golden vectors "
        "show that a device computes what was validated, not that it suits your use."
    )
    return lines


def _measured(variant: Variant) -> str:
    measured = variant.measured
    if measured is None or measured.error:
        return f"`{variant.file}` was not run where it was made: nothing of it was measured."
    text = (
        f"`{variant.file}` was measured on {GRADES[measured.grade]}: "
        f"{inline(measured.runtime_version or measured.runtime)}, {measured.kernels} kernels, "
        f"n = {measured.n}"
    )
    return f"{text}{_speed(measured)}."


def _speed(measured: Measurement) -> str:
    parts = []
    if measured.latency:
        parts.append(f"p50 {measured.latency.p50_ms:.3g} ms, p95 {measured.latency.p95_ms:.3g} ms")
    if measured.peak_memory_bytes is not None:
        parts.append(f"peak memory {size(measured.peak_memory_bytes)}")
    return f"; there: {', '.join(parts)}" if parts else ""


def _preprocessing(content: Content) -> list[str]:
    """Describe each input of the default file in steps; the code of the package does them."""
    first = content.first
    parts = []
    for spec, preprocess in zip(first.artifact.inputs, first.preprocesses, strict=True):
        if len(first.preprocesses) > 1:
            parts.append(f"Input {inline(spec.name) or 'without a name'}:")
        lines = _steps(preprocess, spec)
        parts.append("\n".join(f"{number}. {line}." for number, line in enumerate(lines, 1)))
    if len(content.variants) > 1:
        parts.append("The other files' inputs stand in `manifest.json`.")
    return parts


def _steps(preprocess: Preprocess, spec: TensorSpec) -> list[str]:
    lines = []
    if preprocess.colour:
        lines = ["Turn the picture upright, as its EXIF orientation says", _colour(preprocess)]
        if preprocess.height and preprocess.width:
            fit = FITS[preprocess.fit].format(width=preprocess.width, height=preprocess.height)
            lines.append(
                fit if preprocess.fit == "exact" else f"{fit} ({preprocess.interpolation})"
            )
    if preprocess.dtype == "float32":
        lines.append(
            f"In float32: `(x * {preprocess.scale!r} - mean) / std`, mean "
            f"`{list(preprocess.mean)}`, std `{list(preprocess.std)}`"
        )
    if preprocess.colour:
        lines.append(f"Lay out as {preprocess.layout}")
    lines.append(f"Hand over as `{spec.in_words()}`")
    return lines


def _colour(preprocess: Preprocess) -> str:
    return {
        "L": "Turn colours into grey (BT.601 luma)",
        "RGB": "Take red, green and blue in this order; grey is repeated, alpha dropped",
        "BGR": "Take blue, green and red in this order; grey is repeated, alpha dropped",
    }[preprocess.colour or "RGB"]


def _labels(content: Content) -> list[str]:
    if not content.labels:
        return []
    first = ", ".join(
        f"{i}: {inline(_short(n))}" for i, n in enumerate(content.labels[:FIRST_LABELS])
    )
    more = ", ..." if len(content.labels) > FIRST_LABELS else ""
    return ["## Classes", f"{len(content.labels)}, in the order of the outputs: {first}{more}"]


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[:LONGEST_LABEL]}..."


def _licences(content: Content) -> str:
    model = inline(content.card.licence) or "**not stated in the model's card**"
    data = inline(content.card.data_licence) or "**not stated in the model's card**"
    return f"Model: {model}. Data: {data}."


def _provenance(content: Content) -> list[str]:
    artifact, measured = content.first.artifact, content.first.measured
    tools = ", ".join(f"{name} {version}" for name, version in sorted(artifact.tools.items()))
    model = f"{inline(Path(artifact.source.ref).name)} ({inline(artifact.source.framework)})"
    lines = [
        f"Model: {model}, sha256 `{artifact.source.sha256}`",
        f"Recipe: `{artifact.recipe.name}`: {inline(artifact.recipe.description)}",
        f"Tools: {inline(tools) or 'not known'}; edgekit {inline(content.edgekit_version)}",
        f"Run: {inline(content.created)}",
    ]
    if measured and measured.data_sha256:
        data = f"{inline(Path(measured.data).name)}, {measured.n} test samples"
        lines.insert(1, f"Data it was measured on: {data}, sha256 `{measured.data_sha256}`")
    if not artifact.source.is_trained:
        lines.append("**The weights are untrained.**")
    return lines


def _verifying(archive: str) -> str:
    return f"""\
`manifest.json` beside this file repeats all of this for programs, with the sha256 of every file;
`sbom.cdx.json` is the bill of materials (CycloneDX). With edgekit installed:

```sh
edgekit verify {archive}          # nothing changed, added or removed
edgekit verify {archive} --run    # and the golden vectors come out again here
```

A package with a `manifest.sig.json` is signed: `--key public.pem` checks by whom."""
