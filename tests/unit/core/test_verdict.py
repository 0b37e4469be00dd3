import itertools

import make
import pytest

from edgekit.core.card import ModelCard
from edgekit.core.measurement import ErrorRecord, Grade, Metric
from edgekit.core.recipe import Recipe
from edgekit.core.target import OpPolicy
from edgekit.core.verdict import Status, judge
from edgekit.pipeline import recipes

RECIPES = recipes.shipped()


def check(verdict, name):
    return next(check for check in verdict.checks if check.name == name)


def test_no_budget_and_a_run_file_pass():
    assert judge(make.target(), make.artifact(), [make.measurement()]).status is Status.PASS


def test_every_failed_check_is_named_not_only_the_first():
    target = make.target({"size_bytes": make.limit(max=10)}, formats=("executorch",))
    verdict = judge(target, make.artifact(), [make.measurement()])
    assert verdict.names(Status.FAIL) == ("format", "size_bytes")


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [(-0.5, 0.9, Status.PASS), (0.5, 1.5, Status.UNDECIDED), (1.2, 2.5, Status.FAIL)],
)
def test_accuracy_is_decided_only_where_the_whole_interval_is(low, high, status):
    target = make.target({"accuracy_drop_points": make.limit(max=1.0)})
    measured = make.measurement(metrics=(make.drop((low + high) / 2, low, high),))
    found = check(judge(target, make.artifact(), [measured]), "accuracy_drop")
    assert found.status is status
    assert ("too few samples" in found.why) == (status is Status.UNDECIDED)


def test_too_few_samples_says_about_how_many_would_do():
    target = make.target({"accuracy_drop_points": make.limit(max=1.0)})
    measured = make.measurement(metrics=(make.drop(0.5, -0.2, 1.2, n=400),))
    why = check(judge(target, make.artifact(), [measured]), "accuracy_drop").why
    needed = int(why.split("about ")[1].split(" ")[0])
    # Half the width at four times the samples: 0.7 points now, 0.5 are needed.
    assert 700 < needed < 900


def test_a_hosts_latency_and_memory_never_satisfy_a_device():
    budgets = {"latency_p95_ms": make.limit(max=100), "peak_memory_bytes": make.limit(max=1e9)}
    verdict = judge(make.target(budgets), make.artifact(), [make.measurement()])
    assert verdict.status is Status.NOT_MEASURED
    assert check(verdict, "latency_p95_ms").got == 3
    on_device = judge(make.target(budgets), make.artifact(), [make.measurement(grade=make.DEVICE)])
    assert on_device.status is Status.PASS


def test_a_device_that_is_too_slow_fails():
    verdict = judge(
        make.target({"latency_p95_ms": make.limit(max=1)}),
        make.artifact(),
        [make.measurement(grade=make.DEVICE)],
    )
    assert verdict.names(Status.FAIL) == ("latency_p95_ms",)


def test_a_file_that_crashed_fails_with_the_reason():
    broken = make.measurement(error=ErrorRecord(kind="RuntimeFailedError", message="got a crash"))
    found = check(judge(make.target(), make.artifact(), [broken]), "runs")
    assert (found.status, found.why) == (Status.FAIL, "got a crash")


def test_kernels_are_those_of_the_target():
    verdict = judge(make.target(kernels="reference"), make.artifact(), [make.measurement()])
    assert check(verdict, "runs").status is Status.NOT_MEASURED


def test_recipes_and_operators_are_policies():
    target = make.target(
        recipes=("fp32",),
        recipes_source="no int8 there",
        ops=OpPolicy(allowed=("ADD",), source="a list"),
    )
    verdict = judge(target, make.artifact(), [make.measurement()])
    assert verdict.names(Status.FAIL) == ("recipe", "ops")
    assert check(verdict, "ops").got == "CONV_2D"


def test_without_a_float_model_the_drop_is_not_measured():
    target = make.target({"accuracy_drop_points": make.limit(max=1.0)})
    verdict = judge(target, make.artifact(), [make.measurement(metrics=())])
    assert verdict.names(Status.NOT_MEASURED) == ("accuracy_drop",)


def test_untrained_weights_prove_nothing_about_accuracy():
    target = make.target({"accuracy_drop_points": make.limit(max=1.0)})
    untrained = make.artifact(source=make.source(is_trained=False))
    found = check(judge(target, untrained, [make.measurement()]), "accuracy_drop")
    assert found.status is Status.NOT_MEASURED
    assert "untrained" in found.why


def regression(**metric):
    known = {"name": "mae_drop", "value": 2.0, "low": 1.0, "high": 3.0, "unit": "percent", "n": 90}
    return make.measurement(metrics=(Metric(**{**known, **metric}),))


