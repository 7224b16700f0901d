"""From variances to intervals and p-values: Student's t where variance estimates of different degrees are added.

A mean over draws and items has the variance V_draws + V_items, estimated with D - 1 and G - 1 degrees of freedom (D draws,
G images). Satterthwaite gives the sum one number of degrees. With two or three draws that carry most of the variance his
interval is too narrow: an estimate with one or two degrees is often far too small, and then it also loses its say in the
degrees. So the quantile here is that of Cochran and Cox, the t quantiles of the parts weighted by their shares of the variance:

    t = (V_draws * t(D - 1) + V_items * t(G - 1)) / (V_draws + V_items)

The variance is the same, and so is the interval where one part is zero. docs/statistics.md has the coverage of both.
Source: Cochran and Cox, Experimental Designs, 2nd ed. 1957, section 4.14.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVEL = 0.95
# Smaller p-values are given as this one: nobody needs the difference, and quantiles stay finite.
SMALLEST_P = 1e-100

# (variance estimate, its degrees of freedom), independent of each other
Parts = Sequence[tuple[float, int]]


def combined_quantile(parts: Parts, level: float = LEVEL) -> float:
    """Cochran and Cox's two-sided quantile for the sum of `parts`; without any variance that of the fewest degrees."""
    return _combined(parts, (1 - level) / 2)


def equivalent_degrees(parts: Parts, level: float = LEVEL) -> float:
    """The degrees at which Student's t has the quantile of `combined_quantile`, so that tables can name one number."""
    from scipy.special import stdtridf

    bearing = [degrees for variance, degrees in parts if variance > 0]
    if len(bearing) < 2:
        return float(min(bearing or [degrees for _, degrees in parts]))
    found = float(stdtridf(0.5 + level / 2, combined_quantile(parts, level)))
    return min(max(found, float(min(bearing))), float(max(bearing)))


def p_value(value: float, parts: Parts) -> float:
    """The two-sided p-value of a true value of 0: the p at which the interval of level 1 - p ends at zero.

    So p < 0.05 exactly when the 95 % interval leaves zero out. Without any variance p is 1 for the value 0, and else
    2^(1 - G): what a sign test says of G images that all agree. Two images that agree prove nothing.
    """
    total = sum(variance for variance, _ in parts)
    if value == 0:
        return 1.0
    if total == 0:
        images = max(degrees for _, degrees in parts) + 1
        return max(2.0 ** (1 - images), SMALLEST_P)
    statistic = abs(value) / math.sqrt(total)
    bearing = [(variance, degrees) for variance, degrees in parts if variance > 0]
    if len(bearing) == 1:
        from scipy.special import stdtr

        return max(2 * float(stdtr(bearing[0][1], -statistic)), SMALLEST_P)
    low, high = math.log10(SMALLEST_P), 0.0
    if _combined(bearing, SMALLEST_P / 2) <= statistic:
        return SMALLEST_P
    while high - low > 1e-12:
        middle = (low + high) / 2
        if _combined(bearing, 10**middle / 2) > statistic:
            low = middle
        else:
            high = middle
    return 10**high


def _combined(parts: Parts, tail: float) -> float:
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return _tail_quantile(min(degrees for _, degrees in parts), tail)
    return sum(variance / total * _tail_quantile(degrees, tail) for variance, degrees in parts if variance > 0)


def _tail_quantile(degrees: float, tail: float) -> float:
    # scipy.special, not scipy.stats: the same function at a tenth of the import time. The lower tail keeps tiny p exact.
    from scipy.special import stdtrit

    return -float(stdtrit(degrees, tail))
