import io
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import ModelLoadError
from edgekit.system import archive

PLAIN = st.text("abcXYZ019_-. é", min_size=1, max_size=8).filter(
    lambda name: name not in {".", ".."}
)
PATHS = st.lists(PLAIN, min_size=1, max_size=3).map("/".join)


def write(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return path


def stream(members):
    held = io.BytesIO()
    write(held, members)
    return held


@given(st.dictionaries(PATHS, st.binary(max_size=64), min_size=1, max_size=6))
def test_honest_archives_pass(members):
    archive.check_stream(stream(members), "m.zip")


@given(
    PATHS, st.sampled_from(["../{}", "/{}", "a/../{}", "a\\{}", "C:{}", "a//{}", "./{}", "a\n{}"])
)
def test_names_that_are_no_plain_paths(name, pattern):
    with pytest.raises(ModelLoadError, match="no plain path|points out"):
        archive.check_stream(stream({"fine": b"", pattern.format(name): b"x"}), "m.zip")


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_gives_one_error_or_none(at, value):
    held = bytearray(stream({"a/b": b"x" * 40, "c": b"y" * 60}).getvalue())
    held[at % len(held)] = value
    try:
        archive.check_stream(io.BytesIO(held), "m.zip")
    except ModelLoadError as error:
        assert "m.zip" in error.message


@given(st.integers(1, 200))
def test_a_cut_archive(keep):
    held = stream({"a/b": b"x" * 40, "c": b"y" * 60}).getvalue()
    with pytest.raises(ModelLoadError, match="no whole archive"):
        archive.check_stream(io.BytesIO(held[:keep]), "m.zip")


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelLoadError, match="no whole archive"):
        archive.check(tmp_path / "absent.zip")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(tmp_path, kind):
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as out:
        out.writestr(info, "/etc/passwd")
    with pytest.raises(ModelLoadError, match="a link or a device.*'link'"):
        archive.check(tmp_path / "m.zip")


def test_two_members_of_one_name(tmp_path):
    path = write(tmp_path / "m.zip", {"a": b"1"})
    with zipfile.ZipFile(path, "a") as out, pytest.warns(UserWarning, match="Duplicate"):
        out.writestr("a", b"2")
    with pytest.raises(ModelLoadError, match="one name.*'a'"):
        archive.check(tmp_path / "m.zip")


def test_bombs_by_total_and_by_ratio(tmp_path):
    options = {"compression": zipfile.ZIP_DEFLATED}
    path = write(tmp_path / "m.zip", {"zeros": bytes(2 * 2**20)}, **options)
    with pytest.raises(ModelLoadError, match="over 200 times.*'zeros'"):
        archive.check(path)
    archive.check(path, max_ratio=2000)
    with pytest.raises(ModelLoadError, match="over 1000000 bytes.*'zeros'"):
        archive.check(path, max_total_bytes=1_000_000)


def test_archives_in_an_archive_are_counted(tmp_path):
    inner = stream({"a": b"x"}).getvalue()
    archive.check(write(tmp_path / "few.zip", {f"{i}.zip": inner for i in range(16)}))
    with pytest.raises(ModelLoadError, match="over 16 archives"):
        archive.check(write(tmp_path / "many.zip", {f"{i}.zip": inner for i in range(17)}))


def central(data, name):
    """Return where the directory's entry for `name` begins."""
    return data.rindex(name) - 46


def test_encrypted_members(tmp_path):
    data = bytearray(stream({"secret": b"x"}).getvalue())
    at = central(data, b"secret")
    struct.pack_into("<H", data, at + 8, 1)
    with pytest.raises(ModelLoadError, match="encrypted.*'secret'"):
        archive.check_stream(io.BytesIO(data), "m.zip")


def test_members_that_overlap():
    data = bytearray(stream({"one": b"x" * 50, "two": b"y" * 50}).getvalue())
    at = central(data, b"two")
    struct.pack_into("<I", data, at + 42, 0)  # the second begins where the first does
    with pytest.raises(ModelLoadError, match="overlap"):
        archive.check_stream(io.BytesIO(data), "m.zip")


def test_a_member_that_runs_over_the_next():
    data = bytearray(stream({"one": b"x" * 50, "two": b"y" * 50}).getvalue())
    at = central(data, b"one")
    struct.pack_into("<II", data, at + 20, 70, 70)
    with pytest.raises(ModelLoadError, match="overlap.*'two'"):
        archive.check_stream(io.BytesIO(data), "m.zip")


def test_a_member_under_two_names():
    data = bytearray(stream({"fine.json": b"{}"}).getvalue())
    data[30:39] = b"evil.json"
    with pytest.raises(ModelLoadError, match="two names"):
        archive.check_stream(io.BytesIO(data), "m.zip")


def test_something_before_the_first_member():
    data = b"#!/bin/sh\n" + stream({"a": b"x"}).getvalue()
    with pytest.raises(ModelLoadError, match="10 bytes before"):
        archive.check_stream(io.BytesIO(data), "m.zip")


def test_an_empty_archive_passes():
    archive.check_stream(stream({}), "m.zip")
