"""Coefficient of determination: 1 is perfect, 0 no better than the labels' mean.

Of several values per sample it is the mean over them. Labels that never differ have none.
"""

import numpy as np

from edgekit.core.tensor import Array, Arrays
from edgekit.core.values import values

NAME = "r2"
TASK = "regression"
UNIT = "value"
HIGHER_IS_BETTER = True


def contributions(outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
    """Return each sample's squared error, label and squared label, `(n, 3, values)`."""
    del inputs
    got, wanted = values(outputs[0], targets)
    # Labels far from zero would lose their variance to rounding.
    centred = wanted - wanted.mean(axis=0)
    return np.stack([(got - wanted) ** 2, centred, centred**2], axis=1)


def aggregate(contributions: Array, weights: Array) -> Array:
    """Return 1 - residual / variance, the mean over values `(b,)`."""
    total = weights.sum(axis=1, keepdims=True)
    residual, label, square = (weights @ contributions[:, i] / total for i in range(3))
    variance = square - label**2
    # Where all labels are the same, what rounding leaves is no variance.
    known = np.where(variance > 1e-12 * square.max(initial=0.0), variance, np.nan)
    return np.asarray((1 - residual / known).mean(axis=1))
