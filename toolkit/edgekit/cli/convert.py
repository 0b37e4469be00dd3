"""The verb `edgekit convert`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli import console, options

if TYPE_CHECKING:
    from edgekit.core.artifact import Artifact
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
    seed: options.Seed = 0,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the files.")
    ] = Path(),
    trust: options.Trust = False,
    download: options.Download = False,
    no_cache: options.NoCache = False,
    skip_bad: options.SkipBad = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Convert a model for one or more targets, by one or more recipes.

    Each file is run once and held against the float model before it counts.
    """
    from edgekit.pipeline import recipes, targets
    from edgekit.pipeline.plan import check_possible, plan
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
        download=download,
    )
    attempts = plan([chosen], asked, profiles)
    for profile in profiles:
        if not any(attempt.format in profile.formats for attempt in attempts):
            check_possible(chosen.source, profile.formats[0], asked[0])
    for attempt in attempts:
        check_possible(chosen.source, attempt.format, attempt.recipe)
    for line in (*chosen.warnings, *chosen.untrained):
        console.note(f"warning: {line}")
    if any(recipe.is_calibrated for recipe in asked):
        data = data or chosen.card.data
    if dry_run:
        _show_plan(attempts, output, as_json)
        return
    settings = Settings(seed=seed, trust=trust, use_cache=not no_cache, skip_bad=skip_bad)
    files = _convert(attempts, settings, data, output)
    last = files[-1][1].artifact.format
    named = zip(dict.fromkeys(target), profiles, strict=True)
    ref = next(ref for ref, profile in named if last in profile.formats)
    _show(files, ref, data, as_json)


def _convert(
    attempts: "list[Attempt]", settings: "Settings", data: str | None, output: Path
) -> "list[tuple[Path, Converted]]":
    """Convert all, then write them all, so that a failure leaves nothing behind."""
    from edgekit.pipeline.convert import Conversions, file_name
    from edgekit.pipeline.workspace import workspace
    from edgekit.system import store

    with console.steps() as step, workspace(settings, step, data) as work:
        conversions = Conversions.of(work)
        done = [conversions.convert(a.model, a.format, a.recipe) for a in attempts]
        written: list[tuple[Path, Converted]] = []
        staged: dict[Path, bytes | Path] = {}
        for made in done:
            path = output / file_name(made)
            record = made.artifact.model_copy(update={"path": path.name})
            staged[path] = made.path
            staged[path.with_name(f"{path.name}.artifact.json")] = record.to_json().encode()
            written.append((path, made))
        store.write_all(staged)
    return written


def _show(
    files: "list[tuple[Path, Converted]]", target: str, data: str | None, as_json: bool
) -> None:
    if as_json:
        entries = [
            {"path": str(path), "from_cache": made.from_cache,
             "artifact": made.artifact.model_dump(mode="json")}
            for path, made in files
        ]  # fmt: skip
        console.document({"files": entries})
        return
    from edgekit.core.table import size

    for path, made in files:
        origin = "from the cache" if made.from_cache else "converted"
        console.say(
            f"wrote {path}: {size(made.artifact.size_bytes)}, {origin}; {_parity(made.artifact)}"
        )
        if made.artifact.min_runtime:
            console.say(f"note: runs on TensorFlow Lite {made.artifact.min_runtime} and later")
        for line in made.artifact.notes:
            console.say(f"note: {line}")
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


def _parity(artifact: "Artifact") -> str:
    parity = artifact.parity
    if parity is None:
        return "not run: this format runs on its device only"
    return (
        f"differs from the float model by at most {parity.max_abs_difference:.2g} "
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
