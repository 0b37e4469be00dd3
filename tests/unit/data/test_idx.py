import gzip
import struct

import numpy as np
import pytest

from edgekit.data import idx
from edgekit.errors import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def write(folder, images=IMAGES, labels=(0, 1)):
    for part in ("train", "t10k"):
        for name, array in (("images-idx3", images), ("labels-idx1", np.array(labels, np.uint8))):
            head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            path = folder / f"{part}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(head + array.tobytes()))
    return str(folder)


def test_images_labels_and_the_test_part(tmp_path):
    ref = write(tmp_path)
    data = idx.open_dataset(ref)
    assert idx.matches(ref)
    assert data.labels.tolist() == [0, 1, 0, 1]
    assert data.test_indices.tolist() == [2, 3]
    assert (next(data.read(np.array([3]), False))[0] == IMAGES[1]).all()


def test_counts_that_differ(tmp_path):
    with pytest.raises(DataError, match="got 2 images and 3 labels"):
        idx.open_dataset(write(tmp_path, labels=(0, 1, 2)))


@pytest.mark.parametrize("keep", [0, 10, 30])
def test_truncated(tmp_path, keep):
    ref = write(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError):
        idx.open_dataset(ref)


def test_another_format_and_a_missing_file(tmp_path):
    ref = write(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(b"PNG and so on"))
    with pytest.raises(DataError, match="another format"):
        idx.open_dataset(ref)
    path.unlink()
    with pytest.raises(DataError, match="got no file"):
        idx.open_dataset(ref)
