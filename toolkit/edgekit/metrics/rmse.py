"""Root of the mean squared error, over samples and over the values of each."""

import numpy as np

from edgekit.core.scoring import mean
from edgekit.core.tensor import Array, Arrays
from edgekit.core.values import values

NAME = "rmse"
TASK = "regression"
UNIT = "value"
HIGHER_IS_BETTER = False


def contributions(outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
    """Return each sample's mean squared error `(n,)`."""
    del inputs
    got, wanted = values(outputs[0], targets)
    return np.asarray(((got - wanted) ** 2).mean(axis=1))


def aggregate(contributions: Array, weights: Array) -> Array:
    """Return the root of the mean `(b,)`."""
    return np.asarray(np.sqrt(mean(contributions, weights)))
