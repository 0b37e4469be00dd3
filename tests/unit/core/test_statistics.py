import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.statistics import (
    RESAMPLES,
    bootstrap,
    paired_drop,
    percentile,
    samples_to_tell,
    wilson,
)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_estimate_and_stays_in_0_1(case):
    successes, n = case
    value, low, high = wilson(successes, n)
    assert 0 <= low <= value <= high <= 1
    assert value == successes / n


def test_wilson_by_hand():
    # 81 of 263, a textbook example (Newcombe 1998, table I): 0.2553 to 0.3662.
    _, low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(100, 5000))
def test_the_drop_is_antisymmetric_and_never_certain(lost, won, n):
    value, low, high = paired_drop(lost, won, n)
    mirrored = paired_drop(won, lost, n)
    assert np.allclose([value, low, high], [-mirrored.value, -mirrored.high, -mirrored.low])
    assert low <= value <= high
    assert high - low > 0


def test_no_flip_leaves_a_width():
    _, low, high = paired_drop(0, 0, 540)
    assert round(100 * high, 2) == 0.51
    assert low == -high


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered, trials = np.random.default_rng(0), 0, 2000
    for _ in range(trials):
        lost, won, _ = rng.multinomial(500, [0.02, 0.01, 0.97])
        _, low, high = paired_drop(lost, won, 500)
        covered += low <= 0.01 <= high
    assert 0.93 <= covered / trials <= 0.98


def test_samples_to_tell_grows_as_the_margin_shrinks():
    assert samples_to_tell(0.02, 0.01) < samples_to_tell(0.02, 0.005)
    assert samples_to_tell(0.0, 0.01) == 300
    assert samples_to_tell(0.02, 0.0) == 0


def mean_of(values):
    return lambda weights: (weights @ values / weights.sum(axis=1))[:, None]


def test_resampling_is_seeded_and_each_resample_has_n_samples():
    values = np.random.default_rng(0).normal(size=2000)
    sizes = bootstrap(lambda weights: weights.sum(axis=1)[:, None], 2000)
    assert (sizes == 2000).all()
    assert len(sizes) == RESAMPLES
    assert (bootstrap(mean_of(values), 2000) == bootstrap(mean_of(values), 2000)).all()
    assert len(np.unique(bootstrap(mean_of(values), 2000))) == RESAMPLES


def test_too_few_samples_are_not_resampled():
    assert bootstrap(mean_of(np.arange(9.0)), 9).shape == (0, 1)
    assert percentile(1.0, bootstrap(mean_of(np.arange(9.0)), 9)[:, 0], 9) is None


def test_the_percentile_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered, trials = np.random.default_rng(1), 0, 400
    for _ in range(trials):
        values = rng.exponential(size=80)
        _, low, high = percentile(values.mean(), bootstrap(mean_of(values), 80)[:, 0], 80)
        covered += low <= 1.0 <= high
    assert 0.90 <= covered / trials <= 0.97


@pytest.mark.parametrize(("n", "tail"), [(10, 0.0086), (20, 0.0159), (100, 0.0231), (10**6, 0.025)])
def test_few_samples_widen_the_interval_as_students(n, tail):
    # Student's 0.975 quantile times the root of n / (n - 1), through the normal distribution.
    _, low, high = percentile(0.5, np.linspace(0, 1, 100_001), n)
    assert low == pytest.approx(tail, abs=1e-4)
    assert high == pytest.approx(1 - tail, abs=1e-4)


@given(st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=50), st.floats(0, 5))
def test_bounds_hold_the_value_and_leave_it_room(values, room):
    values = np.array(values)
    value, low, high = percentile(
        values.mean(), bootstrap(mean_of(values), len(values)), len(values), room
    )
    assert low <= value - room
    assert value + room <= high


def test_resamples_without_a_figure_are_left_out():
    _, low, high = percentile(1.0, np.array([np.nan, 1.0, np.inf, 2.0]), 10)
    assert 1 <= low < high <= 2
