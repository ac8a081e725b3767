"""Restricted cubic splines for a dose-response curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from oatmill.survival._arrays import Floats
from oatmill.survival._checks import as_floats, as_weights
from oatmill.survival.errors import SurvivalError

KNOT_SHARES = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.50, 0.725, 0.95),
}
"""Harrell's default quantiles by number of knots."""


def default_knots(x: ArrayLike, weights: ArrayLike | None = None, n: int = 4) -> Floats:
    """Knots at Harrell's quantiles of x.

    Parameters
    ----------
    x : array_like of float, shape (m,)
        Exposure, for instance mg per day.
    weights : array_like of float, shape (m,), optional
        Frequency weights, for instance the days of each interval: knots by person-time. Whole-number weights give
        what repeating each value so many times would give.
    n : {3, 4, 5}
        Number of knots: 4 are placed at the 5th, 35th, 65th and 95th percentile.

    Returns
    -------
    ndarray of float, shape (n,), strictly increasing

    Raises
    ------
    SurvivalError
        ``unknown-option``, ``empty``, ``tied-knots`` (the values are too heaped for `n` different knots), and the
        codes of missing values and weights.

    Notes
    -----
    Time-varying data have one row per stretch of equal dose: without weights a client whose dose changes often would
    pull the knots towards the doses of unstable treatment.

    References
    ----------
    Harrell FE. Regression Modeling Strategies, 2nd ed. Springer 2015, section 2.4.6.
    """
    if n not in KNOT_SHARES:
        raise SurvivalError("unknown-option", f"The number of knots must be one of {sorted(KNOT_SHARES)}, not {n}.")
    values = as_floats(x, "x")
    if values.size == 0:
        raise SurvivalError("empty", "Knots need at least one value.")
    counts = np.ones(len(values)) if weights is None else as_weights(weights, len(values))
    knots = weighted_quantile(values, counts, np.array(KNOT_SHARES[n]))
    if (np.diff(knots) <= 0).any():
        raise SurvivalError("tied-knots", f"The values are too heaped for {n} knots: use fewer, or name the knots.")
    return knots


def weighted_quantile(x: Floats, weights: Floats, shares: Floats) -> Floats:
    """Quantiles (R's type 7) of x, each value counted `weights` times; ``Hmisc::wtd.quantile`` of type "quantile"."""
    order = np.argsort(x, kind="stable")
    values, reached = x[order], np.cumsum(weights[order])
    position = 1 + (reached[-1] - 1) * shares
    low = np.maximum(np.floor(position), 1.0)
    high = np.minimum(low + 1, reached[-1])
    pick = [values[np.minimum(np.searchsorted(reached, at, side="left"), len(values) - 1)] for at in (low, high)]
    return pick[0] + (position - low) * (pick[1] - pick[0])


def restricted_cubic_spline(x: ArrayLike, knots: ArrayLike) -> Floats:
    """Basis of a cubic spline that is linear below the first and above the last knot.

    Parameters
    ----------
    x : array_like of float, shape (m,)
        Exposure.
    knots : array_like of float, shape (k,)
        Strictly increasing, k >= 3.

    Returns
    -------
    ndarray of float, shape (m, k - 1)
        Column 0 is x itself; columns 1.. are Harrell's cubic terms divided by (last knot - first knot)^2, which puts
        all columns on the scale of x (``rms::rcs``, ``Hmisc::rcspline.eval(norm=2, inclx=TRUE)``).

    Raises
    ------
    SurvivalError
        ``too-few-knots``, ``knots-not-increasing`` and the codes of missing values.

    Notes
    -----
    Single coefficients of a spline mean nothing: report the curve against a reference value, and the joint test of
    the columns from 1 on for departure from a straight line.
    """
    values, at = as_floats(x, "x"), as_floats(knots, "knots")
    if at.ndim != 1 or len(at) < 3:
        raise SurvivalError("too-few-knots", "A restricted cubic spline needs at least three knots.")
    if (np.diff(at) <= 0).any():
        raise SurvivalError("knots-not-increasing", "Knots must increase strictly.")
    beyond = np.maximum(values[:, None] - at, 0.0) ** 3
    last, before_last = at[-1], at[-2]
    to_last, to_before_last = (last - at[:-2]) / (last - before_last), (before_last - at[:-2]) / (last - before_last)
    curved = beyond[:, :-2] - beyond[:, [-2]] * to_last + beyond[:, [-1]] * to_before_last
    return np.column_stack([values, curved / (last - at[0]) ** 2])
