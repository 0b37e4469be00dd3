import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.statistics import paired_drop, samples_to_tell, wilson


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
