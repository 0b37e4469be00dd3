"""Outputs that are values: their errors, and how far a converted model's are from the float's."""

import math
from collections.abc import Iterator

import numpy as np

from edgekit.core.measurement import Metric
from edgekit.core.tensor import Array, Arrays
from edgekit.errors import DataError, RuntimeFailedError

CHUNK = 256


def values(outputs: Array, targets: Array | None) -> tuple[Array, Array]:
    """Return outputs and targets as `(n, k)` float64. Raises `DataError` where they do not fit."""
    if targets is None:
        raise DataError(
            "got no labels, expected a value for each sample",
            "give data with labels, floats (n,) or (n, values)",
        )
    if len(outputs) != len(targets) or outputs[0].size != targets[0].size:
        raise DataError(
            f"got outputs {outputs.shape} for labels {targets.shape}, expected as many values",
            "give data whose labels are what the model's first output should be",
        )
    n = len(outputs)
    return outputs.reshape(n, -1).astype(np.float64), targets.reshape(n, -1).astype(np.float64)


def squared_errors(outputs: Array, wanted: Array) -> Array:
    """Return each sample's mean squared difference, `(n,)`; both arrays are `(n, ...)`.

    Raises `DataError` where the shapes differ. Large arrays are read a chunk at a time.
    """
    if outputs.shape != wanted.shape:
        raise DataError(
            f"got outputs {outputs.shape} for inputs {wanted.shape}, expected the same shape",
            "a reconstruction gives back its first input; else set another task in the card",
        )
    return np.concatenate([(_rows(d) ** 2).mean(axis=1) for d in _differences(outputs, wanted)])


def differences(outputs: Arrays, reference: Arrays) -> tuple[Metric, ...]:
    """Return how far all outputs of a converted model are from the float model's.

    `max_abs_difference`, and `snr`: the float outputs' power over that of the difference, in dB, of
    the worst output. Equal outputs, and a float output of nothing but zeros, have no such ratio.
    Raises `DataError` where the shapes differ, `RuntimeFailedError` for values that are not finite.
    """
    if [mine.shape for mine in outputs] != [theirs.shape for theirs in reference]:
        shapes = " and ".join(str([each.shape for each in some]) for some in (outputs, reference))
        raise DataError(f"got outputs {shapes} of the file and its float model, expected the same")
    n, largest, ratios = len(outputs[0]), 0.0, []
    for i, (mine, theirs) in enumerate(zip(outputs, reference, strict=True)):
        signal = noise = 0.0
        for start, difference in enumerate(_differences(mine, theirs)):
            rows = theirs[start * CHUNK : (start + 1) * CHUNK].astype(np.float64)
            if not np.isfinite(difference).all():
                raise RuntimeFailedError(f"got values that are not finite in output {i}")
            largest = max(largest, float(np.abs(difference).max(initial=0.0)))
            signal, noise = signal + float((rows**2).sum()), noise + float((difference**2).sum())
        if signal and noise:
            ratios.append((10 * math.log10(signal / noise), i))
    found = [Metric(name="max_abs_difference", value=largest, unit="value", n=n)]
    if ratios:
        ratio, i = min(ratios)
        which = f"output {i}" if len(outputs) > 1 else ""
        found.append(Metric(name="snr", value=ratio, unit="dB", n=n, detail=which))
    return tuple(found)


def _differences(outputs: Array, wanted: Array) -> Iterator[Array]:
    for start in range(0, len(outputs), CHUNK):
        chosen = slice(start, start + CHUNK)
        yield outputs[chosen].astype(np.float64) - wanted[chosen]


def _rows(array: Array) -> Array:
    return array.reshape(len(array), -1)
