"""The reason in the text of a framework's error, which may be pages long."""

import re

# From here on messages print graphs, tracebacks and advice on debugging.
AFTER = re.compile(
    r"\n\s*(While executing|Original traceback|Traceback \(most|graph\(\):|GraphModule\(|"
    r"Use tlparse|For more information|The above exception|To fix the error|Set TORCH_LOGS|"
    r"The following call raised|User [Ss]tack|class GraphModule|Suggested fixes)"
)
HEAD, TAIL = 900, 500


def reason(error: BaseException) -> str:
    """Return what the error says, in one line and without what it prints after the reason.

    Where that is long the middle is left out: reasons are at the ends.
    """
    text = str(error).strip()
    found = AFTER.search(text)
    said = " ".join((text[: found.start()] if found and found.start() else text).split())
    if len(said) > HEAD + TAIL:
        said = f"{said[:HEAD].rstrip()} ... {said[-TAIL:].lstrip()}"
    return said or type(error).__name__
