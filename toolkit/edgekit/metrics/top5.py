"""Top-5 accuracy: how often the label is among the five highest scores."""

from edgekit.core.accuracy import within_top
from edgekit.core.tensor import Array, Arrays

NAME = "top5"
TASK = "classification"
UNIT = "fraction"
HIGHER_IS_BETTER = True


def contributions(outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
    """Return whether each of the scores `(n, classes)` has its label among its five best."""
    del inputs
    return within_top(outputs[0], targets, 5)
