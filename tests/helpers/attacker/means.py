"""Which numbers of clients a published mean or person-time leaves possible.

A mean is published on a grid, a power of ten that the spread and the number of clients decide. So the grid, the
rounded standard deviation and the rounded standard error each say something about the number of clients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from helpers.attacker.rounding import Range

_MOST = 2000  # larger numbers of clients are not looked for


def clients_behind_ages(mean: Mapping[str, str], sd: Mapping[str, str], low: int, high: int) -> Range:
    """The smallest and the largest number of clients, within these, that would have been published like this."""
    if high > _MOST or not (mean["se"] and sd["se"]):  # without an error the spread says nothing of the number
        return low, high
    told = [float(text) for text in (mean["estimate"], mean["se"], sd["estimate"], sd["se"])]
    possible = [n for n in range(low, high + 1) if _would_show(n, *told)]
    return (min(possible), max(possible)) if possible else (low, high)


def _would_show(n: int, mean: float, mean_se: float, sd: float, sd_se: float) -> bool:
    """Whether some standard deviation and some whole sum of ages give these four published numbers."""
    spread = np.unique(np.concatenate([np.linspace(max(sd - half, 1e-3), sd + half, 401) for half in (5, 0.5, 0.05)]))
    grid_mean, grid_sd = _power(spread / n), _power(spread / np.sqrt(2) / n)
    fits = (
        np.isclose(_to(spread, grid_sd), sd)
        & np.isclose(_to(spread / np.sqrt(2 * n), grid_sd), sd_se)
        & np.isclose(_to(spread / np.sqrt(n), grid_mean), mean_se)
        & np.isclose(_to(mean, grid_mean), mean)
    )
    return any(_has_whole_sum(n, mean, grid) for grid in np.unique(grid_mean[fits]))


def _has_whole_sum(n: int, mean: float, grid: float) -> bool:
    nearest = np.arange(-1, 2) + np.round(mean * n)
    return bool((np.abs(nearest / n - mean) <= grid / 2 * (1 + 1e-6)).any())


def person_days(text: str, longest: int, base: int) -> Range:
    """The client-days behind published person-years: they are no finer than a class of clients in the longest period."""
    half = base * longest / 2
    days = float(text) * 365.25
    return max(math.ceil(days - half - 1e-3), 0), math.floor(days + half + 1e-3)


def _power(size: np.ndarray) -> np.ndarray:
    return 10.0 ** np.ceil(np.log10(size))


def _to(values: np.ndarray | float, grid: np.ndarray | float) -> np.ndarray:
    return np.round(values / grid) * grid
