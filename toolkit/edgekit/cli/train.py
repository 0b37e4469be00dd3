"""The verb `edgekit train`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli import console, options

EXAMPLE = (
    "Example: edgekit train mobilenet --framework keras --data digits -o build/mobilenet.keras"
)


def command(  # noqa: PLR0913, PLR0917 - a command line
    model: options.Model,
    framework: options.Framework = None,
    weights: options.Weights = None,
    data: options.Data = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: the card's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Default: the card's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Default: the card's.")] = None,
    seed: options.Seed = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the model is saved.")
    ] = None,
    card: options.Card = None,
    input_shape: options.Input = None,
    skip_bad: options.SkipBad = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Train a zoo model or a factory's, and save it with its card beside it."""
    from edgekit.errors import UsageError
    from edgekit.pipeline.config import TrainSection
    from edgekit.pipeline.train import suffix_of, train, with_settings
    from edgekit.pipeline.workspace import Settings, workspace
    from edgekit.sources.open import open_model, parse_shapes

    chosen = open_model(
        model, framework=framework, weights=weights, card=card, inputs=parse_shapes(input_shape)
    )
    for line in chosen.warnings:
        console.note(f"warning: {line}")
    section = TrainSection(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    chosen = with_settings(chosen, section)
    data = data or chosen.card.data
    if data is None:
        raise UsageError("got no data to train on", "give --data")
    suffix = suffix_of(chosen.source.framework)
    output = output or Path(f"{chosen.card.name}{suffix}")
    if dry_run:
        _plan(chosen.card.training.model_dump(), data, output, as_json)
        return
    settings = Settings(seed=seed, skip_bad=skip_bad)
    with console.steps() as step, workspace(settings, step, data) as work:
        done = train(chosen, output, work)
    trained = done.card.trained
    assert trained
    if as_json:
        console.document(
            {
                "model": str(done.file),
                "logs": str(done.logs),
                "card": done.card.model_dump(mode="json"),
            }
        )
        return
    console.say(
        f"wrote {done.file}: accuracy {100 * trained.selection_accuracy:.2f} % on the calibration "
        f"part, where the best epoch ({trained.best_epoch} of {trained.epochs_run}) was picked"
    )
    target = "tflite" if suffix == ".keras" else "executorch"
    following = ["edgekit", "convert", str(done.file), "--target", target]
    following += ["--quantize", "int8", "--data", data]
    console.say(f"next: {shlex.join(following)}")


def _plan(training: dict[str, object], data: str, output: Path, as_json: bool) -> None:
    plan = {"would_write": str(output), "data": data, "training": training}
    if as_json:
        console.document(plan)
    else:
        console.say(f"would train on {data} with {training} and write {output}")
