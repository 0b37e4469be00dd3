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
    assert [row.tolist() for (row,) in data.read(np.array([2, 0]), False)] == INPUTS[
        [2, 0]
    ].tolist()


def test_a_folder_keeps_its_own_test_part(tmp_path):
    save(tmp_path / "train.npz", inputs=INPUTS, labels=LABELS)
    save(tmp_path / "test.npz", inputs=INPUTS + 100, labels=LABELS)
    data = npz.open_dataset(str(tmp_path))
    assert data.test_indices.tolist() == [4, 5, 6, 7]
    assert next(data.read(np.array([4]), False))[0][0] == 100
    assert data.class_names == ("0", "1")


def test_the_fingerprint_follows_the_bytes(tmp_path):
    one = npz.open_dataset(save(tmp_path / "a.npz", inputs=INPUTS, labels=LABELS))
    other = npz.open_dataset(save(tmp_path / "b.npz", inputs=INPUTS + 1, labels=LABELS))
    assert one.fingerprint != other.fingerprint


def test_fortran_order_is_read_right(tmp_path):
    ref = save(tmp_path / "f.npz", inputs=np.asfortranarray(INPUTS), labels=LABELS)
    assert next(npz.open_dataset(ref).read(np.array([3]), False))[0].tolist() == INPUTS[3].tolist()


def test_several_inputs_come_in_the_order_they_were_saved(tmp_path):
    ref = save(tmp_path / "d.npz", inputs_text=INPUTS[:, :2], inputs_image=INPUTS, labels=LABELS)
    data = npz.open_dataset(ref)
    assert data.input_names == ("text", "image")
    text, image = next(data.read(np.array([1]), False))
    assert text.tolist() == INPUTS[1, :2].tolist()
    assert image.tolist() == INPUTS[1].tolist()


def test_inputs_of_train_and_test_are_matched_by_name(tmp_path):
    save(tmp_path / "train.npz", inputs_a=INPUTS, inputs_b=INPUTS + 1, labels=LABELS)
    save(tmp_path / "test.npz", labels=LABELS, inputs_b=INPUTS + 1, inputs_a=INPUTS)
    a, b = next(npz.open_dataset(str(tmp_path)).read(np.array([4]), False))
    assert (b - a == 1).all()
    save(tmp_path / "test.npz", inputs_a=INPUTS, inputs_b=INPUTS)
    with pytest.raises(DataError, match="expected the same in train and test"):
        npz.open_dataset(str(tmp_path))


@pytest.mark.parametrize("labels", [LABELS / 2, np.ones((4, 3), np.float32)])
def test_floats_are_values(tmp_path, labels):
    data = npz.open_dataset(save(tmp_path / "d.npz", inputs=INPUTS, labels=labels))
    assert data.labels.dtype == np.float64
    assert (data.labels == labels).all()
    assert data.class_names == ()


def test_masks_keep_their_type_and_pixels_of_no_class_are_no_class(tmp_path):
    masks = np.full((4, 2, 3), 2, np.uint8)
    masks[:, 0] = 255
    data = npz.open_dataset(save(tmp_path / "d.npz", inputs=INPUTS, labels=masks))
    assert (data.labels == masks).all()
    assert (data.labels.dtype, data.class_names) == (np.uint8, ("0", "1", "2"))
    data = npz.open_dataset(save(tmp_path / "b.npz", inputs=INPUTS, labels=masks > 2))
    assert data.labels.max() == 1


def test_a_reconstruction_has_no_labels(tmp_path):
    data = npz.open_dataset(save(tmp_path / "d.npz", inputs=INPUTS))
    assert (data.n, data.labels, data.class_names) == (4, None, ())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": LABELS}, "expected also inputs"),
        ({"inputs": INPUTS, "inputs_more": INPUTS[:2]}, r"inputs_more \(2, 6\)"),
        ({"inputs": INPUTS, "labels": LABELS[:3]}, r"labels \(3,\)"),
        ({"inputs": INPUTS, "labels": LABELS - 1}, "expected integers from 0 up"),
        ({"inputs": INPUTS, "labels": LABELS + 10**6}, "expected at most"),
        ({"inputs": INPUTS, "labels": np.full(4, np.inf)}, "not finite"),
        ({"inputs": INPUTS, "labels": LABELS[:, None]}, r"int64 labels \(4, 1\)"),
        ({"inputs": INPUTS, "labels": LABELS, "class_names": ["no"]}, "got label 1 and 1 class"),
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
