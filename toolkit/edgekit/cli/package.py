"""The verb `edgekit package`."""

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli import console, options

EXAMPLE = "Example: edgekit package latest --for zip --target pixel-8 -o build/packages"


def command(
    run: options.RunRef = "latest",
    kind: options.PackageKind = None,
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Take the best file for this target.")
    ] = None,
    artifact: Annotated[
        str | None, typer.Option(help="Take this file of the run, whatever its verdict.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the package.")
    ] = Path("packages"),
    as_json: options.Json = False,
) -> None:
    """Package a run's best file for a target, with its manifest and golden vectors."""
    from edgekit import store
    from edgekit.package import package
    from edgekit.runfile import read_run

    folder = store.find_run(run)
    made, why = package(
        read_run(folder), folder, output, kind=kind, target=target, artifact=artifact
    )
    if as_json:
        console.document({"why": why, **made.model_dump(mode="json")})
        return
    verdict = made.manifest.verdict
    console.say(f"wrote {made.path}: {made.manifest.artifact}, {why}")
    console.say(f"sha256 {made.sha256}; verdict {verdict.status if verdict else 'none'}")
    console.say(f"next: unzip -l {made.path}")
