"""Top-1 accuracy: how often the highest score is the label's."""

from edgekit.core.accuracy import within_top
from edgekit.core.tensor import Array, Arrays

NAME = "accuracy"
TASK = "classification"
UNIT = "fraction"
HIGHER_IS_BETTER = True


def contributions(outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
    """Return whether each of the scores `(n, classes)` is right."""
    del inputs
    return within_top(outputs[0], targets, 1)
