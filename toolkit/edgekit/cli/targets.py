"""The verb `edgekit targets`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli import console, helptext, options

app = typer.Typer(
    cls=helptext.Group,
    help="List, explain and check device profiles.",
    epilog="Example: edgekit targets show pixel-8",
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def listing(context: typer.Context, as_json: options.Json = False) -> None:
    """List all targets."""
    if context.invoked_subcommand:
        return
    from edgekit.core.table import Table
    from edgekit.pipeline import targets

    found = [targets.load(name) for name in targets.known()]
    if as_json:
        console.document([target.model_dump(mode="json") for target in found])
        return
    rows = tuple((t.id, t.device, ", ".join(t.formats), _budgets(t.budgets)) for t in found)
    console.table(Table(("target", "device", "formats", "budgets"), rows))
    console.say("next: edgekit targets show ID")


def _budgets(budgets) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    return ", ".join(name for name, limit in budgets if limit is not None) or "none"


@app.command(cls=helptext.Verb, epilog="Example: edgekit targets show cortex-m7")
def show(
    target: Annotated[str, typer.Argument(help="A target's id or file.")],
    as_json: options.Json = False,
) -> None:
    """Explain one target: each budget with where it comes from."""
    from edgekit.pipeline import targets

    found = targets.load(target)
    if as_json:
        console.document(found.model_dump(mode="json"))
        return
    console.say(f"{found.id}: {found.device}")
    features = ", ".join(found.cpu_features)
    facts = (("cpu", found.cpu), ("cpu features", features), ("os", found.os))
    for label, text in (*facts, ("notes", found.notes)):
        if text:
            console.say(f"  {label}: {text}")
    console.say(f"  formats: {', '.join(found.formats)}; kernels: {found.kernels}")
    if found.recipes:
        console.say(f"  recipes: {', '.join(found.recipes)} ({found.recipes_source})")
    if found.ops.allowed is not None:
        console.say(f"  operators: {len(found.ops.allowed)} ({found.ops.source})")
    for name, fact in found.facts.items():
        console.say(f"  {name}: {fact.value} ({fact.source})")
    for name, limit in found.budgets:
        if limit is not None:
            bound = f"at most {limit.max:g}" if limit.max is not None else f"at least {limit.min:g}"
            console.say(f"  budget {name}: {bound} ({limit.source})")


@app.command(cls=helptext.Verb, epilog="Example: edgekit targets check my-board.toml")
def check(
    file: Annotated[Path, typer.Argument(help="A profile of your own.")],
    as_json: options.Json = False,
) -> None:
    """Check a profile, and name every wrong field."""
    from edgekit.pipeline import targets

    found = targets.check(file)
    if as_json:
        console.document({"valid": True, "target": found.model_dump(mode="json")})
        return
    console.say(f"{file} is a valid profile of {found.device}")
    console.say(f"next: edgekit convert MODEL --target {shlex.quote(str(file))}")


@app.command(cls=helptext.Verb, epilog="Example: edgekit targets schema > target.schema.json")
def schema() -> None:
    """Print the JSON schema of a profile."""
    from edgekit.pipeline import targets

    console.document(targets.schema())
