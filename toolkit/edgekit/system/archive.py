"""Looking at a zip before anything reads it: names, sizes and places that an honest one has."""

import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from edgekit.errors import ModelLoadError

MAX_TOTAL_BYTES = 64 * 2**30
MAX_MEMBERS = 100_000
MAX_NESTED = 16
# Deflate reaches 1032; the weights of a model, rarely 2. Small members may be all zeros.
MAX_RATIO = 200.0
SMALL_BYTES = 2**20

BROKEN = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)

ZIP_MAGIC = b"PK\x03\x04"
LOCAL_HEADER = struct.Struct("<4s22xHH")
ENCRYPTED = 0x1


def check(
    path: Path, *, max_total_bytes: int = MAX_TOTAL_BYTES, max_ratio: float = MAX_RATIO
) -> None:
    """Raise `ModelLoadError`, naming the member, for a zip that is broken or a trap.

    `max_total_bytes` is what all members may hold together, uncompressed; `max_ratio` how much
    larger than its compressed bytes a single member above 1 MiB may be.
    """
    try:
        with path.open("rb") as stream:
            check_stream(stream, str(path), max_total_bytes=max_total_bytes, max_ratio=max_ratio)
    except OSError as error:
        raise broken(str(path), error) from error


def check_stream(
    stream: BinaryIO,
    label: str,
    *,
    max_total_bytes: int = MAX_TOTAL_BYTES,
    max_ratio: float = MAX_RATIO,
) -> None:
    """Do as `check` does for a zip that is open already; `label` names it in errors.

    Leaves the position at the start.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            end = archive.start_dir
    except BROKEN as error:
        raise broken(label, error) from error
    if len(members) > MAX_MEMBERS:
        raise _refused(label, f"{len(members)} members, expected at most {MAX_MEMBERS}", "")
    _check_names(members, label)
    _check_sizes(members, label, max_total_bytes, max_ratio)
    try:
        _check_places(stream, members, end, label)
        stream.seek(0)
    except BROKEN as error:
        raise broken(label, error) from error


def is_zip(stream: BinaryIO) -> bool:
    """Return whether the file begins as a zip does; leaves the position at its start."""
    stream.seek(0)
    magic = stream.read(len(ZIP_MAGIC))
    stream.seek(0)
    return magic == ZIP_MAGIC


def broken(label: str, error: Exception) -> ModelLoadError:
    """Return the error for a file that cannot be read as the archive it should be."""
    return ModelLoadError(
        f"got a file that is no whole archive: {label}: {error}",
        "it may be truncated; copy it again, or save the model again",
    )


def _refused(label: str, what: str, member: str) -> ModelLoadError:
    return ModelLoadError(
        f"got {what} in {label}" + (f": {member[:80]!r}" if member else ""),
        "do not use this file; save the model again where it was made",
    )


def _check_names(members: list[zipfile.ZipInfo], label: str) -> None:
    seen = set()
    for member in members:
        # What Python shows is cut at a NUL; other readers may see the rest.
        name = member.orig_filename
        parts = name.removesuffix("/").split("/")
        if re.search(r"[\x00-\x1f\\]", name) or re.match(r"[A-Za-z]:", name):
            raise _refused(label, "a member with a name that is no plain path", name)
        if any(part in {"", ".", ".."} for part in parts):
            raise _refused(label, "a member that points out of the archive", name)
        if "/".join(parts) in seen:
            raise _refused(label, "two members of one name", name)
        seen.add("/".join(parts))
        if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise _refused(label, "a member that is a link or a device", name)
        if member.flag_bits & ENCRYPTED:
            raise _refused(label, "an encrypted member", name)


def _check_sizes(
    members: list[zipfile.ZipInfo], label: str, max_total_bytes: int, max_ratio: float
) -> None:
    total = 0
    for member in members:
        total += member.file_size
        if total > max_total_bytes:
            what = f"over {max_total_bytes} bytes once unpacked"
            raise _refused(label, what, member.filename)
        if member.file_size > max(SMALL_BYTES, max_ratio * member.compress_size):
            what = f"a member that unpacks to over {max_ratio:g} times its size"
            raise _refused(label, what, member.filename)


def _check_places(stream: BinaryIO, members: list[zipfile.ZipInfo], end: int, label: str) -> None:
    """Refuse members that share bytes, lie elsewhere than they say, or are zips in number."""
    free, nested = 0, 0
    for member in sorted(members, key=lambda each: each.header_offset):
        start = member.header_offset
        if start < free:
            raise _refused(label, "members that overlap", member.filename)
        if not free and start:
            raise _refused(label, f"{start} bytes before the first member", member.filename)
        stream.seek(start)
        magic, name_size, extra_size = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size))
        name = stream.read(name_size)
        encoding = "utf-8" if member.flag_bits & 0x800 else "cp437"
        if magic != ZIP_MAGIC or name.decode(encoding) != member.orig_filename:
            raise _refused(label, "a member under two names", member.filename)
        stream.seek(extra_size, 1)
        data = stream.tell()
        nested += member.compress_size > 0 and stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC
        if nested > MAX_NESTED:
            raise _refused(label, f"over {MAX_NESTED} archives", member.filename)
        free = data + member.compress_size
    if free > end:
        raise _refused(label, "a member that runs into the directory", "")
