"""Archives whose bytes depend on names and contents alone, and reading them back safely.

Nothing is compressed: two versions of zlib may pack the same bytes differently.
"""

import gzip
import io
import os
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from edgekit.errors import ModelLoadError
from edgekit.system.archive import BROKEN as BROKEN_ZIP

SUFFIXES = (".zip", ".whl", ".aar", ".tgz")
LARGEST_BYTES = 2**31
MOST_FILES = 20_000
# So much may be unpacked of a compressed archive, to say more of it than that it is one.
PACKED_BYTES = 2**26

# What zipfile and tarfile raise for bytes that are no archive.
BROKEN = (*BROKEN_ZIP, IndexError, tarfile.TarError)

# Of gzip: deflate, no name, no time, no flags, no system that it was made on.
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
LONGEST_BLOCK = 0xFFFF
CHUNK = 2**20

# The way out of a folder, a second name for a file, or a name that some system cannot write.
ODD_NAME = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


def pack(files: dict[str, bytes], suffix: str) -> bytes:
    """Return the archive of `files` (path → bytes), sorted by path: a zip, or a `.tgz`.

    Raises `ModelLoadError` for a path that `unpack` would refuse.
    """
    _check_names(files, "the package")
    return _tgz(files) if suffix == ".tgz" else _zip(files)


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def _tgz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return _gzip(buffer.getvalue())


def _gzip(data: bytes) -> bytes:
    """Wrap `data` as gzip in stored blocks, cut here: where zlib cuts them is its own affair."""
    parts = [GZIP_HEADER]
    for start in range(0, len(data), LONGEST_BLOCK):
        block = data[start : start + LONGEST_BLOCK]
        is_last = start + LONGEST_BLOCK >= len(data)
        parts += [struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(parts)


def unpack(path: Path) -> dict[str, bytes]:
    """Return the files of an archive, or of a folder that one was unpacked to.

    Raises `ModelLoadError` for a path that leaves the folder, a link, a name given twice (also
    where only upper and lower case tell two apart), more than `MOST_FILES` files or
    `LARGEST_BYTES`, or what is no archive. Nothing is written.
    """
    try:
        files = list(_members(path))
    except BROKEN as error:
        raise _refused(f"an unreadable package {path}: {error}") from error
    _check_names([name for name, _ in files], str(path))
    return dict(files)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        return _folder_members(path)
    # Opening a pipe would wait for whoever writes to it, and a device may have no end.
    if path.exists() and not path.is_file():
        raise _refused(f"an unreadable package {path}: no regular file")
    if path.suffix in {".tgz", ".gz"}:
        return _tar_members(path)
    return _zip_members(path)


def _zip_members(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        _check_size(len(members), total, path)
        _check_stored(total, path)
        for member in members:
            # Python cuts a name at a NUL; other readers may see the rest.
            name = member.orig_filename
            _check_kind(member.external_attr >> 16, name, path)
            if not member.is_dir():
                yield name, archive.read(member)


def _tar_members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(_ungzip(path)), mode="r:") as archive:
        total = 0
        for count, member in enumerate(archive):
            total += member.size
            _check_size(count, total, path)
            if member.isdir():
                continue
            is_plain = member.type in {tarfile.REGTYPE, tarfile.AREGTYPE}
            _check_kind(
                0 if is_plain and not member.issparse() else stat.S_IFLNK, member.name, path
            )
            stream = archive.extractfile(member)
            assert stream
            yield member.name, stream.read()


def _ungzip(path: Path) -> bytes:
    """Return what is packed; a header inside may claim any size, so the whole is bounded first."""
    parts, total = [], 0
    with gzip.open(path) as stream:
        while chunk := stream.read(CHUNK):
            total += len(chunk)
            _check_size(0, total, path)
            _check_stored(total, path)
            parts.append(chunk)
    return b"".join(parts)


def _folder_members(folder: Path) -> Iterator[tuple[str, bytes]]:
    found: list[Path] = []
    total = 0
    for parent, folders, names in os.walk(folder, onerror=_raised):
        for name in (*folders, *names):
            file = Path(parent, name)
            status = file.lstat()
            _check_kind(status.st_mode, file.relative_to(folder).as_posix(), folder)
            if stat.S_ISREG(status.st_mode):
                total += status.st_size
                found.append(file)
        _check_size(len(found), total, folder)
    for file in sorted(found):
        yield file.relative_to(folder).as_posix(), file.read_bytes()


def _raised(error: OSError) -> None:
    """Pass on what `os.walk` would leave out: a folder that cannot be read may hide files."""
    raise error


def _check_kind(mode: int, name: str, path: Path) -> None:
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise _refused(f"{name!r} in {path}, which is a link or no regular file")


def _check_size(count: int, total: int, path: Path) -> None:
    if count > MOST_FILES:
        raise _refused(f"over {MOST_FILES:,} files in {path}")
    if total > LARGEST_BYTES:
        raise _refused(f"over {LARGEST_BYTES:,} bytes in {path}")


def _check_stored(total: int, path: Path) -> None:
    """Refuse what is much and holds more than it is large: nothing in a package is compressed."""
    if total > max(PACKED_BYTES, path.stat().st_size):
        raise _refused(f"compressed or overlapping files in {path}: it was packed again")


def _check_names(names: Iterable[str], where: str) -> None:
    """Refuse paths that leave the folder, or that some file system takes for another's."""
    seen: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        if ODD_NAME.search(name) or {"", ".", ".."} & set(parts):
            raise _refused(f"the path {name!r} in {where}, which leaves the folder")
        folded = _folded(name)
        if folded in seen:
            raise _refused(f"two files called {name!r} and {seen[folded]!r} in {where}")
        seen[folded] = name
    for folded, name in seen.items():
        for parent in PurePosixPath(folded).parents:
            if str(parent) in seen:
                raise _refused(f"a file {seen[str(parent)]!r} and {name!r} below it in {where}")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _refused(what: str) -> ModelLoadError:
    return ModelLoadError(f"got {what}", "take the package from where it was made")
