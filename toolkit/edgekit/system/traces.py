"""What a framework said when it failed, whole, in files that errors name."""

import contextlib
import hashlib

from edgekit.system import store

KEPT = 50
# Some messages print a whole graph; its beginning and end tell what it was.
LARGEST = 2**20


def keep(text: str) -> str:
    """Write `text` to a file beside the cache, and return its path; "" where it cannot be.

    The oldest files go: `KEPT` stay.
    """
    if not text.strip():
        return ""
    if len(text) > LARGEST:
        text = f"{text[: LARGEST // 2]}\n...\n{text[-LARGEST // 2 :]}"
    folder = store.cache_folder() / "traces"
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.txt"
    # That there is no room for a trace must not hide the error that it is of.
    with contextlib.suppress(Exception):
        store.write_text(path, text)
        for old in sorted(folder.glob("*.txt"), key=lambda p: p.stat().st_mtime)[:-KEPT]:
            store.remove(old)
        return str(path)
    return ""
