"""Which numbers of clients a published mean or person-time leaves possible."""

from __future__ import annotations

import numpy as np
from helpers.attacker.rounding import Range

_MOST = 2000  # larger numbers of clients are not looked for


def clients_behind_ages(mean: str, low: int, high: int) -> Range:
    """The smallest and the largest number of clients, within these, of whom some whole sum of ages has this mean.

    The grid follows from the released number of clients and the spread, so it tells nothing itself.
    """
    if high > _MOST:
        return low, high
    grid = 10.0 ** -len(mean.partition(".")[2]) if float(mean) % 10 else 10.0
    possible = [n for n in range(max(low, 1), high + 1) if _has_whole_sum(n, float(mean), grid)]
    return (min(possible), max(possible)) if possible else (low, high)


def _has_whole_sum(n: int, mean: float, grid: float) -> bool:
    nearest = np.arange(-1, 2) + np.round(mean * n)
    return bool((np.abs(nearest / n - mean) <= grid / 2 * (1 + 1e-6)).any())
