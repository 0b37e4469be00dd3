import pytest

from edgekit.errors import MissingExtraError, RuntimeFailedError, UsageError
from edgekit.formats.tflite import micro
from edgekit.system import process

FACTS = {"version": "1-gabc", "total": 1600, "head": 1000, "tail": 600}


@pytest.fixture
def calls(monkeypatch):
    """Answer for the child; `calls` has the arena sizes asked for. The least that does is 4,000."""
    made = []

    def call(function, job, failure, *, limits):
        made.append(job.arena_bytes)
        if job.arena_bytes < 4000:
            raise failure("too small", "")
        for k in range(job.samples):
            (job.folder / f"out-{k}-0").write_bytes(b"out")
        return micro._Used(**FACTS)

    monkeypatch.setattr(process, "call", call)
    monkeypatch.setattr(micro.packages, "versions", lambda packages: {})
    micro.run.cache_clear()
    yield made
    micro.run.cache_clear()


def test_an_arena_is_one_that_was_seen_to_do(calls):
    ran = micro.run(b"model", ((b"in",),), 1)
    assert ran.total == 1600
    assert ran.outputs == ((b"out",),)
    assert calls[0] == micro.ROOM_BYTES
    assert calls[1:] == [2832, 3552, 4448]
    assert ran.arena_bytes == 4448


def test_the_same_file_is_run_once(calls):
    micro.run(b"model", ((b"in",),), 1)
    before = len(calls)
    micro.run(b"model", ((b"in",),), 1)
    assert len(calls) == before


def test_a_file_that_never_fits_is_refused(calls, monkeypatch):
    monkeypatch.setattr(micro, "GROWTHS", 1)
    with pytest.raises(RuntimeFailedError, match="no arena size"):
        micro.run(b"model", ((b"in",),), 1)


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    def versions(wanted):
        raise micro.packages.missing(wanted[0].replace("-", "_"))

    monkeypatch.setattr(micro.packages, "versions", versions)
    with pytest.raises(MissingExtraError) as caught:
        micro.run(b"model", (), 1)
    assert "edgekit[micro]" in caught.value.hint


def test_what_the_library_prints_is_read(tmp_path):
    log = tmp_path / "log"
    log.write_text("[X] Arena allocation total 10 bytes\n[X] Arena allocation head 7 bytes\n")
    assert micro._allocation(log, "total") == 10
    assert micro._allocation(log, "head") == 7
    error = micro._refusal(RuntimeError("TFLM failed"), log)
    assert "Arena allocation head 7" in error.message
    assert not isinstance(error, UsageError)
