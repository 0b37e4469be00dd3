"""The only reader and writer of runs and of the cache: content hashes, atomic writes.

Nothing is ever changed in place: a file or folder is made under a temporary name on the same file
system and renamed, so a reader sees all of it or nothing, and two processes cannot harm each other.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import platformdirs

from edgekit.errors import StorageError, UsageError

DAY_S = 24 * 3600


class Readable(Protocol):
    """Anything that `read(n)` takes bytes out of."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, none at the end."""
        ...


def sha256_file(path: Path) -> str:
    """Return the hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_bytes(data: bytes) -> str:
    """Return the hex digest of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_tree(path: Path) -> str:
    """Return one digest over a file, or over names and bytes of all files below a folder."""
    if path.is_file():
        return sha256_file(path)
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_file(file)}\n".encode())
    return digest.hexdigest()


def key_of(parts: Any) -> str:
    """Return the content address of JSON-able `parts`: the same parts, the same key."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def cache_folder() -> Path:
    """Return `$EDGEKIT_CACHE`, or the user's cache folder."""
    configured = os.environ.get("EDGEKIT_CACHE")
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("edgekit"))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into a `StorageError` that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StorageError(
                f"got a full disk while writing {path}, expected room for it",
                "free some space; nothing half-written was left",
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise StorageError(
                f"got no permission to write {path}", "choose another folder with -o"
            ) from error
        if isinstance(error, NotADirectoryError | FileExistsError):
            file = next((p for p in path.parents if p.exists() and not p.is_dir()), path)
            raise StorageError(
                f"got a file where a folder is needed: {file}",
                "choose another folder with -o",
            ) from error
        raise StorageError(f"got {error.strerror} while writing {path}") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block succeeds."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if temporary.is_dir():
                # A folder does not replace another.
                remove(path)
            temporary.replace(path)
        finally:
            remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_all(files: dict[Path, bytes | Path]) -> None:
    """Write several files: all of them are complete before the first takes its name.

    Each is given as its bytes, or as the file or folder to copy.
    """
    for path, content in files.items():
        if path.is_dir() and not (isinstance(content, Path) and content.is_dir()):
            raise StorageError(
                f"got a folder where a file belongs: {path}", "choose another folder with -o"
            )
    with contextlib.ExitStack() as stack:
        for path, content in files.items():
            _fill(stack.enter_context(replacing(path)), content)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all, as UTF-8."""
    write_bytes(path, text.encode())


def copy(source: Path, path: Path) -> None:
    """Copy a file, or a model that is a folder, whole or not at all."""
    with replacing(path) as temporary:
        _fill(temporary, source)


def _fill(path: Path, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content.is_dir():
        shutil.copytree(content, path)
    else:
        shutil.copyfile(content, path)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give a temporary folder inside the cache, gone afterwards; sweep what a crash left there."""
    root = cache_folder() / "tmp"
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        folder = Path(tempfile.mkdtemp(dir=root))
    # Held as long as this process lives: the sweep of another leaves locked folders alone.
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(root: Path) -> None:
    for leftover in root.iterdir():
        with contextlib.suppress(OSError):
            if leftover.is_dir() and time.time() - leftover.stat().st_mtime > DAY_S:
                _remove_unlocked(leftover)


def _remove_unlocked(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def spill(stream: Readable) -> IO[bytes]:
    """Copy a stream to a nameless temporary file on disk and return it, rewound.

    For decompressed data that is then memory-mapped, so that memory does not grow with it.
    """
    root = cache_folder() / "tmp"
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=root)  # noqa: SIM115 - the memory map outlives this call
        shutil.copyfileobj(stream, file, 1024 * 1024)
        file.flush()
        file.seek(0)
    return file


def cached(key: str) -> Path | None:
    """Return the folder stored under `key`, or None."""
    folder = cache_folder() / "artifacts" / key
    return folder if folder.is_dir() else None


def forget(folder: Path) -> None:
    """Take a damaged entry out of the cache."""
    with scratch() as away, contextlib.suppress(OSError):
        folder.rename(away / "damaged")


def keep(key: str, fill: Callable[[Path], None]) -> Path:
    """Store under `key` what `fill` writes into an empty folder, and return the folder.

    An entry never changes once it is there: where another process was first, its copy stays.
    """
    final = cache_folder() / "artifacts" / key
    with scratch() as folder, writing(final):
        fill(folder)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(final)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
    return final


def check_unchanged(path: Path, sha256: str) -> None:
    """Raise `UsageError` for a file that is not, byte for byte, what a run recorded."""
    if not path.exists():
        raise UsageError(f"got no file {path}, which the run recorded", "run edgekit run again")
    if sha256_tree(path) != sha256:
        raise UsageError(
            f"got other bytes in {path} than the run validated", "run edgekit run again"
        )
