"""The log-rank test on day tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from oatmill.survival._arrays import Floats
from oatmill.survival.day_tables import DayTable
from oatmill.survival.errors import SurvivalError


@dataclass(frozen=True, eq=False)
class LogRank:
    """Result of `log_rank`.

    Attributes
    ----------
    statistic, p_value : float
        Chi-squared statistic and its upper tail probability.
    df : int
        Number of groups in which an event could be expected, minus 1.
    observed, expected : ndarray of float, shape (k,)
        Events in each group, and those expected if all groups shared one hazard.
    """

    statistic: float
    df: int
    p_value: float
    observed: Floats
    expected: Floats


def log_rank(tables: Sequence[DayTable]) -> LogRank:
    """Compare the event rates of k groups of people.

    Parameters
    ----------
    tables : sequence of DayTable, length k >= 2
        One per group, from `count_by_day`; delayed entry is allowed. All causes are events: for one cause use
        ``table.keep_causes([1])``.

    Returns
    -------
    LogRank

    Raises
    ------
    SurvivalError
        ``too-few-groups``, ``no-events``, ``no-comparison`` (never two groups at risk on an event day).

    Notes
    -----
    As ``survdiff`` in R: on a day with d events among n at risk the counts are hypergeometric, so ties need no
    correction.

    References
    ----------
    Mantel N. Cancer Chemother Rep 1966;50:163-170. Peto R, Peto J. J R Stat Soc A 1972;135:185-207.
    """
    if len(tables) < 2:
        raise SurvivalError("too-few-groups", f"The log-rank test compares two groups or more; {len(tables)} given.")
    at_risk, events = _aligned(tables)
    if not events.any():
        raise SurvivalError("no-events", "There is no event in any group.")
    on_event_days = events.sum(axis=1) > 0
    observed, expected, variance = _moments(at_risk[on_event_days], events[on_event_days])
    statistic, df = _chi_squared(observed, expected, variance)
    return LogRank(statistic, df, float(stats.chi2.sf(statistic, df)), observed, expected)


def _aligned(tables: Sequence[DayTable]) -> tuple[Floats, Floats]:
    """At risk and events, each of shape (days, groups), on the days of the longest table."""
    at_risk = np.zeros((max(table.last_day for table in tables), len(tables)))
    events = np.zeros_like(at_risk)
    for group, table in enumerate(tables):
        at_risk[: table.last_day, group] = table.at_risk
        events[: table.last_day, group] = table.any_event
    return at_risk, events


def _moments(at_risk: Floats, events: Floats) -> tuple[Floats, Floats, Floats]:
    n, d = at_risk.sum(axis=1), events.sum(axis=1)
    share = at_risk / n[:, None]
    spread = np.divide(d * (n - d), n - 1, out=np.zeros_like(n), where=n > 1)
    expected = d @ share
    variance = np.diag(spread @ share) - (share * spread[:, None]).T @ share
    return events.sum(axis=0), expected, variance


def _chi_squared(observed: Floats, expected: Floats, variance: Floats) -> tuple[float, int]:
    compared = np.flatnonzero(expected > 0)
    free = compared[:-1]  # the differences add up to 0, so one group is redundant
    difference, covariance = (observed - expected)[free], variance[np.ix_(free, free)]
    if not len(free) or np.linalg.matrix_rank(covariance) < len(free):
        raise SurvivalError("no-comparison", "On no event day were people of different groups at risk together.")
    return float(difference @ np.linalg.solve(covariance, difference)), len(free)
