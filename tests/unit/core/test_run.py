import make
import pytest

from edgekit.core.run import Run
from edgekit.core.verdict import Status


def test_json_round_trip():
    run = make.run()
    assert Run.from_json(run.to_json()) == run


def test_the_smallest_file_that_passes_is_chosen():
    small = make.artifact(sha256="b" * 64, size_bytes=10)
    run = make.run(
        artifacts=[make.artifact(), small],
        measurements=[make.measurement(), make.measurement(artifact_sha256="b" * 64)],
    )
    assert run.choices()[0].artifact_sha256 == "b" * 64


def test_a_pass_goes_before_a_smaller_file_that_is_open():
    small = make.artifact(sha256="b" * 64, size_bytes=10)
    run = make.run(artifacts=[make.artifact(), small])
    choice = run.choices()[0]
    assert (choice.artifact_sha256, choice.status) == ("a" * 64, Status.PASS)


def test_nothing_is_chosen_where_all_failed():
    run = make.run(targets=[make.target({"size_bytes": make.limit(max=1)})])
    choice = run.choices()[0]
    assert (choice.artifact_sha256, choice.why) == (None, "no file passed")


def test_an_unknown_artifact_is_a_key_error():
    with pytest.raises(KeyError):
        make.run().artifact("c" * 64)


def test_the_best_evidence_is_shown_and_golden_vectors_come_from_who_kept_them():
    host = make.measurement(golden="g.npz", golden_sha256="0" * 64)
    device = make.measurement(grade=make.DEVICE, device="board:7")
    run = make.run(measurements=[host, device])
    assert run.measurement("a" * 64).device == "board:7"
    assert run.with_golden("a" * 64).device == "local"
