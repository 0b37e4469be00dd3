"""The verb `edgekit models`."""

from edgekit.cli import console, options

EXAMPLE = "Example: edgekit models --json"


def command(as_json: options.Json = False) -> None:
    """List the zoo."""
    from edgekit.core.table import Table
    from edgekit.sources import cards
    from edgekit.system import resources

    found = resources.listing("models", cards.CARD_ENTRY)
    known = [cards.read_card(resources.find("models", name, cards.CARD_ENTRY)) for name in found]
    if as_json:
        console.document([card.model_dump(mode="json") for card in known])
        return
    rows = tuple(
        (c.name, c.task, "x".join(map(str, c.input_shape)), str(c.classes), c.description)
        for c in known
    )
    console.table(Table(("model", "task", "input", "classes", "description"), rows))
    console.say("next: edgekit train MODEL --framework keras --data digits")
