"""Source files of packages, from templates under `packagers/<kind>/templates/`.

The marks are `[[ name ]]`, `[% if … %]` and `[# comment #]`: braces belong to the languages.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

ROOT = Path(__file__).parent / "packagers"


@functools.cache
def _environment(kind: str) -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / kind / "templates"),
        undefined=jinja2.StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - sources, not HTML; each packager writes its own literals
    )


def render(kind: str, template: str, **values: object) -> bytes:
    """Return one source file, UTF-8. A value that a template asks for and does not get raises."""
    return _environment(kind).get_template(template).render(**values).encode()
