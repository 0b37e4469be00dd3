import tracemalloc

import numpy as np
import pytest
from PIL import Image

from edgekit.core.dataset import Dataset
from edgekit.core.preprocess import Preprocess
from edgekit.errors import DataError, UsageError
from edgekit.samples import open_dataset, prepare


def dataset(read, n):
    return Dataset("d", np.arange(n), tuple("ab"), "f", read)


def noise(indices, skip_bad):
    for i in indices:
        yield np.random.default_rng(i).integers(0, 256, (20, 20, 3), dtype=np.uint8)


def test_what_is_written_is_what_preprocess_says(tmp_path):
    preprocess = Preprocess(colour="L", height=9, width=9, fit="stretch", scale=1 / 255)
    indices = np.array([5, 2, 9])
    done = prepare(dataset(noise, 10), indices, preprocess, tmp_path, skip_bad=False)
    inputs, labels = done.arrays()
    assert labels.tolist() == [5, 2, 9]
    for row, sample in zip(inputs, noise(indices, False), strict=True):
        assert (row == preprocess.apply(sample[None])[0]).all()


def test_skipped_samples_leave_no_hole(tmp_path):
    def read(indices, skip_bad):
        yield from (None if i % 2 else np.full((4, 4), i, np.uint8) for i in indices)

    done = prepare(dataset(read, 600), np.arange(600), Preprocess(), tmp_path, skip_bad=True)
    inputs, labels = done.arrays()
    assert done.n == len(inputs) == 300
    assert (inputs[:, 0, 0] == labels % 256).all()


def test_mixed_shapes_and_no_sample_at_all_are_refused(tmp_path):
    def mixed(indices, skip_bad):
        yield from (np.zeros((4, 4 + i), np.uint8) for i in indices)

    with pytest.raises(DataError, match="expected one shape"):
        prepare(dataset(mixed, 2), np.arange(2), Preprocess(), tmp_path, skip_bad=False)
    nothing = dataset(lambda i, s: (None for _ in i), 2)
    with pytest.raises(DataError, match="no usable sample"):
        prepare(nothing, np.arange(2), Preprocess(), tmp_path, skip_bad=True)


def peak_bytes(read, n, folder):
    tracemalloc.start()
    preprocess = Preprocess(colour="L", height=8, width=8, fit="stretch")
    prepare(dataset(read, n), np.arange(n), preprocess, folder, skip_bad=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_data_set(tmp_path):
    def photos(indices, skip_bad):
        for _ in indices:
            yield np.zeros((300, 300, 3), np.uint8)

    few, many = peak_bytes(photos, 10, tmp_path / "a"), peak_bytes(photos, 100, tmp_path / "b")
    # A hundred photos are 27 MB; the labels and indices of ninety more are a few kilobytes.
    assert many - few < 300_000


def test_data_is_found_by_kind_or_by_looking(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4)).save(tmp_path / name / "1.png")
    assert open_dataset(str(tmp_path)).class_names == ("a", "b")
    assert open_dataset(f"folder:{tmp_path}").class_names == ("a", "b")


def test_unknown_data_gets_a_hint(tmp_path):
    with pytest.raises(UsageError) as caught:
        open_dataset("digit")
    assert "did you mean 'digits'" in caught.value.hint
    with pytest.raises(UsageError, match="no known kind"):
        open_dataset(str(tmp_path))
