"""The verb `edgekit verify`."""

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli import console, options
from edgekit.errors import EXIT_VERDICT_FAILED

EXAMPLE = "Example: edgekit verify build/packages/mobilenet-int8-pixel-8-android.zip --run"


def command(
    package: Annotated[
        Path, typer.Argument(help="A package, or the folder that one was unpacked to.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(help="The public key (PEM) that must have signed the package."),
    ] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Compute the golden vectors again, stage by stage.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Check a package: signature, every file's hash, its verdict, and what it computes."""
    from edgekit.packaging.verify import verify

    found = verify(package, key=key, run=run)
    if as_json:
        console.document(found.record())
    else:
        for check in found.checks:
            label = f"{check.name:<12} {check.status:<9} "
            console.say(f"{label}{check.says}", hang=len(label))
        console.say(found.in_words())
    if found.findings:
        raise typer.Exit(EXIT_VERDICT_FAILED)
