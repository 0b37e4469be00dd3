"""The verb `edgekit doctor`."""

import typer

from edgekit.cli import console, options

EXAMPLE = "Example: edgekit doctor --json"


def command(as_json: options.Json = False) -> None:
    """Say what is installed, whether the versions are known to work together, and how to repair."""
    from edgekit.core.table import Table
    from edgekit.system.doctor import examine

    found = examine()
    if as_json:
        console.document(found.model_dump(mode="json"))
        raise typer.Exit(0 if found.is_healthy else 3)
    console.say(f"edgekit {found.edgekit}, Python {found.python}, {found.system}")
    console.say(f"{found.cores} cores, {found.memory_gb:.1f} GB of memory, {found.cpu}")
    console.say(f"CPU features: {', '.join(found.cpu_features) or 'unknown'}")
    rows = tuple(
        (p.extra, p.name, p.installed or "-", p.known_good or "-", p.state) for p in found.packages
    )
    console.table(Table(("extra", "package", "installed", "known good", "state"), rows), keys=2)
    for line in found.repairs:
        console.say(f"repair: {line}")
    console.say("next: edgekit models")
    raise typer.Exit(0 if found.is_healthy else 3)
