import os

import pytest

from edgekit.system import traces


@pytest.fixture(autouse=True)
def _cache(own_cache):
    return own_cache


def test_what_was_said_is_kept_whole(own_cache):
    path = traces.keep("line\n" * 1000)
    assert path.startswith(str(own_cache))
    with open(path) as file:
        assert file.read() == "line\n" * 1000


def test_nothing_said_is_nothing_kept(own_cache):
    assert traces.keep(" \n") == ""
    assert not list(own_cache.iterdir())


def test_of_a_whole_graph_beginning_and_end_are_kept():
    with open(traces.keep("begin" + "x" * 3 * traces.LARGEST + "end")) as file:
        text = file.read()
    assert text.startswith("begin")
    assert text.endswith("end")
    assert len(text) < traces.LARGEST + 10


def test_the_oldest_go(own_cache):
    for number in range(traces.KEPT + 3):
        path = traces.keep(f"trace {number}")
        os.utime(path, (number, number))
    assert len(list((own_cache / "traces").iterdir())) == traces.KEPT


def test_where_nothing_can_be_written_there_is_no_trace(own_cache):
    (own_cache / "traces").write_text("a file where the folder belongs")
    assert traces.keep("something") == ""
