import numpy as np
import pytest

from edgekit.core.values import differences, squared_errors, values
from edgekit.errors import DataError, RuntimeFailedError


def by_name(*arguments):
    return {metric.name: metric for metric in differences(*arguments)}


def test_difference_and_ratio_by_hand():
    found = by_name((np.array([[3.0], [4.1]]),), (np.array([[3.0], [4.0]]),))
    assert found["max_abs_difference"].value == pytest.approx(0.1)
    assert found["snr"].value == pytest.approx(10 * np.log10(25 / 0.01))
    assert (found["snr"].unit, found["snr"].n) == ("dB", 2)


def test_the_worst_output_decides_the_ratio():
    good, bad = np.ones((600, 2)), np.ones((600, 3))
    found = by_name((good + 0.001, bad + 0.1), (good, bad))
    assert found["snr"].value == pytest.approx(20)
    assert found["snr"].detail == "output 1"


def test_equal_outputs_have_no_ratio():
    same = np.random.default_rng(0).normal(size=(300, 4))
    assert {name: m.value for name, m in by_name((same,), (same,)).items()} == {
        "max_abs_difference": 0.0
    }
    assert "snr" not in by_name((same,), (same * 0,))


def test_outputs_that_cannot_be_compared_are_refused():
    with pytest.raises(DataError, match="expected the same"):
        differences((np.ones((2, 3)),), (np.ones((2, 4)),))
    with pytest.raises(DataError, match="expected the same"):
        differences((np.ones((2, 3)),), (np.ones((2, 3)), np.ones((2, 3))))
    with pytest.raises(RuntimeFailedError, match="not finite in output 1"):
        differences((np.ones((2, 3)), np.full((2, 1), np.inf)), (np.ones((2, 3)), np.ones((2, 1))))


def test_errors_are_of_each_sample_whatever_its_shape():
    rng = np.random.default_rng(0)
    mine, theirs = rng.normal(size=(2, 600, 4, 3))
    assert np.allclose(squared_errors(mine, theirs), ((mine - theirs) ** 2).mean(axis=(1, 2)))
    with pytest.raises(DataError, match="expected the same shape"):
        squared_errors(mine, theirs[:, :2])


def test_values_are_rows_and_must_be_as_many():
    got, wanted = values(np.ones((3, 1), np.float32), np.arange(3))
    assert got.shape == wanted.shape == (3, 1)
    with pytest.raises(DataError, match=r"got outputs \(3, 2\) for labels \(3,\)"):
        values(np.ones((3, 2)), np.ones(3))
    with pytest.raises(DataError, match="got no labels"):
        values(np.ones((3, 2)), None)
