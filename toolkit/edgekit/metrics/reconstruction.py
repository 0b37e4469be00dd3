"""Mean squared error between a model's first input and its first output."""

from edgekit.core.tensor import Array, Arrays
from edgekit.core.values import squared_errors

NAME = "reconstruction"
TASK = "reconstruction"
UNIT = "value"
HIGHER_IS_BETTER = False


def contributions(outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
    """Return each sample's mean squared error `(n,)`."""
    del targets
    return squared_errors(outputs[0], inputs[0])
