import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.scoring import Scoring, metrics_of, paired
from edgekit.errors import DataError, ModelLoadError, RuntimeFailedError
from edgekit.metrics import open_metric

NAMES = ("accuracy", "auc", "mae", "miou", "r2", "reconstruction", "rmse", "top5")
METRICS = {name: open_metric(name, trust=False) for name in NAMES}


def case(name, rng, n=60):
    """Return outputs of a float model, labels and inputs that the metric takes."""
    inputs = rng.normal(size=(n, 6))
    outputs, labels = {
        "classification": lambda: (rng.normal(size=(n, 6)), rng.integers(0, 6, n)),
        "regression": lambda: (inputs[:, :2] + rng.normal(size=(n, 2)), inputs[:, :2]),
        "reconstruction": lambda: (inputs + rng.normal(size=(n, 6)), None),
        "anomaly": lambda: (inputs + rng.normal(size=(n, 6)), np.arange(n) % 2),
        "segmentation": lambda: (rng.normal(size=(n, 4, 3, 2)), rng.integers(0, 2, (n, 4, 3))),
    }[METRICS[name].task]()
    return outputs, labels, inputs


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_equal_outputs_drop_by_nothing_and_shares_are_never_certain(name, seed):
    outputs, labels, inputs = case(name, np.random.default_rng(seed))
    figure, drop, *_ = paired(METRICS[name], (outputs,), (outputs,), labels, (inputs,))
    assert (figure.name, drop.name, drop.value) == (name, f"{name}_drop", 0.0)
    assert drop.low <= 0 <= drop.high
    assert (drop.high - drop.low > 0) == (figure.unit == "fraction")
    assert (
        drop.unit
        == {"fraction": "points", "value": "value" if name == "r2" else "percent"}[figure.unit]
    )
    alone = metrics_of(METRICS[name], (outputs,), labels, (inputs,))
    assert alone == (figure,)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_intervals_hold_their_figures_and_stay_in_bounds(name, seed):
    rng = np.random.default_rng(seed)
    outputs, labels, inputs = case(name, rng)
    worse = outputs + rng.normal(size=outputs.shape)
    for metric in paired(METRICS[name], (worse,), (outputs,), labels, (inputs,)):
        if metric.low is not None:
            assert metric.low <= metric.value <= metric.high
            assert metric.method
        if metric.unit == "fraction":
            assert 0 <= metric.low <= metric.high <= 1


def test_drops_are_positive_where_the_file_is_worse():
    rng = np.random.default_rng(0)
    for name in NAMES:
        outputs, labels, inputs = case(name, rng, n=400)
        wanted = {"regression": labels, "reconstruction": inputs}.get(METRICS[name].task)
        if wanted is None:
            continue
        worse = outputs + 2 * (outputs - wanted)
        assert paired(METRICS[name], (worse,), (outputs,), labels, (inputs,))[1].low > 0
        assert paired(METRICS[name], (outputs,), (worse,), labels, (inputs,))[1].high < 0


def test_an_errors_drop_is_in_per_cent_of_the_float_models():
    wanted = np.zeros(50)
    _, drop, *_ = paired(METRICS["mae"], (wanted + 1.1,), (wanted + 1.0,), wanted, ())
    assert (drop.value, drop.low, drop.high) == pytest.approx((10, 10, 10))
    assert drop.method.startswith(
        "paired expanded percentile bootstrap over samples, 95 %, 1000 resamples"
    )


def test_of_an_error_of_nothing_there_are_no_per_cents():
    wanted = np.zeros(50)
    _, drop, *_ = paired(METRICS["mae"], (wanted + 0.5,), (wanted,), wanted, ())
    assert (drop.unit, drop.value) == ("value", 0.5)


def test_the_paired_interval_covers_the_truth_about_as_often_as_it_says():
    # The float model's error is exponential with mean 1, and the file adds one of mean 0.1.
    rng, covered, trials = np.random.default_rng(0), 0, 300
    for _ in range(trials):
        theirs = rng.exponential(size=100)
        ours = theirs + rng.exponential(0.1, size=100)
        _, drop, *_ = paired(METRICS["mae"], (ours,), (theirs,), np.zeros(100), ())
        covered += drop.low <= 10 <= drop.high
    assert 0.90 <= covered / trials <= 0.98


def test_pairing_is_tighter_than_two_separate_intervals():
    outputs, labels, _ = case("rmse", np.random.default_rng(0), n=300)
    figure, drop, *_ = paired(METRICS["rmse"], (outputs * 1.001,), (outputs,), labels, ())
    alone = 100 * (figure.high - figure.low) / figure.value
    assert drop.high - drop.low < alone / 10


def test_few_samples_have_no_resampled_interval():
    outputs, labels, _ = case("mae", np.random.default_rng(0), n=9)
    figure, drop, *_ = paired(METRICS["mae"], (outputs,), (outputs,), labels, ())
    assert (figure.low, drop.high) == (None, None)
    assert "9 samples carry the figure, resampling takes 10" in figure.method


def test_outputs_that_are_not_finite_fail_by_name():
    outputs, labels, _ = case("mae", np.random.default_rng(0))
    broken = outputs.copy()
    broken[3, 0], broken[7, 1] = np.nan, np.inf
    with pytest.raises(
        RuntimeFailedError, match="got 2 of 60 samples for which mae of the outputs"
    ):
        paired(METRICS["mae"], (broken,), (outputs,), labels, ())
    with pytest.raises(ModelLoadError, match="mae of the float model's outputs"):
        paired(METRICS["mae"], (outputs,), (broken,), labels, ())
    with pytest.raises(RuntimeFailedError):
        metrics_of(METRICS["rmse"], (broken,), labels, ())


def test_a_figure_that_does_not_exist_is_refused():
    with pytest.raises(DataError, match="got no finite r2 from 20 samples"):
        metrics_of(METRICS["r2"], (np.arange(20.0),), np.full(20, 7.1), ())


def share(higher_is_better):
    def contributions(outputs, targets, inputs):
        return np.asarray(outputs[0] > 0)

    return Scoring("positive", "regression", "fraction", higher_is_better, contributions)


def test_any_share_of_samples_has_exact_intervals():
    ours, theirs = np.repeat([1.0, -1.0], [10, 30]), np.repeat([1.0, -1.0], [30, 10])
    figure, drop, *_ = paired(share(True), (ours,), (theirs,), None, ())
    assert (figure.value, drop.value) == (0.25, 50.0)
    assert "Wilson" in figure.method
    assert "Bonett-Price" in drop.method
    assert paired(share(False), (ours,), (theirs,), None, ())[1].value == -50.0


def test_contributions_must_be_one_for_each_sample():
    metric = Scoring("odd", "regression", "value", True, lambda o, t, i: np.ones(3))
    with pytest.raises(DataError, match="got 3 contributions to odd, expected 5"):
        metrics_of(metric, (np.ones(5),), None, ())


def test_a_regression_also_says_how_far_its_outputs_are():
    outputs, labels, _ = case("mae", np.random.default_rng(0))
    found = paired(METRICS["mae"], (outputs + 0.25,), (outputs,), labels, ())
    assert [m.name for m in found] == ["mae", "mae_drop", "max_abs_difference", "snr"]
    assert found[2].value == pytest.approx(0.25)
