"""Mean intersection over union of the classes that the masks hold."""

import numpy as np

from edgekit.core.segmentation import ious, overlaps
from edgekit.core.tensor import Array, Arrays

NAME = "miou"
TASK = "segmentation"
UNIT = "fraction"
HIGHER_IS_BETTER = True


def contributions(outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
    """Return pixel counts by class, `(n, 3, classes)`."""
    del inputs
    return overlaps(outputs[0], targets)


def aggregate(contributions: Array, weights: Array) -> Array:
    """Return the mean over classes `(b,)`."""
    found = ious(contributions, weights)
    known = np.isfinite(found)
    return np.asarray(np.where(known, found, 0).sum(axis=1) / known.sum(axis=1))
