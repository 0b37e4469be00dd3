"""Why an exporter failed, in its own words, without what it prints after the reason."""

import re

# From here on messages print graphs, tracebacks and advice on debugging.
AFTER = re.compile(
    r"\n\s*(While executing|Original traceback|Traceback \(most|graph\(\):|GraphModule\(|"
    r"Use tlparse|For more information|The above exception|To fix the error|Set TORCH_LOGS|"
    r"The following call raised|User [Ss]tack|class GraphModule|Suggested fixes)"
)
LONGEST = 1500


def reason(error: BaseException) -> str:
    """Return the reason in one line, from the error's beginning to where its appendix starts."""
    text = str(error).strip()
    found = AFTER.search(text)
    said = " ".join((text[: found.start()] if found and found.start() else text).split())
    if len(said) > LONGEST:
        said = said[:LONGEST].rsplit(" ", 1)[0] + " [...]"
    return said or type(error).__name__
