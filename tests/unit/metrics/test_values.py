import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.scoring import metrics_of
from edgekit.metrics import open_metric


def figure(name, outputs, targets, inputs=None):
    (found,) = metrics_of(open_metric(name, trust=False), (outputs,), targets, (inputs,))
    return found.value


@settings(deadline=None)  # the first import takes its time
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_they_are_scikit_learns(seed, columns):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    wanted = rng.normal(1000, 3, (25, columns))
    got = wanted + rng.normal(size=wanted.shape)
    assert figure("mae", got, wanted) == pytest.approx(metrics.mean_absolute_error(wanted, got))
    squared = metrics.mean_squared_error(wanted, got)
    assert figure("rmse", got, wanted) == pytest.approx(np.sqrt(squared))
    assert figure("r2", got, wanted) == pytest.approx(metrics.r2_score(wanted, got))
    assert figure("reconstruction", got, None, wanted) == pytest.approx(squared)


def test_whole_numbers_are_values_too():
    assert figure("mae", np.array([[1.5], [2.0]]), np.array([1, 3])) == 0.75


def test_a_perfect_and_a_useless_regression():
    wanted = np.arange(20.0)
    assert figure("r2", wanted, wanted) == 1
    assert figure("r2", np.full(20, 9.5), wanted) == pytest.approx(0)
