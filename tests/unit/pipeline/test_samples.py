import tracemalloc

import numpy as np
import pytest
from PIL import Image

from edgekit.core.dataset import Dataset
from edgekit.core.preprocess import Preprocess
from edgekit.data import open_dataset
from edgekit.errors import DataError, UsageError
from edgekit.pipeline.samples import prepare

PLAIN = Preprocess(colour="RGB")


def dataset(read, n, **more):
    known = {"labels": np.arange(n), "class_names": tuple("ab"), "fingerprint": "f"}
    return Dataset("d", n, **{**known, "read": read, **more})


def noise(indices, skip_bad):
    for i in indices:
        yield (np.random.default_rng(i).integers(0, 256, (20, 20, 3), dtype=np.uint8),)


def test_what_is_written_is_what_preprocess_says(tmp_path):
    preprocess = Preprocess(colour="L", height=9, width=9, fit="stretch", scale=1 / 255)
    indices = np.array([5, 2, 9])
    done = prepare(dataset(noise, 10), indices, (preprocess,), tmp_path, skip_bad=False)
    (inputs,), labels = done.arrays()
    assert labels.tolist() == [5, 2, 9]
    for row, (sample,) in zip(inputs, noise(indices, False), strict=True):
        assert (row == preprocess.apply(sample[None])[0]).all()


def test_skipped_samples_leave_no_hole(tmp_path):
    def read(indices, skip_bad):
        yield from (None if i % 2 else (np.full((4, 4), i, np.uint8),) for i in indices)

    done = prepare(dataset(read, 600), np.arange(600), (Preprocess(),), tmp_path, skip_bad=True)
    (inputs,), labels = done.arrays()
    assert done.n == len(inputs) == 300
    assert (inputs[:, 0, 0] == labels % 256).all()


def test_mixed_shapes_and_no_sample_at_all_are_refused(tmp_path):
    def mixed(indices, skip_bad):
        yield from ((np.zeros((4, 4 + i), np.uint8),) for i in indices)

    with pytest.raises(DataError, match="expected one shape"):
        prepare(dataset(mixed, 2), np.arange(2), (Preprocess(),), tmp_path, skip_bad=False)
    nothing = dataset(lambda i, s: (None for _ in i), 2)
    with pytest.raises(DataError, match="no usable sample"):
        prepare(nothing, np.arange(2), (Preprocess(),), tmp_path, skip_bad=True)


def test_every_input_has_its_own_file_preprocess_and_type(tmp_path):
    def read(indices, skip_bad):
        yield from (
            None if i == 1 else (np.full(3, i), np.full((2, 2), i, np.uint8)) for i in indices
        )

    data = dataset(read, 4, input_names=("ids", "image"))
    preprocesses = (Preprocess(dtype="int32"), Preprocess(colour="RGB", scale=0.5))
    done = prepare(data, np.arange(4), preprocesses, tmp_path, skip_bad=True)
    (ids, images), labels = done.arrays()
    assert [path.name for path in done.inputs] == ["inputs-0.npy", "inputs-1.npy"]
    assert (ids.dtype, images.dtype) == (np.int32, np.float32)
    assert (ids[:, 0].tolist(), labels.tolist()) == ([0, 2, 3], [0, 2, 3])
    assert images.shape == (3, 2, 2, 3)
    assert images[:, 0, 0, 0].tolist() == [0, 1, 1.5]
    with pytest.raises(DataError, match=r"got 2 inputs in d \(ids, image\), expected 1"):
        prepare(data, np.arange(4), (Preprocess(),), tmp_path, skip_bad=True)


def test_labels_may_be_absent_values_or_masks(tmp_path):
    def labels_of(labels, preprocess=PLAIN):
        data = dataset(noise, 600, labels=labels, class_names=())
        chosen = np.arange(599, 200, -1)
        done = prepare(data, chosen, (preprocess,), tmp_path, skip_bad=False)
        return done.arrays()[1]

    assert labels_of(None) is None
    values = np.random.default_rng(0).normal(size=(600, 2))
    assert (labels_of(values) == values[:200:-1]).all()
    masks = np.zeros((600, 20, 20), np.uint8)
    masks[:, :, 10:] = 255
    small = labels_of(masks, Preprocess(colour="L", height=5, width=5, fit="stretch"))
    assert (small.dtype, small.shape) == (np.uint8, (399, 5, 5))
    # The middle column's centre is at 9.5, and half rounds up: what is right of it is right.
    assert small[0, 0].tolist() == [0, 0, 255, 255, 255]


def peak_bytes(read, n, folder):
    tracemalloc.start()
    preprocess = Preprocess(colour="L", height=8, width=8, fit="stretch")
    prepare(dataset(read, n), np.arange(n), (preprocess,), folder, skip_bad=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_data_set(tmp_path):
    def photos(indices, skip_bad):
        for _ in indices:
            yield (np.zeros((300, 300, 3), np.uint8),)

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
