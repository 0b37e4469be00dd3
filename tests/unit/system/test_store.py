import errno
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgekit.errors import StorageError, UsageError
from edgekit.pipeline import runs
from edgekit.system import store

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt"
    store.write_text(path, "one")
    with pytest.raises(RuntimeError), store.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "one"
    assert os.listdir(path.parent) == ["a.txt"]


def test_several_files_are_written_or_none(tmp_path):
    (tmp_path / "folder").mkdir()
    store.write_all({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert (tmp_path / "b").read_bytes() == b"2"
    with pytest.raises(StorageError):
        store.write_all({tmp_path / "a": b"3", tmp_path / "b" / "c": b"4"})
    assert (tmp_path / "a").read_bytes() == b"1"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "folder"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, code):
    path = tmp_path / "a.bin"
    with pytest.raises(StorageError, match="full disk"), store.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(code, "no space")
    assert not list(tmp_path.iterdir())


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(StorageError, match="where a folder is needed"):
        store.write_text(tmp_path / "a" / "b", "")


def test_the_key_does_not_depend_on_order():
    assert store.key_of({"a": 1, "b": 2}) == store.key_of({"b": 2, "a": 1})
    assert store.key_of({"a": 1}) != store.key_of({"a": 2})


def test_a_trees_digest_covers_names_and_bytes(tmp_path):
    (tmp_path / "a").write_text("1")
    one = store.sha256_tree(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert store.sha256_tree(tmp_path) != one


def test_the_first_of_two_writers_stays():
    def writing(text):
        return lambda folder: (folder / "a").write_text(text)

    store.keep("k", writing("one"))
    store.keep("k", writing("two"))
    assert (store.cached("k") / "a").read_text() == "one"
    assert store.cached("other") is None


def test_many_writers_of_one_key_leave_one_whole_entry():
    def write(i):
        store.keep("k", lambda folder: (folder / "a").write_text(str(i)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert (store.cached("k") / "a").read_text().isdigit()
    assert not list((store.cache_folder() / "tmp").iterdir())


def test_scratch_is_gone_afterwards_and_sweeps_old_leftovers():
    with store.scratch() as folder:
        (folder / "x").write_text("")
    assert not folder.exists()
    old = store.cache_folder() / "tmp" / "old"
    old.mkdir()
    os.utime(old, (0, 0))
    with store.scratch():
        assert not old.exists()


def test_a_running_jobs_scratch_is_never_swept():
    with store.scratch() as folder:
        os.utime(folder, (0, 0))
        with store.scratch():
            assert folder.exists()


def test_run_folders_are_nobody_elses(tmp_path):
    names = {runs.new_run_folder(tmp_path).name for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", name) for name in names)


def test_runs_are_found_by_path_id_and_latest(tmp_path):
    for name in ("20260101-000000-aaaaaa", "20260102-000000-aaaaaa"):
        store.write_text(tmp_path / name / "run.json", "{}")
    (tmp_path / "20260103-000000-aaaaaa").mkdir()
    last = tmp_path / "20260102-000000-aaaaaa"
    assert runs.find_run("latest", tmp_path) == last
    assert runs.find_run(last.name, tmp_path) == last
    assert runs.find_run(str(last / "run.json"), tmp_path) == last
    with pytest.raises(UsageError, match="got run 'x'"):
        runs.find_run("x", tmp_path)
