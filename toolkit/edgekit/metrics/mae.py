"""Mean absolute error, over samples and over the values of each."""

import numpy as np

from edgekit.core.tensor import Array, Arrays
from edgekit.core.values import values

NAME = "mae"
TASK = "regression"
UNIT = "value"
HIGHER_IS_BETTER = False


def contributions(outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
    """Return each sample's mean absolute error `(n,)`."""
    del inputs
    got, wanted = values(outputs[0], targets)
    return np.asarray(np.abs(got - wanted).mean(axis=1))
