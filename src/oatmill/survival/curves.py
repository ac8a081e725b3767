"""Kaplan-Meier: the probability of still being in treatment after each day."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival._checks import as_floats, as_whole_numbers, require_length
from oatmill.survival._limits import Interval, confidence_limits
from oatmill.survival.day_tables import DayTable
from oatmill.survival.errors import SurvivalError


def kaplan_meier(table: DayTable, confidence: float = 0.95, interval: Interval = "log-log") -> pd.DataFrame:
    """Kaplan-Meier curve of a day table; every cause is an event.

    Parameters
    ----------
    table : DayTable
        From `count_by_day`, with delayed entry or not. To censor some causes: ``table.keep_causes([1])``.
    confidence : float
        Two-sided level of the pointwise limits.
    interval : {"log-log", "log", "plain"}
        Scale of the limits; R's own default is "log", oatmill's is "log-log".

    Returns
    -------
    DataFrame
        One row per day with an event or a censoring (as R prints them), with the columns of
        `kaplan_meier_from_counts`.

    Notes
    -----
    `survival` on day t is the probability that the event comes **after** day t: events of day t are in it.

    Where everybody who had entered by an early day leaves, the curve falls to 0 and stays there, although others enter
    later: with delayed entry look at the first days of `at_risk` before believing a curve.

    References
    ----------
    Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481. Greenwood M. The natural duration of cancer. HMSO 1926.
    """
    moves = (table.any_event > 0) | (table.censored > 0)
    counts = (table.day[moves], table.at_risk[moves], table.any_event[moves], table.censored[moves])
    return kaplan_meier_from_counts(*counts, confidence=confidence, interval=interval)


def kaplan_meier_from_counts(
    day: ArrayLike,
    at_risk: ArrayLike,
    events: ArrayLike,
    censored: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    interval: Interval = "log-log",
) -> pd.DataFrame:
    """Kaplan-Meier curve of counts by day, rounded ones included.

    Parameters
    ----------
    day : array_like of int, shape (m,)
        Days in increasing order.
    at_risk, events : array_like of float, shape (m,)
        Number at risk and number of events; ``0 <= events <= at_risk``.
    censored : array_like of float, shape (m,), optional
        Copied into the result; zero when left out.
    confidence, interval
        As in `kaplan_meier`.

    Returns
    -------
    DataFrame
        day, at_risk, events, censored, survival, se, lower, upper. `se` is Greenwood's standard error of `survival`
        itself (not of its logarithm). Where `survival` is 0, `se` and the limits are NaN, as in R.

    Raises
    ------
    SurvivalError
        ``days-not-increasing``, ``more-events-than-at-risk``, ``negative-count``, ``empty``, ``length-mismatch`` and
        the codes of missing or non-numeric input.
    """
    days = increasing_days(day)
    risk, falls = counts_of(at_risk, len(days), "at_risk"), counts_of(events, len(days), "events")
    require_enough_at_risk(risk, falls)
    gone = np.zeros(len(days)) if censored is None else counts_of(censored, len(days), "censored")
    survival, se = survival_and_se(risk, falls)
    lower, upper = confidence_limits(survival, se, confidence, interval)
    counts = {"at_risk": at_risk, "events": events, "censored": gone if censored is None else censored}
    curve = pd.DataFrame({"day": days} | {name: np.asarray(column) for name, column in counts.items()})
    return curve.assign(survival=survival, se=se, lower=lower, upper=upper)


def follow_up(table: DayTable, confidence: float = 0.95, interval: Interval = "log-log") -> pd.DataFrame:
    """Reverse Kaplan-Meier: the probability of still being under observation after each day.

    Censoring is the event and events are censored. ``quantile(follow_up(table), 0.5)`` is the median follow-up.

    Parameters
    ----------
    table : DayTable
        One row per person: an interval that was cut in two would count as a loss (see `count_by_day`).
    confidence, interval
        As in `kaplan_meier`.

    Returns
    -------
    DataFrame
        As `kaplan_meier`, where `events` counts the censored and `censored` the events.

    Notes
    -----
    As ``survfit(Surv(time, status == 0) ~ 1)`` in R: people whose event falls on a day are still at risk of being
    censored on it.

    References
    ----------
    Schemper M, Smith TL. Control Clin Trials 1996;17:343-346.
    """
    moves = (table.any_event > 0) | (table.censored > 0)
    counts = (table.day[moves], table.at_risk[moves], table.censored[moves], table.any_event[moves])
    return kaplan_meier_from_counts(*counts, confidence=confidence, interval=interval)


def survival_and_se(at_risk: Floats, events: Floats) -> tuple[Floats, Floats]:
    """Product-limit estimate and Greenwood's standard error of it; the standard error is NaN where the estimate is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        stay = np.where(events > 0, 1 - events / at_risk, 1.0)
        variance_of_log = np.cumsum(np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0))
    survival = np.cumprod(stay)
    with np.errstate(invalid="ignore"):
        se = np.where(survival > 0, survival * np.sqrt(variance_of_log), np.nan)
    return survival, se


def increasing_days(day: ArrayLike) -> Integers:
    """Return `day` as int64, refusing an empty column or one that does not increase strictly."""
    days = as_whole_numbers(day, "day")
    if len(days) == 0:
        raise SurvivalError("empty", "There is no day: at least one row of counts is needed.")
    if (np.diff(days) <= 0).any():
        raise SurvivalError("days-not-increasing", "day must increase strictly from row to row.")
    return days


def counts_of(values: ArrayLike, n: int, name: str) -> Floats:
    """Return counts as float64, refusing negative ones and a wrong number of rows."""
    counts = as_floats(values, name)
    require_length(counts, n, name)
    if counts.size and counts.min() < 0:
        raise SurvivalError("negative-count", f"{name} must not be negative.")
    return counts


def require_enough_at_risk(at_risk: Floats, events: Floats) -> None:
    """Refuse a day with more events than people at risk."""
    if bad := int(np.count_nonzero(events > at_risk)):
        raise SurvivalError("more-events-than-at-risk", f"events exceed at_risk in {bad} of {len(events)} rows.")
