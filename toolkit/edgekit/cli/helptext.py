"""Help whose example can be copied at every width; Typer's own breaks it at hyphens, too."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

from edgekit.cli import layout


def _write(epilog: str | None, formatter: Any) -> None:
    if not epilog:
        return
    formatter.write_paragraph()
    with formatter.indentation():
        indent = " " * formatter.current_indent
        inside = False
        for line in layout.prose(epilog, formatter.width - len(indent)):
            # The rest of a word that was broken within begins at the first column.
            formatter.write(f"{'' if inside else indent}{line}\n")
            inside = line.endswith("\\") and not line.endswith(" \\")


class Verb(TyperCommand):
    """A verb, whose epilog is its example."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the example as a command that survives being copied."""
        del ctx
        _write(self.epilog, formatter)


class Group(TyperGroup):
    """Verbs under one name, with an epilog of the same kind."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the example as a command that survives being copied."""
        del ctx
        _write(self.epilog, formatter)
