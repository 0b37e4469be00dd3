import gzip
import hashlib
import io
import os
import random
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import ModelLoadError
from edgekit.packaging import bundle

FILES = {"b/x.txt": b"hello", "a.bin": bytes(range(256)) * 300, "b/ü.txt": b"", "c": b"\0"}
PARTS = st.text(st.sampled_from("abcdefgüß数 .-_"), min_size=1, max_size=8).filter(
    lambda part: part.strip(".") and part == part.strip()
)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


def write(tmp_path, data, suffix):
    path = tmp_path / f"package{suffix}"
    path.write_bytes(data)
    return path


def a_zip(tmp_path, *names, mode=stat.S_IFREG | 0o644):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr = name, mode << 16
            archive.writestr(info, b"data")
    return write(tmp_path, buffer.getvalue(), ".zip")


def a_tgz(tmp_path, *members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            archive.addfile(info, io.BytesIO(b"\0" * info.size))
    return write(tmp_path, buffer.getvalue(), ".tgz")


@pytest.mark.parametrize("suffix", bundle.SUFFIXES)
def test_what_was_packed_comes_out_again(tmp_path, suffix):
    data = bundle.pack(FILES, suffix)
    assert bundle.unpack(write(tmp_path, data, suffix)) == FILES
    assert data == bundle.pack(dict(reversed(FILES.items())), suffix)


@given(files=st.dictionaries(PATHS, st.binary(max_size=80), max_size=5))
@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
def test_any_files_come_out_again_or_are_refused_at_once(tmp_path_factory, suffix, files):
    try:
        data = bundle.pack(files, suffix)
    except ModelLoadError:  # "a" and "a/b", or "Ss" and "ß"
        return
    assert bundle.unpack(write(tmp_path_factory.mktemp("any"), data, suffix)) == files


@pytest.mark.parametrize(
    ("suffix", "sha256"),
    [
        (".zip", "6cf1f13df5d246544a99eb64692c932eca2df2e33a9a02633a632d1b3048e16b"),
        (".tgz", "9166c5c5e9fd3be38dc5480f4ff14f6b447d08c98073766c42dd19513e78bd26"),
    ],
)
def test_the_bytes_are_the_same_for_ever(suffix, sha256):
    # `edgekit verify` packs the files of a package again, of whatever day: never change this.
    assert hashlib.sha256(bundle.pack(FILES, suffix)).hexdigest() == sha256


def test_other_programs_read_both(tmp_path):
    with gzip.open(write(tmp_path, bundle.pack(FILES, ".tgz"), ".tgz")) as stream:
        data = stream.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == sorted(FILES)
    assert zipfile.ZipFile(write(tmp_path, bundle.pack(FILES, ".zip"), ".zip")).testzip() is None


OUTSIDE = ("../x", "/x", "a/../../x", "..", "a\\..\\x", "C:/x", "C:x", "a//x", "./x", "a/./x",
           "x\ny", "a:stream", "x\0y")  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, name):
    with pytest.raises(ModelLoadError, match="leaves the folder"):
        bundle.unpack(a_zip(tmp_path, "ok", name))
    if "\0" not in name:
        with pytest.raises(ModelLoadError, match="leaves the folder"):
            bundle.unpack(a_tgz(tmp_path, "ok", name))
    with pytest.raises(ModelLoadError, match="leaves the folder"):
        bundle.pack({name: b""}, ".zip")


@pytest.mark.parametrize(
    "names", [("a", "a"), ("Labels.txt", "labels.TXT"), ("straße", "STRASSE"), ("é", "e\u0301")]
)
def test_two_files_that_some_system_takes_for_one_are_refused(tmp_path, names):
    with pytest.raises(ModelLoadError, match="two files"):
        bundle.unpack(a_tgz(tmp_path, *names))
    with pytest.raises(ModelLoadError, match="two files"):
        bundle.unpack(a_zip(tmp_path, *names))


def test_a_file_below_a_file_is_refused(tmp_path):
    with pytest.raises(ModelLoadError, match="below it"):
        bundle.unpack(a_zip(tmp_path, "a", "A/b"))


def test_links_and_devices_are_refused(tmp_path):
    with pytest.raises(ModelLoadError, match="no regular file"):
        bundle.unpack(a_zip(tmp_path, "a", mode=stat.S_IFLNK | 0o777))
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE):
        member = tarfile.TarInfo("a")
        member.type, member.linkname = kind, "/etc/passwd"
        with pytest.raises(ModelLoadError, match=r"no regular file|unreadable"):
            bundle.unpack(a_tgz(tmp_path, member))


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "inside.txt", "nowhere"])
def test_a_link_in_a_folder_is_refused(tmp_path, target):
    (tmp_path / "inside.txt").write_text("x")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(ModelLoadError, match="is a link"):
        bundle.unpack(tmp_path)


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelLoadError, match="no regular file"):
        bundle.unpack(tmp_path)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "LARGEST_BYTES", 10**6)
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"\0" * 2 * 10**6)
    with pytest.raises(ModelLoadError, match="over 1,000,000 bytes"):
        bundle.unpack(write(tmp_path, zeros.getvalue(), ".zip"))
    large = tarfile.TarInfo("a")
    large.size = 2 * 10**6
    with pytest.raises(ModelLoadError, match="over 1,000,000 bytes"):
        bundle.unpack(a_tgz(tmp_path, large))
    # A header of a header, as large as it likes.
    large.type = tarfile.XHDTYPE
    with pytest.raises(ModelLoadError, match="over 1,000,000 bytes"):
        bundle.unpack(a_tgz(tmp_path, large))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"\0" * 2 * 10**6)
    with pytest.raises(ModelLoadError, match="over 1,000,000 bytes"):
        bundle.unpack(tmp_path / "folder")


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "MOST_FILES", 3)
    for path in (a_zip(tmp_path, *"abcde"), a_tgz(tmp_path, *"abcde")):
        with pytest.raises(ModelLoadError, match="over 3 files"):
            bundle.unpack(path)


def test_a_member_that_claims_less_than_it_holds_gives_no_more(tmp_path):
    data = bytearray(a_zip(tmp_path, "a").read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24] = 2  # of 4 bytes
    with pytest.raises(ModelLoadError, match="unreadable"):
        bundle.unpack(write(tmp_path, bytes(data), ".zip"))


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
def test_damaged_archives_are_read_or_refused_never_worse(tmp_path, suffix):
    whole = bundle.pack({"a": b"hello" * 10, "b/c": b"x"}, suffix)
    rng = random.Random(3)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        try:
            bundle.unpack(write(tmp_path, bytes(data), suffix))
        except ModelLoadError:
            continue


@pytest.mark.parametrize("suffix", [".zip", ".tgz", ".whl"])
def test_what_is_no_archive_is_refused(tmp_path, suffix):
    for data in (b"", b"PK", b"no archive at all" * 100):
        with pytest.raises(ModelLoadError, match="unreadable package"):
            bundle.unpack(write(tmp_path, data, suffix))
    with pytest.raises(ModelLoadError, match="unreadable package"):
        bundle.unpack(tmp_path / "none.zip")
