"""Intervals for proportions, and for differences of proportions on the same samples."""

import math
from typing import NamedTuple

# The 0.975 quantile of the standard normal distribution: two-sided 95 %.
Z_95 = 1.959963984540054


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
