import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.dataset import Dataset, choose, split
from edgekit.errors import DataError


def dataset(labels, test_indices=None):
    return Dataset("d", np.array(labels), ("a", "b", "c"), "f", lambda *_: iter(()), test_indices)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=200), st.integers(0, 99))
def test_parts_never_overlap_and_hold_everything(labels, seed):
    found = split(dataset(labels), seed)
    everything = np.concatenate([found.train, found.calibration, found.test])
    assert sorted(everything) == list(range(len(labels)))


@given(st.integers(0, 99))
def test_the_same_seed_gives_the_same_split(seed):
    data = dataset([0, 1, 2] * 30)
    one, other = split(data, seed), split(data, seed)
    assert (one.test == other.test).all()
    assert (one.train == other.train).all()


def test_classes_keep_their_share():
    found = split(dataset([0] * 100 + [1] * 50), seed=0)
    assert np.bincount(np.array([0] * 100 + [1] * 50)[found.test]).tolist() == [30, 15]


def test_a_test_part_of_its_own_is_kept_whole():
    own = np.array([3, 4, 5])
    found = split(dataset([0, 1, 2] * 10, own), seed=0)
    assert found.test.tolist() == [3, 4, 5]
    assert not set(own) & set(np.concatenate([found.train, found.calibration]))


def test_choosing_more_than_there_is_is_refused():
    assert len(choose(np.arange(10), 4, seed=0)) == 4
    with pytest.raises(DataError, match="got 10 calibration samples"):
        choose(np.arange(10), 11, seed=0)
