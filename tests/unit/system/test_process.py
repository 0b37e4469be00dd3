import os
import sys
import threading
from pathlib import Path

import pytest

from edgekit.errors import DataError, ExportError, InternalError, StorageError
from edgekit.system import process


@pytest.fixture
def call(assets, monkeypatch, own_cache):
    monkeypatch.syspath_prepend(str(assets / "jobs"))
    import child_jobs

    def run(job, said=None, **limits):
        return process.call(
            getattr(child_jobs, job),
            child_jobs.Said(**(said or {})),
            ExportError,
            limits=process.Limits(**limits),
            environment={"PYTHONPATH": os.pathsep.join([str(assets / "jobs"), *sys.path])},
            progress=run.progress.append,
        )

    run.progress = []
    return run


def test_the_answer_and_the_progress_come_back(call):
    assert call("echo", {"words": ("a", None)}).words == ("a", None)
    assert call.progress == [process.Progress(done=1, total=2)]


def test_an_error_crosses_as_it_was(call):
    with pytest.raises(DataError, match="got nothing") as caught:
        call("refuse")
    assert caught.value.hint == "give something"


@pytest.mark.parametrize(
    ("job", "message"), [("crash", r"a crash \(SIGSEGV\)"), ("leave", "exit code 3")]
)
def test_a_death_is_an_error_of_the_callers_kind(call, job, message):
    with pytest.raises(ExportError, match=message):
        call(job)


def test_a_death_keeps_what_the_job_said(call):
    with pytest.raises(ExportError) as caught:
        call("crash")
    assert "Segmentation fault" in Path(caught.value.trace).read_text()


def test_a_hang_ends_at_the_time_limit(call):
    # Without the limit the job would end by itself, and with an answer.
    with pytest.raises(ExportError, match="no end within 0.4 s"):
        call("hang", seconds=0.4)
    assert not process._live


def test_what_a_job_leaves_running_holds_nothing_up(call):
    # Either would wait for the limit, and fail by it, if the end of the pipe were waited for.
    assert call("fork", {"words": ("a",)}, seconds=60).words == ("a",)
    with pytest.raises(ExportError, match="exit code 3"):
        call("fork_and_leave", seconds=60)
    assert not process._live


def test_memory_is_limited(call):
    assert call("eat", {"size_bytes": 10**6}, memory_bytes=2**29).size_bytes == 10**6
    with pytest.raises(InternalError, match="out of memory"):
        call("eat", {"size_bytes": 2**30}, memory_bytes=2**29)


def test_a_bug_brings_its_traceback(call):
    with pytest.raises(InternalError, match="KeyError in bug") as caught:
        call("bug")
    assert "trace" in caught.value.hint
    assert "Traceback" in Path(caught.value.trace).read_text()


def test_a_full_disk_in_a_child_is_a_storage_error(call):
    with pytest.raises(StorageError, match="full disk"):
        call("full")


def test_kill_all_frees_a_thread_that_waits(call, until):
    caught = []

    def wait():
        try:
            call("hang")
        except ExportError as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: process._live, "a child that runs")
    process.kill_all()
    until(lambda: not thread.is_alive(), "the end of the thread, whose job would take a minute", 30)
    assert caught


def test_an_answer_of_another_kind_is_named_as_a_bug(call):
    with pytest.raises(InternalError, match="AttributeError in lie"):
        call("lie")
