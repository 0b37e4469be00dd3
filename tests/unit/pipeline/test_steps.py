from pathlib import Path

import make
import pytest

from edgekit.core.card import ModelCard
from edgekit.core.verdict import Status
from edgekit.pipeline import recipes
from edgekit.pipeline.convert import Converted, file_name
from edgekit.pipeline.plan import plan
from edgekit.pipeline.steps import Findings, judge_all
from edgekit.sources.model import Model

RECIPES = recipes.shipped()

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


PC = make.target(id="pc", formats=("onnx", "ort", "tflite"))
ARM = make.target(id="arm", formats=("onnx", "ort", "tflite"), cpu_features=("asimd",))
MODEL = Model(make.source(), ModelCard(name="m"))


def planned(*targets):
    recipes = [RECIPES[name] for name in ("fp32", "int8", "dynamic-int8")]
    return {(a.format, a.recipe.label) for a in plan([MODEL], recipes, targets)}


def test_a_target_that_names_no_exact_cpu_gets_files_for_any():
    assert not any("exact" in recipe for _, recipe in planned(PC))
    assert len(planned(PC)) == 9


def test_a_target_of_exact_cpus_gets_its_own_files_where_they_differ():
    exact = {pair for pair in planned(ARM) if "exact" in pair[1]}
    assert exact == {
        ("onnx", "int8 (exact CPU)"), ("onnx", "dynamic-int8 (exact CPU)"),
        ("ort", "dynamic-int8 (exact CPU)"),
    }  # fmt: skip
    assert len(planned(ARM)) == 9


def test_two_kinds_of_cpu_in_one_run_get_a_file_each_under_names_of_their_own():
    assert planned(PC, ARM) == planned(PC) | planned(ARM)
    recipe = RECIPES["int8"]
    names = [
        file_name(Converted(make.artifact(recipe=each), Path("made/m.onnx"), from_cache=False))
        for each in (recipe, recipe.model_copy(update={"exact_cpu": True}))
    ]
    assert names == ["m-int8.onnx", "m-int8-exact-cpu.onnx"]


@pytest.mark.parametrize("targets", [(PC, ARM), (ARM, PC)], ids=["pc first", "arm first"])
def test_each_target_is_judged_by_the_file_for_its_cpus(targets):
    exact = RECIPES["int8"].model_copy(update={"exact_cpu": True})
    files = [
        make.artifact(sha256="a" * 64, format="onnx"),
        make.artifact(sha256="b" * 64, format="onnx", recipe=exact),
    ]
    assert set(judged(*targets, artifacts=files)) == {("pc", "a"), ("arm", "b")}


def test_a_file_for_any_cpu_is_judged_for_all_where_there_is_no_other():
    file = make.artifact(format="onnx")
    assert set(judged(PC, ARM, artifacts=[file])) == {("pc", "a"), ("arm", "a")}
