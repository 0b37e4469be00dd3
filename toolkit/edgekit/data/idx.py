"""MNIST-style folders of four `.gz` files: images and labels, for training and test.

Format: http://yann.lecun.com/exdb/mnist, "the idx file format".
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekit.core.dataset import Dataset, Sample
from edgekit.core.tensor import Array
from edgekit.errors import DataError
from edgekit.system import store

PARTS = ("train", "t10k")
UBYTE = 0x08


def matches(ref: str) -> bool:
    """Return whether `ref` is a folder with MNIST's file names."""
    return (Path(ref) / "train-images-idx3-ubyte.gz").is_file()


def open_dataset(ref: str) -> Dataset:
    """Open the folder; its `t10k` files are the test part."""
    folder = Path(ref)
    images = [_read(folder / f"{part}-images-idx3-ubyte.gz", 3) for part in PARTS]
    labels = [_read(folder / f"{part}-labels-idx1-ubyte.gz", 1) for part in PARTS]
    for part, some_images, some_labels in zip(PARTS, images, labels, strict=True):
        if len(some_images) != len(some_labels):
            raise DataError(
                f"got {len(some_images)} images and {len(some_labels)} labels in the {part} files, "
                "expected as many of each"
            )
    first, everything = len(images[0]), np.concatenate(labels).astype(np.int64)

    def read(indices: Array, skip_bad: bool) -> Iterator[Sample | None]:
        del skip_bad  # the arrays were read whole
        for i in indices:
            yield (images[0][i] if i < first else images[1][i - first],)

    return Dataset(
        name=ref,
        n=len(everything),
        labels=everything,
        class_names=tuple(str(i) for i in range(int(everything.max(initial=0)) + 1)),
        fingerprint=store.sha256_tree(folder),
        read=read,
        test_indices=np.arange(first, len(everything)),
    )


def _read(path: Path, rank: int) -> Array:
    """Memory-map one idx file of unsigned bytes with `rank` dimensions from a temporary copy."""
    try:
        with gzip.open(path) as stream:
            head = stream.read(4 + 4 * rank)
            file = store.spill(stream)
    except FileNotFoundError:
        raise DataError(f"got no file {path}", "an idx folder has all four .gz files") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"got an unreadable .gz file {path}: {error}") from error
    if len(head) < 4 + 4 * rank or head[:4] != bytes((0, 0, UBYTE, rank)):
        raise DataError(f"got another format in {path}, expected idx unsigned bytes of rank {rank}")
    shape = struct.unpack(f">{rank}I", head[4:])
    size = file.seek(0, 2)
    if size != math.prod(shape) or not size:
        raise DataError(f"got {size} values in {path}, expected {math.prod(shape)}")
    return np.memmap(file, np.uint8, mode="r", shape=shape)
