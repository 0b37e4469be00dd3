"""A folder with one subfolder of images per class, or `train/` and `test/` of such folders.

PNG, JPEG, BMP and WebP through Pillow; EXIF orientation is honoured. Images are decoded when they
are read, one at a time.
"""

import hashlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekit.core.dataset import Dataset, Sample
from edgekit.core.tensor import Array
from edgekit.errors import DataError
from edgekit.system import store

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}
FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
PARTS = ("train", "test")


def matches(ref: str) -> bool:
    """Return whether `ref` is a folder with subfolders."""
    path = Path(ref)
    if any(path.glob("*.npz")) or any(path.glob("*-ubyte.gz")):
        return False
    return path.is_dir() and any(p.is_dir() and p.name[0] != "." for p in path.iterdir())


def open_dataset(ref: str) -> Dataset:
    """List the images; class names are the subfolders' names, sorted.

    Raises `DataError` for a class folder without images, or parts with other classes.
    """
    root = Path(ref)
    if not root.is_dir():
        raise DataError(f"got no folder {root}", "check the path after --data")
    has_parts = all((root / part).is_dir() for part in PARTS)
    listed = [_list(root / part) for part in PARTS] if has_parts else [_list(root)]
    names = listed[0][0]
    if any(other != names for other, _, _ in listed):
        raise DataError(f"got other classes in train/ than in test/: {root}")
    paths = [path for _, some, _ in listed for path in some]
    labels = np.concatenate([some for _, _, some in listed])

    def read(indices: Array, skip_bad: bool) -> Iterator[Sample | None]:
        for i in indices:
            image = _decode(paths[i], skip_bad)
            yield None if image is None else (image,)

    return Dataset(
        name=ref,
        n=len(paths),
        labels=labels,
        class_names=names,
        fingerprint=_fingerprint(root, paths),
        read=read,
        test_indices=np.arange(len(listed[0][1]), len(paths)) if has_parts else None,
    )


def _list(root: Path) -> tuple[tuple[str, ...], list[Path], Array]:
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(folders) < 2:
        raise DataError(
            f"got {len(folders)} class folders in {root}, expected at least 2",
            "put the images of each class in a subfolder with the class's name",
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        found = sorted(
            p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.is_dir()
        )
        if not found:
            raise DataError(
                f"got no image in class folder {folder}, expected at least 1",
                f"add images ({', '.join(sorted(SUFFIXES))}) or remove the folder",
            )
        paths += found
        labels += [label] * len(found)
    return tuple(folder.name for folder in folders), paths, np.array(labels, dtype=np.int64)


def _fingerprint(root: Path, paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        # A link to nothing is named when it is read.
        content = store.sha256_file(path) if path.is_file() else "absent"
        digest.update(f"{path.relative_to(root).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def _decode(path: Path, skip_bad: bool) -> Array | None:
    """Return the image upright, uint8: `(h, w)` for grey images, else `(h, w, 3)` RGB."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            # Pillow only warns of a picture that unpacks to gigabytes; here that is an error.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                upright = ImageOps.exif_transpose(image)
                if upright.mode.startswith("I"):
                    # Pillow's own conversion would clip 16 bits to 8 instead of scaling them.
                    return (np.asarray(upright).astype(np.uint32) >> 8).astype(np.uint8)
                grey = upright.mode in {"1", "L", "LA"}
                return np.asarray(upright.convert("L" if grey else "RGB"), dtype=np.uint8)
    except Exception as error:  # whatever a decoder stumbles over, the image is to blame
        if not skip_bad:
            raise DataError(
                f"got an unreadable image {path}: {error}",
                "remove or repair it, or give --skip-bad to leave such images out",
            ) from error
        logging.getLogger("edgekit").warning("skipped unreadable image %s: %s", path, error)
        return None
