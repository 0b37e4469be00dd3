"""The verb `edgekit validate`."""

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli import console, options

EXAMPLE = (
    "Example: edgekit validate build/mobilenet-int8.tflite --target pixel-8 --data digits "
    "--baseline build/mobilenet.keras"
)


def command(  # noqa: PLR0913, PLR0917 - a command line
    artifact: Annotated[str, typer.Argument(help="A converted file, or a run's folder or id.")],
    target: options.Targets,
    data: options.Data = None,
    baseline: Annotated[
        str | None, typer.Option(help="The float model that accuracy is compared with.")
    ] = None,
    framework: options.Framework = None,
    weights: options.Weights = None,
    signature: options.Signature = None,
    card: options.Card = None,
    input_shape: options.Input = None,
    threads: options.Threads = 1,
    seed: options.Seed = 0,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder that runs are kept in.")
    ] = Path("runs"),
    trust: options.Trust = False,
    download: options.Download = False,
    skip_bad: options.SkipBad = False,
    as_json: options.Json = False,
) -> None:
    """Run converted files here, compare them with the float model, and judge them for targets."""
    from edgekit.cli import outcome
    from edgekit.pipeline import targets
    from edgekit.pipeline.validate import subjects, validate
    from edgekit.pipeline.workspace import Settings
    from edgekit.sources.open import open_model, parse_shapes

    profiles = targets.load_all(target)
    found = subjects(artifact, card, runs=output)
    model = (
        open_model(
            baseline,
            framework=framework,
            for_format=profiles[0].formats[0],
            weights=weights,
            signature=signature,
            card=card,
            inputs=parse_shapes(input_shape),
            fallback=found[0].artifact.card,
            download=download,
        )
        if baseline
        else None
    )
    for line in model.warnings if model else ():
        console.note(f"warning: {line}")
    used = found[0].artifact.card or (model.card if model else None)
    if used is None or used.is_bare:
        console.note(
            f"warning: no card for {artifact}: samples are passed as they are, unscaled; "
            "give --card"
        )
    settings = Settings(seed=seed, trust=trust, skip_bad=skip_bad, threads=threads)
    with console.steps() as step:
        run, folder = validate(
            found, model, profiles, settings, data=data, output=output, step=step,
            command=outcome.command_line(),
        )  # fmt: skip
    outcome.show(run, folder, as_json=as_json)
