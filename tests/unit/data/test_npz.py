import numpy as np
import pytest

from edgekit.data import npz
from edgekit.errors import DataError

INPUTS = np.arange(24, dtype=np.float32).reshape(4, 6)
LABELS = np.array([0, 1, 0, 1])


def save(path, **arrays):
    np.savez_compressed(path, **arrays)
    return str(path)


def test_a_file_gives_back_its_rows(tmp_path):
    ref = save(tmp_path / "d.npz", inputs=INPUTS, labels=LABELS, class_names=["no", "yes"])
    data = npz.open_dataset(ref)
    assert npz.matches(ref)
    assert data.class_names == ("no", "yes")
    assert [row.tolist() for row in data.read(np.array([2, 0]), False)] == INPUTS[[2, 0]].tolist()


def test_a_folder_keeps_its_own_test_part(tmp_path):
    save(tmp_path / "train.npz", inputs=INPUTS, labels=LABELS)
    save(tmp_path / "test.npz", inputs=INPUTS + 100, labels=LABELS)
    data = npz.open_dataset(str(tmp_path))
    assert data.test_indices.tolist() == [4, 5, 6, 7]
    assert next(data.read(np.array([4]), False))[0] == 100
    assert data.class_names == ("0", "1")


def test_the_fingerprint_follows_the_bytes(tmp_path):
    one = npz.open_dataset(save(tmp_path / "a.npz", inputs=INPUTS, labels=LABELS))
    other = npz.open_dataset(save(tmp_path / "b.npz", inputs=INPUTS + 1, labels=LABELS))
    assert one.fingerprint != other.fingerprint


def test_fortran_order_is_read_right(tmp_path):
    ref = save(tmp_path / "f.npz", inputs=np.asfortranarray(INPUTS), labels=LABELS)
    assert next(npz.open_dataset(ref).read(np.array([3]), False)).tolist() == INPUTS[3].tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"inputs": INPUTS}, "expected also labels"),
        ({"inputs": INPUTS, "labels": LABELS[:3]}, r"labels \(3,\)"),
        ({"inputs": INPUTS, "labels": LABELS - 1}, "expected integers from 0 up"),
        ({"inputs": INPUTS, "labels": LABELS / 2}, "float64 labels"),
        ({"inputs": INPUTS[:0], "labels": LABELS[:0]}, "n above 0"),
        ({"inputs": np.array([{}] * 4), "labels": LABELS}, "pickled"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        npz.open_dataset(save(tmp_path / "d.npz", **arrays))


def test_a_missing_and_a_truncated_file(tmp_path):
    with pytest.raises(DataError, match="got no file"):
        npz.open_dataset(str(tmp_path / "none.npz"))
    path = tmp_path / "d.npz"
    save(path, inputs=INPUTS, labels=LABELS)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="unreadable"):
        npz.open_dataset(str(path))
