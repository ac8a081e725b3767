"""Intervals -> counts by day: all that a survival curve needs to know about the people behind it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival._checks import as_weights, as_whole_numbers, check_intervals
from oatmill.survival.errors import SurvivalError

LARGEST_CAUSE = 1000


@dataclass(frozen=True, eq=False)
class DayTable:
    """Counts on days 1..D, where D is the last day on which anybody is at risk.

    Attributes
    ----------
    day : ndarray of int, shape (D,)
        1, 2, ..., D.
    at_risk : ndarray, shape (D,)
        Number with start < day <= stop. People whose event or censoring falls on the day are at risk on it; people who
        enter with start = day are not.
    events : ndarray, shape (D, n_causes)
        Column k - 1 counts the events of cause k whose stop is the day.
    censored : ndarray, shape (D,)
        Number whose interval stops on the day without an event.
    entries : ndarray, shape (D,)
        Number first at risk on the day (start = day - 1).

    Notes
    -----
    Counts are integers, or floats where the intervals were weighted.
    """

    day: Integers
    at_risk: NDArray[Any]
    events: NDArray[Any]
    censored: NDArray[Any]
    entries: NDArray[Any]

    @property
    def n_causes(self) -> int:
        """Number of event causes, those without an event included."""
        return self.events.shape[1]

    @property
    def last_day(self) -> int:
        """Last day on which anybody is at risk."""
        return len(self.day)

    @property
    def any_event(self) -> NDArray[Any]:
        """Events of all causes together, shape (D,)."""
        return self.events.sum(axis=1)

    def keep_causes(self, causes: Collection[int]) -> DayTable:
        """Count the events of all other causes as censored.

        Parameters
        ----------
        causes : collection of int
            Cause codes to keep, 1..n_causes; their columns keep their places.

        Raises
        ------
        SurvivalError
            ``bad-event-code`` for a code outside 1..n_causes.
        """
        if unknown := sorted(set(causes) - set(range(1, self.n_causes + 1))):
            raise SurvivalError("bad-event-code", f"No such cause: {unknown}; the table has 1 to {self.n_causes}.")
        kept = np.isin(np.arange(1, self.n_causes + 1), list(causes))
        dropped = self.events[:, ~kept].sum(axis=1)
        return replace(self, events=self.events * kept, censored=self.censored + dropped)


def count_by_day(
    stop: ArrayLike,
    event: ArrayLike,
    start: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_causes: int | None = None,
) -> DayTable:
    """Count people at risk, events, censorings and entries on every day.

    Parameters
    ----------
    stop : array_like of int, shape (n,)
        Last day at risk of the interval (start, stop], in days.
    event : array_like of int, shape (n,)
        What happens on `stop`: 0 = censored, 1, 2, ... = cause.
    start : array_like of int, shape (n,), optional
        Day before the first day at risk (delayed entry); 0 for all when left out.
    weights : array_like of float, shape (n,), optional
        Frequency weights: a row of weight 2 counts as two people.
    n_causes : int, optional
        Number of causes, when a cause may have no event; default the largest code found (at least 1).

    Returns
    -------
    DayTable

    Raises
    ------
    SurvivalError
        ``empty``, ``length-mismatch``, ``missing-values``, ``not-whole-numbers``, ``negative-day``,
        ``interval-order``, ``day-out-of-range``, ``bad-event-code``, ``bad-weights``.

    Examples
    --------
    Three people: one leaves on day 2, one is censored on day 2, one enters late and leaves on day 3.

    >>> table = count_by_day(stop=[2, 2, 3], event=[1, 0, 1], start=[0, 0, 1])
    >>> table.at_risk
    array([2, 3, 1])
    >>> table.any_event
    array([0, 1, 1])

    Notes
    -----
    One pass of counting and one reverse cumulative sum; nothing is sorted.

    A person cut into two rows, (0, 5] and (5, 9], is at risk on the same days as before, so curves and tests do not
    change, but the inner cut is counted in `censored` and `entries`. Follow-up (`follow_up`) reads `censored`: give
    it one row per person.
    """
    first, last, codes = check_intervals(start, stop, event)
    case_weights = None if weights is None else as_weights(weights, len(last))
    size = int(last.max()) + 1
    causes = _number_of_causes(codes, n_causes)
    ended = _tally(codes * size + last, case_weights, (causes + 1) * size).reshape(causes + 1, size)
    entered = _tally(first, case_weights, size)
    leaving, entering = ended[:, 1:].sum(axis=0), entered[:-1]
    return DayTable(
        day=np.arange(1, size, dtype=np.int64),
        at_risk=_still_at_risk(leaving, entered),
        events=np.ascontiguousarray(ended[1:, 1:].T),
        censored=ended[0, 1:],
        entries=entering,
    )


def at_risk_on(table: DayTable, days: ArrayLike) -> NDArray[Any]:
    """Number at risk on the given days, as printed under a curve.

    Parameters
    ----------
    table : DayTable
    days : array_like of int, shape (m,)
        Days >= 0. Day 0 is answered with day 1, the day on which those with start 0 are first at risk.

    Returns
    -------
    ndarray, shape (m,)
        Zero after the last day of the table.
    """
    wanted = np.maximum(as_whole_numbers(np.atleast_1d(np.asarray(days)), "days"), 1)
    inside = wanted <= table.last_day
    return np.where(inside, table.at_risk[np.minimum(wanted, table.last_day) - 1], 0)


def _number_of_causes(codes: Integers, declared: int | None) -> int:
    found = max(int(codes.max()), 1)
    if found > LARGEST_CAUSE:
        raise SurvivalError("bad-event-code", f"event code {found} is not a cause: use 1, 2, ... and 0 for censored.")
    if declared is not None and declared < found:
        raise SurvivalError("bad-event-code", f"event code {found} found, but only {declared} causes were declared.")
    return found if declared is None else declared


def _tally(keys: Integers, weights: Floats | None, size: int) -> NDArray[Any]:
    return np.bincount(keys, weights=weights, minlength=size)


def _still_at_risk(leaving: NDArray[Any], entered: NDArray[Any]) -> NDArray[Any]:
    """Subtract (start on the day or later) from (stop on it or later), both summed from the last day backwards."""
    stop_on_or_after = leaving[::-1].cumsum()[::-1]
    start_on_or_after = entered[:0:-1].cumsum()[::-1]
    at_risk = stop_on_or_after - start_on_or_after
    if at_risk.dtype.kind == "i":
        return at_risk
    rounding = 1e-12 * stop_on_or_after[0]  # weights: 0.3 - 0.1 - 0.2 is not 0, and the last event must end the curve
    return np.where(at_risk - leaving < rounding, leaving, at_risk)
