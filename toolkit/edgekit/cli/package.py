"""The verb `edgekit package`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgekit.cli import console, options
from edgekit.errors import (
    EXIT_VERDICT_FAILED,
    EdgekitError,
    MissingExtraError,
    RuntimeFailedError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.packaging.choose import Wish
    from edgekit.packaging.nouns import Package

EXAMPLE = "Example: edgekit package build/demo --for android --target pixel-8 -o build/packages"


# What a manifest holds for programs only; `path` leads to it.
LONG: Any = {"manifest": {"files": True, "variants": {"__all__": {"golden"}}}}


def command(  # noqa: PLR0913, PLR0917 - the options of the verb
    run: options.RunRef = "latest",
    kinds: options.PackageKinds = [],  # noqa: B006 - Typer reads the default, nothing changes it
    target: Annotated[
        list[str],
        typer.Option("--target", "-t", help="Take the best file for this target; repeats."),
    ] = [],  # noqa: B006
    artifact: Annotated[
        str | None, typer.Option(help="Take this file of the run; for one package.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model's name, where the run has several.")
    ] = None,
    allow_failed: Annotated[
        bool, typer.Option("--allow-failed", help="Package a file that failed; it will say so.")
    ] = False,
    variants: Annotated[
        bool,
        typer.Option("--variants", help="Put every file in that did not fail, to choose from."),
    ] = False,
    sign: Annotated[
        Path | None,
        typer.Option(
            help="Sign with this ed25519 key (PEM); its passphrase in EDGEKIT_KEY_PASSPHRASE."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the packages.")
    ] = Path("packages"),
    as_json: options.Json = False,
) -> None:
    """Package a run's best files for apps: code, preprocessing, proof. Default: for all targets."""
    from edgekit.packaging import signature
    from edgekit.packaging.choose import wishes
    from edgekit.packaging.package import package
    from edgekit.pipeline.runs import find_run, read_run

    folder = find_run(run)
    found = read_run(folder)
    asked = wishes(found, tuple(kinds), tuple(target))
    if artifact and len(asked) != 1:
        raise UsageError(
            f"got --artifact for {len(asked)} packages, expected one", "give one --for and one -t"
        )
    key = signature.read_private_key(sign) if sign else None
    console.note(f"run {found.id}")

    def make(wish: "Wish") -> "Package":
        return package(
            found,
            folder,
            output,
            wish,
            artifact=artifact,
            model=model,
            allow_failed=allow_failed,
            variants=variants,
            key=key,
        )

    made, refused = _made(asked, make)
    _show(made, refused, as_json=as_json)
    if refused:
        raise typer.Exit(EXIT_VERDICT_FAILED)


def _made(
    asked: "tuple[Wish, ...]", make: "Callable[[Wish], Package]"
) -> "tuple[list[Package], list[tuple[Wish, EdgekitError]]]":
    """Make each package. One that cannot be made does not keep the others from being made."""
    made: list[Package] = []
    refused: list[tuple[Wish, EdgekitError]] = []
    with console.steps() as step:
        for wish in asked:
            try:
                with step(f"package {wish.in_words}"):
                    made.append(make(wish))
            except (UsageError, MissingExtraError, RuntimeFailedError) as error:
                if len(asked) == 1:
                    raise
                refused.append((wish, error))
    return made, refused


def _show(
    made: "list[Package]", refused: "list[tuple[Wish, EdgekitError]]", *, as_json: bool
) -> None:
    if as_json:
        console.document(
            {
                "packages": [each.model_dump(mode="json", exclude=LONG) for each in made],
                "refused": [
                    {"for": wish.kind, "target": wish.target and wish.target.id, **error.record()}
                    for wish, error in refused
                ],
            }
        )
        return
    for each in made:
        manifest = each.manifest
        first, *more = manifest.why.split("; ")
        verb = "replaced" if each.replaced else "wrote"
        console.say(f"{verb} {each.path}: {manifest.variants[0].file}, {first}")
        for line in more:
            console.say(f"  {line}")
        if manifest.failed_allowed:
            console.say("  IT FAILED, and was packaged by --allow-failed")
        console.say(f"  {each.size_bytes:,} bytes, sha256 {each.sha256}")
    for wish, error in refused:
        console.note(f"no package {wish.in_words}: {error.message}")
        console.note(f"hint: {error.hint}")
    if made:
        console.say(f"next: {shlex.join(['edgekit', 'verify', str(made[0].path), '--run'])}")