@pytest.mark.parametrize(
    ("limit", "status"), [(5.0, Status.PASS), (2.5, Status.UNDECIDED), (0.5, Status.FAIL)]
)
def test_an_error_has_a_budget_in_per_cent(limit, status):
    target = make.target({"error_increase_percent": make.limit(max=limit)})
    found = check(judge(target, make.artifact(), [regression()]), "mae_drop")
    assert (found.status, found.unit) == (status, "percent")


def test_points_are_the_budget_of_any_fraction():
    budgets = {
        "accuracy_drop_points": make.limit(max=5.0), "error_increase_percent": make.limit(max=0.0)
    }  # fmt: skip
    card = ModelCard(name="m", task="anomaly")
    verdict = judge(
        make.target(budgets), make.artifact(card=card), [regression(name="auc_drop", unit="points")]
    )
    assert check(verdict, "auc_drop").status is Status.PASS
    assert verdict.status is Status.PASS


@pytest.mark.parametrize(("unit", "hint"), [("percent", "error_increase_percent"), ("value", "no")])
def test_a_budget_in_another_unit_is_not_met_by_silence(unit, hint):
    target = make.target({"accuracy_drop_points": make.limit(max=1.0)})
    card = ModelCard(name="m", task="regression", metric="mae")
    found = check(judge(target, make.artifact(card=card), [regression(unit=unit)]), "mae_drop")
    assert found.status is Status.NOT_MEASURED
    assert hint in found.why


def test_a_drop_without_an_interval_decides_nothing():
    target = make.target({"error_increase_percent": make.limit(max=5.0)})
    few = regression(low=None, high=None, n=4, method="no interval: 4 samples")
    found = check(judge(target, make.artifact(), [few]), "mae_drop")
    assert found.status is Status.UNDECIDED
    assert "too few samples to tell: no interval: 4 samples" in found.why


def test_agreement_is_about_classes():
    target = make.target({"agreement": make.limit(min=0.9)})
    card = ModelCard(name="m", task="regression")
    found = check(judge(target, make.artifact(card=card), [regression()]), "agreement")
    assert found.status is Status.NOT_MEASURED
    assert "about classes" in found.why


def test_each_check_takes_the_best_evidence_that_has_its_figure():
    budgets = {
        "accuracy_drop_points": make.limit(max=1.0),
        "latency_p95_ms": make.limit(max=100),
        "peak_memory_bytes": make.limit(max=1e9),
    }
    host = make.measurement()
    emulated = make.measurement(
        grade=Grade.EMULATED, metrics=(make.drop(3.0, 2.0, 4.0),), latency=None,
        peak_memory_bytes=None,
    )  # fmt: skip
    device = make.measurement(grade=make.DEVICE, metrics=(), peak_memory_bytes=None)
    for order in itertools.permutations((host, emulated, device)):
        verdict = judge(make.target(budgets), make.artifact(), order)
        assert check(verdict, "runs").grade is Grade.DEVICE
        assert check(verdict, "latency_p95_ms").grade is Grade.DEVICE
        drop = check(verdict, "accuracy_drop")
        assert (drop.status, drop.grade) == (Status.FAIL, Grade.EMULATED)
        memory = check(verdict, "peak_memory_bytes")
        assert (memory.status, memory.grade) == (Status.NOT_MEASURED, Grade.HOST)


def test_what_fails_on_the_device_fails_though_it_ran_here():
    broken = make.measurement(
        grade=make.DEVICE, error=ErrorRecord(kind="RuntimeFailedError", message="got a crash")
    )
    verdict = judge(make.target(), make.artifact(), [make.measurement(), broken])
    assert verdict.names(Status.FAIL) == ("runs",)


EXACT_INT8 = RECIPES["int8"].model_copy(update={"exact_cpu": True})
FOREIGN = {"recipe": Recipe(name="unknown"), "op_histogram": {"QuantizeLinear": 2, "Gemm": 1}}


@pytest.mark.parametrize("file", [{"recipe": EXACT_INT8}, FOREIGN], ids=["exact", "foreign"])
@pytest.mark.parametrize(
    ("device", "host", "is_open"),
    [
        (("asimd",), ("avx512_vnni",), False),
        (("asimd",), ("avx2",), True),
        ((), ("avx512_vnni",), True),
        ((), ("avx2",), True),
    ],
)
def test_a_figure_of_one_kind_of_cpu_leaves_another_open(file, device, host, is_open):
    target = make.target(cpu_features=device)
    measured = make.measurement(cpu_features=host)
    verdict = judge(target, make.artifact(**file), [measured])
    assert verdict.status is (Status.NOT_MEASURED if is_open else Status.PASS)
    if is_open:
        why = check(verdict, "kind_of_cpu").why
        assert why.startswith("measured on a CPU that adds") == ("avx512_vnni" in host)


def test_a_file_that_answers_alike_everywhere_asks_for_no_kind_of_cpu():
    measured = make.measurement(cpu_features=("avx2",))
    assert judge(make.target(), make.artifact(), [measured]).status is Status.PASS
