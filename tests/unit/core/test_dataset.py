import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.dataset import Dataset, choose, split
from edgekit.errors import DataError


def dataset(labels, test_indices=None):
    labels = labels if labels is None else np.array(labels)
    n = 100 if labels is None else len(labels)
    names = ("a", "b", "c")
    return Dataset("d", n, labels, names, "f", lambda *_: iter(()), test_indices)


def digest(found):
    parts = np.concatenate([found.train, found.calibration, found.test])
    return hashlib.sha256(parts.astype("<i8").tobytes()).hexdigest()[:16]


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


# Figures of records are only comparable while a seed gives the split that it gave.
@pytest.mark.parametrize(
    ("labels", "test_indices", "seed", "wanted"),
    [
        (np.arange(300) % 7, np.arange(0, 300, 5), 3, "a2d54eea29851af2"),
        (np.arange(300) % 7, None, 0, "7773d9b121bd3e35"),
    ],
)
def test_the_split_of_classes_never_changes(labels, test_indices, seed, wanted):
    assert digest(split(dataset(labels, test_indices), seed)) == wanted


@pytest.mark.parametrize(
    "labels",
    [
        None,
        np.linspace(0, 1, 100),
        np.zeros((100, 3)),
        np.zeros((100, 2, 2), np.uint8),
        np.arange(100),
    ],
    ids=["none", "values", "rows of values", "masks", "distinct integers"],
)
def test_what_are_no_classes_is_split_plainly(labels):
    found = split(dataset(labels), seed=1)
    assert (len(found.train), len(found.calibration), len(found.test)) == (60, 10, 30)
    assert sorted(np.concatenate([found.train, found.calibration, found.test])) == list(range(100))
    assert digest(found) == digest(split(dataset(labels), seed=1))
    assert digest(found) != digest(split(dataset(labels), seed=2))


def test_choosing_more_than_there_is_is_refused():
    assert len(choose(np.arange(10), 4, seed=0)) == 4
    with pytest.raises(DataError, match="got 10 calibration samples"):
        choose(np.arange(10), 11, seed=0)
