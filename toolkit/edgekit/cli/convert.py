"""The verb `edgekit convert`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli import console, options
from edgekit.errors import EdgekitError, ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.core.artifact import Artifact
    from edgekit.core.run import Failure
    from edgekit.pipeline.convert import Converted
    from edgekit.pipeline.plan import Attempt
    from edgekit.pipeline.workspace import Settings

EXAMPLE = (
    "Example: edgekit convert build/mobilenet.keras --target tflite --quantize int8 "
    "--data digits -o build"
)


def command(  # noqa: PLR0913, PLR0917 - a command line
    model: options.Model,
    target: options.Targets,
    quantize: options.Recipes = ["fp32"],  # noqa: B006 - Typer copies it
    data: options.Data = None,
    calibration: options.Calibration = 100,
    batch_max: options.BatchMax = 1,
    framework: options.Framework = None,
    weights: options.Weights = None,
    signature: options.Signature = None,
    card: options.Card = None,
    input_shape: options.Input = None,
    layout: options.Layout = None,
    seed: options.Seed = 0,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the files.")
    ] = Path(),
    trust: options.Trust = False,
    download: options.Download = False,
    allow_loss: options.AllowLoss = False,
    no_cache: options.NoCache = False,
    skip_bad: options.SkipBad = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Convert a model for one or more targets, by one or more recipes.

    Each file is run once and held against the float model before it counts, on the data where
    there is some, else on noise. A recipe that fails leaves the others standing.
    """
    from edgekit.pipeline import recipes, targets
    from edgekit.pipeline.plan import check_possible, check_some_possible, plan
    from edgekit.pipeline.workspace import Settings
    from edgekit.sources.open import open_model, parse_shapes

    profiles = targets.load_all(target)
    asked = [
        recipes.parse(name, calibration_n=calibration, calibration_seed=seed, batch_max=batch_max)
        for name in dict.fromkeys(quantize)
    ]
    chosen = open_model(
        model,
        framework=framework,
        for_format=profiles[0].formats[0],
        weights=weights,
        signature=signature,
        card=card,
        inputs=parse_shapes(input_shape),
        takes_images=layout is not None,
        download=download,
    )
    attempts = plan([chosen], asked, profiles)
    for profile in profiles:
        if not any(attempt.format in profile.formats for attempt in attempts):
            check_possible(chosen.source, profile.formats[0], asked[0])
    check_some_possible(attempts)
    for line in (*chosen.warnings, *chosen.untrained):
        console.note(f"warning: {line}")
    if any(recipe.is_calibrated for recipe in asked):
        data = data or chosen.card.data
    if dry_run:
        _show_plan(attempts, output, as_json)
        return
    settings = Settings(seed=seed, trust=trust, skip_bad=skip_bad, allow_loss=allow_loss)
    settings = settings._replace(use_cache=not no_cache)
    files, failed = _convert(attempts, settings, data, output)
    made, lost = {each.artifact.format for _, each in files}, {each.format for each in failed}
    named = dict(zip(dict.fromkeys(target), profiles, strict=True))
    ref = next(r for r, profile in named.items() if files[-1][1].artifact.format in profile.formats)
    _show(files, failed, ref, data, as_json)
    if any(lost & set(p.formats) and not made & set(p.formats) for p in profiles):
        raise typer.Exit(ExportError.exit_code)


def _convert(
    attempts: "list[Attempt]", settings: "Settings", data: str | None, output: Path
) -> "tuple[list[tuple[Path, Converted]], list[Failure]]":
    """Convert all, then write what was made; return it, and what failed.

    Raises the first error where nothing was made.
    """
    from edgekit.pipeline.convert import Conversions, convert_all, file_name
    from edgekit.pipeline.steps import Findings, record_all
    from edgekit.pipeline.workspace import workspace
    from edgekit.system import store

    with console.steps() as step, workspace(settings, step, data) as work:
        results = convert_all(attempts, Conversions.of(work))
        done = [each for each in results if not isinstance(each, EdgekitError)]
        found = Findings()
        record_all(attempts, results, found)
        for error in results if not done else ():
            assert isinstance(error, EdgekitError)
            raise error
        written: list[tuple[Path, Converted]] = []
        staged: dict[Path, bytes | Path] = {}
        for made in done:
            path = output / file_name(made)
            record = made.artifact.model_copy(update={"path": path.name})
            staged[path] = made.path
            staged[path.with_name(f"{path.name}.artifact.json")] = record.to_json().encode()
            written.append((path, made))
        store.write_all(staged)
    return written, found.failures


def _show(
    files: "list[tuple[Path, Converted]]",
    failed: "list[Failure]",
    target: str,
    data: str | None,
    as_json: bool,
) -> None:
    if as_json:
        entries = [
            {"path": str(path), "from_cache": made.from_cache,
             "artifact": made.artifact.model_dump(mode="json")}
            for path, made in files
        ]  # fmt: skip
        failures = [failure.model_dump(mode="json") for failure in failed]
        console.document({"files": entries, "failures": failures})
        return
    from edgekit.core.table import size

    for path, made in files:
        origin = "from the cache" if made.from_cache else "converted"
        console.say(
            f"wrote {path}: {size(made.artifact.size_bytes)}, {origin}; {_parity(made.artifact)}"
        )
        if made.artifact.min_runtime:
            console.say(f"note: runs on TensorFlow Lite {made.artifact.min_runtime} and later")
        for line in (*_borders(made.artifact), *made.artifact.notes):
            console.say(f"note: {line}")
        if made.artifact.parity and made.artifact.parity.shortfall:
            console.say(f"note: kept by --allow-loss: {made.artifact.parity.shortfall}")
    for failure in failed:
        console.say(f"not made: {failure.format} {failure.recipe}: {failure.error.message}")
        if failure.error.hint:
            console.say(f"  hint: {failure.error.hint}")
    path, made = files[-1]
    source = made.artifact.source
    if made.artifact.parity is None:
        console.say(f"next: edgekit inspect {shlex.quote(str(path))}")
        return
    words = ["edgekit", "validate", str(path), "--target", target, "--data", data or "DATA"]
    words += ["--baseline", source.ref]
    words += ["--weights", source.weights] if source.weights else []
    words += ["--signature", source.signature] if source.signature else []
    console.say(f"next: {shlex.join(words)}")


def _borders(artifact: "Artifact") -> "Iterator[str]":
    """Say what the app has to hand over and gets back where it is not float32."""
    for side, specs in (("takes", artifact.inputs), ("gives", artifact.outputs)):
        for spec in specs:
            if spec.dtype != "float32":
                yield f"{side} {spec.name}: {spec.in_words()}"


def _parity(artifact: "Artifact") -> str:
    parity = artifact.parity
    if parity is None:
        return "not run: this format runs on its device only"
    ratio = f" ({parity.sqnr_db:.1f} dB)" if parity.sqnr_db is not None else ""
    return (
        f"differs from the float model by at most {parity.max_abs_difference:.2g}{ratio} "
        f"on {parity.samples} samples of {parity.inputs_from}"
    )


def _show_plan(attempts: "list[Attempt]", output: Path, as_json: bool) -> None:
    lines = [
        {"model": a.model.card.name, "format": a.format, "recipe": a.recipe.label} for a in attempts
    ]
    if as_json:
        console.document({"would_convert": lines, "output": str(output)})
        return
    for line in lines:
        console.say(f"would convert {line['model']} to {line['format']} by {line['recipe']}")
