"""Aalen-Johansen: cumulative incidence of each way of leaving, the others competing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from oatmill.survival._arrays import Floats
from oatmill.survival._limits import Interval, confidence_limits
from oatmill.survival.curves import counts_of, increasing_days, require_enough_at_risk, survival_and_se
from oatmill.survival.day_tables import DayTable
from oatmill.survival.errors import SurvivalError


def aalen_johansen(table: DayTable, confidence: float = 0.95, interval: Interval = "log-log") -> pd.DataFrame:
    """Cumulative incidence of every cause of a day table.

    Parameters
    ----------
    table : DayTable
        From `count_by_day`, with delayed entry or not.
    confidence, interval
        As in `kaplan_meier`; the limits are on the scale of the cumulative incidence.

    Returns
    -------
    DataFrame
        One row per cause and day with an event (of any cause) or a censoring, sorted by cause and day, with the
        columns of `aalen_johansen_from_counts`.

    Notes
    -----
    Without delayed entry the standard errors are those that R prints for ``survfit(Surv(t, factor) ~ 1)``. With
    delayed entry R prints the infinitesimal jackknife, which is slightly different; here it is the Greenwood-type
    (delta) variance in both cases, so that one cause gives exactly 1 - Kaplan-Meier, standard error included.

    One minus the Kaplan-Meier curve of one cause, the others censored, is **not** this probability: it is always
    larger, and such curves add up to more than 1.

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141-150. Allignol A, Schumacher M, Beyersmann J. Biom J 2010;52:126-137.
    """
    moves = (table.any_event > 0) | (table.censored > 0)
    counts = (table.day[moves], table.at_risk[moves], table.events[moves])
    return aalen_johansen_from_counts(*counts, confidence=confidence, interval=interval)


def aalen_johansen_from_counts(
    day: ArrayLike,
    at_risk: ArrayLike,
    events: ArrayLike,
    *,
    confidence: float = 0.95,
    interval: Interval = "log-log",
) -> pd.DataFrame:
    """Cumulative incidence of counts by day, rounded ones included.

    Parameters
    ----------
    day : array_like of int, shape (m,)
        Days in increasing order.
    at_risk : array_like of float, shape (m,)
        Number at risk of every cause.
    events : array_like of float, shape (m, n_causes)
        Events of cause 1, 2, ...; a row adds up to at most `at_risk`.
    confidence, interval
        As in `kaplan_meier`.

    Returns
    -------
    DataFrame, m rows per cause
        day, cause, at_risk, events, cif, se, lower, upper. While `cif` is 0 so are `se` and the limits.

    Raises
    ------
    SurvivalError
        As `kaplan_meier_from_counts`.
    """
    days = increasing_days(day)
    risk, by_cause = counts_of(at_risk, len(days), "at_risk"), counts_of(events, len(days), "events")
    if by_cause.ndim != 2:
        raise SurvivalError("not-two-dimensional", "events must have one column per cause.")
    require_enough_at_risk(risk, by_cause.sum(axis=1))
    cif, se = incidence_and_se(risk, by_cause)
    blocks = []
    for k in range(by_cause.shape[1]):
        lower, upper = confidence_limits(cif[:, k], se[:, k], confidence, interval)
        counts = {"at_risk": np.asarray(at_risk), "events": np.asarray(events)[:, k]}
        estimates = {"cif": cif[:, k], "se": se[:, k], "lower": lower, "upper": upper}
        blocks.append(pd.DataFrame({"day": days, "cause": k + 1, **counts, **estimates}))
    return pd.concat(blocks, ignore_index=True)


def incidence_and_se(at_risk: Floats, events: Floats) -> tuple[Floats, Floats]:
    """Cumulative incidence and its Greenwood-type standard error, each of shape (m, n_causes).

    Notes
    -----
    With F the incidence of one cause, S the probability of no event, l the hazard of the cause, L of all causes, the
    events of day s move F(t) by S(s-) (e - E (F(t) - F(s)) / S(s)), e and E being the excess of the cause and of all
    causes over expectation, with multinomial variances. Squared, summed over s <= t and sorted by powers of F(t),
    that is three cumulative sums.
    """
    total = events.sum(axis=1)
    survival, _ = survival_and_se(at_risk, total)
    before = np.concatenate([[1.0], survival[:-1]])
    hazard = np.divide(events, at_risk[:, None], out=np.zeros_like(events), where=events > 0)
    cif = np.cumsum(before[:, None] * hazard, axis=0)
    inverse = np.divide(1.0, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    left = at_risk - total
    own = (before**2 * inverse)[:, None] * hazard * (1 - hazard)
    cross = (before * inverse)[:, None] * hazard
    both = np.divide(total * inverse, left, out=np.zeros_like(total), where=left > 0)[:, None]
    variance = np.cumsum(own + 2 * cross * cif + both * cif**2, axis=0)
    variance += -2 * cif * np.cumsum(cross + both * cif, axis=0) + cif**2 * np.cumsum(both, axis=0)
    return cif, np.sqrt(np.maximum(variance, 0.0))
