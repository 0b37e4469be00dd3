import make

from edgekit.core.recipe import RECIPES
from edgekit.core.verdict import Status
from edgekit.pipeline.steps import Findings, judge_all

ANY = make.target(id="any")
PICKY = make.target(id="picky", recipes=("int8",), recipes_source="a test")
FILES = [
    make.artifact(sha256="a" * 64, recipe=RECIPES["int8"]),
    make.artifact(sha256="b" * 64, recipe=RECIPES["fp16"]),
]


def judged(*targets, artifacts=FILES):
    measured = [make.measurement(artifact_sha256=a.sha256) for a in artifacts]
    found = Findings(artifacts=list(artifacts), measurements=measured)
    return {(v.target, v.artifact_sha256[0]): v.status for v in judge_all(targets, found)}


def test_a_recipe_made_for_another_target_is_no_failure():
    assert judged(ANY, PICKY) == {
        ("any", "a"): Status.PASS, ("any", "b"): Status.PASS, ("picky", "a"): Status.PASS,
    }  # fmt: skip


def test_a_recipe_that_no_target_takes_is_a_failure():
    assert judged(PICKY)["picky", "b"] is Status.FAIL


def test_a_file_of_an_unknown_recipe_is_judged_for_all():
    foreign = make.artifact(recipe=RECIPES["int8"].model_copy(update={"name": "unknown"}))
    assert set(judged(ANY, PICKY, artifacts=[foreign])) == {("any", "a"), ("picky", "a")}
