"""scikit-learn's handwritten digits: 1,797 real 8x8 images that come with the package."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekit.core.dataset import Dataset, Sample
from edgekit.core.tensor import Array
from edgekit.system import packages, store


def matches(ref: str) -> bool:
    """Return whether `ref` names this data set."""
    return ref == "digits"


def open_dataset(ref: str) -> Dataset:
    """Return the digits as uint8 images `(8, 8, 1)`: the original 17 grey levels times 255/16.

    Read from the file inside scikit-learn; importing scikit-learn would take a second for nothing.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise packages.missing("scikit-learn")
    path = Path(spec.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    table = np.loadtxt(path, delimiter=",", dtype=np.float64)
    images = np.floor(table[:, :64] * 255 / 16 + 0.5).astype(np.uint8).reshape(-1, 8, 8, 1)

    def read(indices: Array, skip_bad: bool) -> Iterator[Sample | None]:
        del skip_bad  # nothing here can be bad
        yield from ((image,) for image in images[indices])

    return Dataset(
        name=ref,
        n=len(images),
        labels=table[:, 64].astype(np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        fingerprint=store.sha256_file(path),
        read=read,
    )
