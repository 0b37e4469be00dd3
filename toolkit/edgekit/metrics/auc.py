"""Area under the ROC curve of anomaly scores: labels are 0 for normal and 1 for an anomaly.

The score is the mean squared error between first input and first output where these have the same
shape, else the output itself, one number per sample. Equal scores count half.
"""

import numpy as np

from edgekit.core.tensor import Array, Arrays
from edgekit.core.values import squared_errors
from edgekit.errors import DataError

NAME = "auc"
TASK = "anomaly"
UNIT = "fraction"
HIGHER_IS_BETTER = True


def contributions(outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
    """Return each sample's score and label `(n, 2)`."""
    scores = _scores(outputs[0], inputs[0])
    if targets is None or targets.shape != scores.shape or set(np.unique(targets)) != {0, 1}:
        got = "no labels" if targets is None else f"labels {np.unique(targets)[:5]} {targets.shape}"
        raise DataError(
            f"got {got}, expected 0 for normal and 1 for an anomaly, some of both",
            "give labels (n,), and name normal samples' class first in the card's labels",
        )
    return np.column_stack([scores, targets])


def aggregate(contributions: Array, weights: Array) -> Array:
    """Return how often an anomaly scores above a normal sample `(b,)`, over weighted pairs."""
    _, rank = np.unique(contributions[:, 0], return_inverse=True)
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))
    drawn, is_anomaly = weights[:, order], contributions[order, 1]
    anomalies = np.add.reduceat(drawn * is_anomaly, starts, axis=1)
    normal = np.add.reduceat(drawn * (1 - is_anomaly), starts, axis=1)
    below = np.cumsum(normal, axis=1) - normal / 2
    pairs = anomalies.sum(axis=1) * normal.sum(axis=1)
    return np.asarray((anomalies * below).sum(axis=1) / np.where(pairs > 0, pairs, np.nan))


def support(contributions: Array) -> int:
    """Return how many samples the rarer label has."""
    anomalies = int(contributions[:, 1].sum())
    return min(anomalies, len(contributions) - anomalies)


def _scores(outputs: Array, inputs: Array) -> Array:
    if outputs.shape == inputs.shape:
        return squared_errors(outputs, inputs)
    if outputs[0].size == 1:
        return outputs.reshape(len(outputs)).astype(np.float64)
    raise DataError(
        f"got outputs {outputs.shape} for inputs {inputs.shape}, expected the same shape or one "
        "score for each sample"
    )
