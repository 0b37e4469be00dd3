"""Intervals: exact for proportions and their paired differences, by resampling for the rest."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from edgekit.core.tensor import Array

# The 0.975 quantile of the standard normal distribution: two-sided 95 %.
Z_95 = 1.959963984540054

RESAMPLES = 1000
SEED = 0
BOOTSTRAP = f"expanded percentile bootstrap over samples, 95 %, {RESAMPLES} resamples, seed {SEED}"

# Fewer samples than this say too little of their own spread to be resampled.
MIN_RESAMPLED = 10

# How many counts are held at a time: 8 MB of float64.
BLOCK = 1_000_000


class Interval(NamedTuple):
    """A point estimate with its two-sided 95 % confidence bounds."""

    value: float
    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Return the Wilson score interval of `successes / n`.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209. With n = 0 nothing is known: (0, 1).
    """
    if n == 0:
        return Interval(math.nan, 0.0, 1.0)
    p, z2 = successes / n, Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)))


def paired_drop(right_to_wrong: int, wrong_to_right: int, n: int) -> Interval:
    """Return the drop of a success rate over `n` pairs: `(right_to_wrong - wrong_to_right) / n`.

    The bounds are Bonett and Price's adjusted Wald interval for paired proportions (J. Educ. Behav.
    Stat. 37 (2012) 479), which keeps its coverage when flips are few; no flips still leave width.
    """
    if n == 0:
        return Interval(math.nan, -1.0, 1.0)
    lost, won = (right_to_wrong + 1) / (n + 2), (wrong_to_right + 1) / (n + 2)
    half = Z_95 * math.sqrt((lost + won - (lost - won) ** 2) / (n + 2))
    centre, value = lost - won, (right_to_wrong - wrong_to_right) / n
    return Interval(
        value, min(value, max(-1.0, centre - half)), max(value, min(1.0, centre + half))
    )


def samples_to_tell(flip_rate: float, margin: float) -> int:
    """Return about how many pairs would shrink the interval of a drop to a half-width of `margin`.

    Normal approximation, n = z² · flip_rate / margin²; at least the rule of three's 3 / margin.
    """
    if margin <= 0:
        return 0
    return math.ceil(max(Z_95**2 * flip_rate / margin**2, 3 / margin))


def bootstrap(statistic: Callable[[Array], Array], n: int) -> Array:
    """Return `statistic` of `RESAMPLES` seeded resamples of `n` samples: `(RESAMPLES, columns)`.

    `statistic` takes `(b, n)` float64, how often each sample was drawn into each of `b` resamples,
    and returns `(b, columns)`; not-a-number where a resample has no figure. Below `MIN_RESAMPLED`
    samples there are no resamples, `(0, columns)`.
    """
    if n < MIN_RESAMPLED:
        return statistic(np.ones((1, n)))[:0]
    rng, rows, found = np.random.default_rng(SEED), max(1, BLOCK // n), []
    for start in range(0, RESAMPLES, rows):
        b = min(rows, RESAMPLES - start)
        drawn = rng.integers(0, n, (b, n)) + n * np.arange(b)[:, None]
        found.append(statistic(np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n) * 1.0))
    return np.concatenate(found)


def percentile(value: float, draws: Array, n: int, room: float = 0.0) -> Interval | None:
    """Return `value` with the middle 95 % of `draws` as its bounds; None where there are none.

    For `n` samples the middle is taken so much wider as Student's interval is than the normal one:
    Hesterberg's expanded percentiles (Am. Stat. 69 (2015) 371). Plain ones are too narrow for few.
    The bounds are at least `room` away from the value: where no draw differs, as when every sample
    was right, resampling alone would call the figure certain.
    """
    known = draws[np.isfinite(draws)]
    if not len(known):
        return None
    tail = _expanded_tail(n)
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(value, min(float(low), value - room), max(float(high), value + room))


def _expanded_tail(n: int) -> float:
    """Return the share of resamples to leave out on either side."""
    z, free = Z_95, n - 1
    # Student's quantile by its Cornish-Fisher expansion, good to 0.2 % from 9 degrees of freedom.
    t = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    return 0.5 * math.erfc(math.sqrt(n / free) * t / math.sqrt(2))
