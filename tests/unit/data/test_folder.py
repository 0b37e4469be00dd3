import logging

import numpy as np
import pytest
from PIL import Image

from edgekit.data import folder
from edgekit.errors import DataError

ORIENTATION = 0x0112


def save(path, size=(6, 4), colour=(10, 200, 30), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)


@pytest.fixture
def root(tmp_path):
    for name in ("cat", "dog"):
        for suffix in ("png", "jpg", "bmp", "webp"):
            save(tmp_path / name / f"1.{suffix}")
    return tmp_path


def test_subfolders_are_classes(root):
    data = folder.open_dataset(str(root))
    assert data.class_names == ("cat", "dog")
    assert data.labels.tolist() == [0] * 4 + [1] * 4
    assert {image.shape for (image,) in data.read(np.arange(8), False)} == {(4, 6, 3)}


def test_exif_orientation_is_honoured(root):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    save(root / "cat" / "0.jpg", exif=exif)
    assert next(folder.open_dataset(str(root)).read(np.array([0]), False))[0].shape == (6, 4, 3)


def test_train_and_test_folders_keep_their_parts(tmp_path):
    for part in ("train", "test"):
        for name in ("a", "b"):
            save(tmp_path / part / name / "1.png")
    assert folder.open_dataset(str(tmp_path)).test_indices.tolist() == [2, 3]
    save(tmp_path / "test" / "c" / "1.png")
    with pytest.raises(DataError, match="other classes"):
        folder.open_dataset(str(tmp_path))


def test_an_empty_class_folder_is_named(root):
    (root / "owl").mkdir()
    with pytest.raises(DataError, match="owl"):
        folder.open_dataset(str(root))


def test_one_class_is_not_enough(tmp_path):
    save(tmp_path / "cat" / "1.png")
    with pytest.raises(DataError, match="got 1 class folders"):
        folder.open_dataset(str(tmp_path))


def test_an_unreadable_image_is_named_and_skipped_only_when_asked(root, caplog):
    bad = root / "cat" / "0.png"
    bad.write_bytes((root / "cat" / "1.png").read_bytes()[:40])
    data = folder.open_dataset(str(root))
    with pytest.raises(DataError, match=r"0\.png"):
        list(data.read(np.arange(2), False))
    with caplog.at_level(logging.WARNING):
        samples = list(data.read(np.arange(2), True))
    assert samples[0] is None
    assert samples[1] is not None
    assert "0.png" in caplog.text


def test_sixteen_bits_are_scaled_not_clipped(root):
    values = np.array([[256, 1000], [40000, 65535]], np.uint16)
    Image.fromarray(values).save(root / "cat" / "0.png")
    got = next(folder.open_dataset(str(root)).read(np.array([0]), False))[0]
    assert got.tolist() == [[1, 3], [156, 255]]


def test_a_decompression_bomb_is_refused(root, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DataError, match="unreadable image"):
        list(folder.open_dataset(str(root)).read(np.array([0]), False))
