"""Did-you-mean for names."""

import difflib
from collections.abc import Iterable


def did_you_mean(got: str, known: Iterable[str]) -> str:
    """Return one hint line for a name that is not among `known`."""
    names = sorted(known)
    close = difflib.get_close_matches(got.lower(), names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'? Known: {', '.join(names)}"
    return f"known: {', '.join(names)}" if names else "none is known"
