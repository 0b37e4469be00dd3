"""The reason in the text of a framework's error, which may be pages long."""

HEAD, TAIL = 900, 500


def reason(error: BaseException) -> str:
    """Return what the error says, the middle left out where it is long: reasons are at the ends."""
    text = str(error).strip() or type(error).__name__
    if len(text) <= HEAD + TAIL:
        return text
    return f"{text[:HEAD].rstrip()} ... {text[-TAIL:].lstrip()}"
