import numpy as np
import pytest

from edgekit.packaging import selftest


def test_distance_counts_nan_and_shape():
    a = np.array([1.0, np.nan])
    assert np.isnan(selftest.distance(a, np.array([1.0, 2.0])))
    assert selftest.distance(np.array([np.inf]), np.array([np.inf])) == 0
    with pytest.raises(ValueError, match="shape"):
        selftest.distance(a, np.zeros(3))
    judged = selftest._judged("x", [selftest._Distance(0, float("nan"), 1.0)])
    assert not judged.ok
