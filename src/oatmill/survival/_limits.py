"""Pointwise confidence limits of a probability, with R's conventions, and reading a step curve."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from scipy import stats

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival.errors import SurvivalError

Interval = Literal["log-log", "log", "plain"]


def normal_quantile(confidence: float) -> float:
    """Two-sided normal quantile, 1.96 for 0.95; refuses a level outside (0, 1)."""
    if not 0 < confidence < 1:
        raise SurvivalError("bad-confidence", f"confidence must lie between 0 and 1 (such as 0.95), not {confidence}.")
    return float(stats.norm.ppf(1 - (1 - confidence) / 2))


def confidence_limits(
    probability: Floats, se: Floats, confidence: float = 0.95, interval: Interval = "log-log"
) -> tuple[Floats, Floats]:
    """Return (lower, upper) limits of probabilities with standard error `se`.

    Parameters
    ----------
    probability, se : ndarray of float, shape (m,)
        Estimate and its standard error on the probability scale.
    confidence : float
        Two-sided level.
    interval : {"log-log", "log", "plain"}
        Scale on which the limits are symmetric: log(-log p), log p, or p.

    Returns
    -------
    lower, upper : ndarray of float, shape (m,)
        Within [0, 1]. NaN where `se` is NaN.

    Notes
    -----
    As ``survival:::survfit_confint``, with one difference: where the standard error is 0 (nothing has happened yet)
    both limits equal the estimate on every scale, while R prints NA for "log-log".
    """
    z = normal_quantile(confidence)
    if interval not in get_args(Interval):
        raise SurvivalError("unknown-option", f"interval must be one of {get_args(Interval)}, not {interval!r}.")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lower, upper = _limits(probability, se, z, interval)
    certain = se == 0
    lower, upper = np.where(certain, probability, lower), np.where(certain, probability, upper)
    return np.maximum(lower, 0.0), np.minimum(upper, 1.0)


def _limits(p: Floats, se: Floats, z: float, interval: Interval) -> tuple[Floats, Floats]:
    if interval == "plain":
        return p - z * se, p + z * se
    if interval == "log":
        return np.exp(np.log(p) - z * se / p), np.exp(np.log(p) + z * se / p)
    half = z * se / (p * np.log(p))  # negative, so that the first limit is the lower one
    centre = np.log(-np.log(p))
    return np.exp(-np.exp(centre - half)), np.exp(-np.exp(centre + half))


def last_step(days_of_steps: Integers, days: Integers) -> Integers:
    """Index of the last step on or before each day; -1 before the first step. Steps must be sorted by day."""
    return np.searchsorted(days_of_steps, days, side="right") - 1
