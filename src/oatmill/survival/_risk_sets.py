"""Risk sets of a Cox model as sums by stratum and event day."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from oatmill.survival._arrays import Floats, Integers


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Which event days each row is at risk on.

    A **cell** is one stratum on one day with an event; cells are sorted by stratum and day. A row is at risk in the
    cells ``first <= cell < last`` of its stratum.

    Attributes
    ----------
    first, last : ndarray of int, shape (n,)
        Per row, see above. A row with ``first == last`` is at risk on no event day.
    stratum : ndarray of int, shape (n,)
        Stratum code of each row, 0..n_strata - 1.
    event_row : ndarray of int, shape (n_events,)
        Rows with an event.
    event_cell : ndarray of int, shape (n_events,)
        The cell of each of these events.
    cell_stratum, cell_day : ndarray of int, shape (m,)
        Stratum code and day of each cell.
    bounds : ndarray of int, shape (n_strata + 1,)
        Cells of stratum s are ``bounds[s] <= cell < bounds[s + 1]``.
    delayed : bool
        Whether any row enters after an event day of its stratum.
    """

    first: Integers
    last: Integers
    stratum: Integers
    event_row: Integers
    event_cell: Integers
    cell_stratum: Integers
    cell_day: Integers
    bounds: Integers
    delayed: bool

    @property
    def n_cells(self) -> int:
        """Number of cells, m."""
        return len(self.cell_day)

    def sum_at_risk(self, values: Floats) -> Floats:
        """Sum row values over the people at risk in each cell.

        Parameters
        ----------
        values : ndarray of float, shape (n,) or (k, n)

        Returns
        -------
        ndarray of float, shape (m,) or (k, m)

        Notes
        -----
        Values are added on the last cell of a row and subtracted on the last cell before its first, then summed
        backwards within each stratum: backwards, so that small late risk sets are not differences of large numbers.
        """
        if values.ndim == 2:
            return np.stack([self.sum_at_risk(row) for row in values])
        n_strata = len(self.bounds) - 1
        size = self.n_cells + n_strata  # each stratum begins with a cell for "before its first event day"
        padded = np.bincount(self.last + self.stratum, values, size)
        if self.delayed:
            padded -= np.bincount(self.first + self.stratum, values, size)
        sums = np.empty(self.n_cells)
        for s in range(n_strata):
            begin, end = self.bounds[s], self.bounds[s + 1]
            sums[begin:end] = padded[begin + s + 1 : end + s + 1][::-1].cumsum()[::-1]
        return sums

    def sum_of_events(self, values: Floats) -> Floats:
        """Sum row values over the events in each cell; shapes as in `sum_at_risk`."""
        if values.ndim == 2:
            return np.stack([self.sum_of_events(row) for row in values])
        return np.bincount(self.event_cell, values[self.event_row], self.n_cells)

    def sum_over_cells(self, values: Floats) -> Floats:
        """Sum cell values over the cells in which each row is at risk; shape (m,) to (n,)."""
        reached = np.concatenate([[0.0], np.cumsum(values)])
        return reached[self.last] - reached[self.first]

    def keep_rows(self, kept: NDArray[np.bool_]) -> RiskSets:
        """Drop rows, none of which may have an event."""
        new_place = np.cumsum(kept) - 1
        rows = {name: getattr(self, name)[kept] for name in ("first", "last", "stratum")}
        return replace(self, event_row=new_place[self.event_row], **rows)


def build_risk_sets(start: Integers, stop: Integers, event: Integers, stratum: Integers, n_strata: int) -> RiskSets:
    """Build the risk sets of intervals (start, stop].

    Parameters
    ----------
    start, stop : ndarray of int, shape (n,)
        Checked days (see `check_intervals`).
    event : ndarray of int, shape (n,)
        1 = event on `stop`, 0 = censored.
    stratum : ndarray of int, shape (n,)
        Codes 0..n_strata - 1.
    n_strata : int
    """
    width = int(stop.max()) + 1
    key_stop, key_start = stratum * width + stop, stratum * width + start
    event_row = np.flatnonzero(event)
    cells = np.unique(key_stop[event_row])
    last = np.searchsorted(cells, key_stop, side="right")
    first = np.searchsorted(cells, key_start, side="right")
    bounds = np.searchsorted(cells, np.arange(n_strata + 1) * width)
    return RiskSets(
        first=first,
        last=last,
        stratum=stratum,
        event_row=event_row,
        event_cell=last[event_row] - 1,
        cell_stratum=cells // width,
        cell_day=cells % width,
        bounds=bounds,
        delayed=bool((first > bounds[stratum]).any()),
    )
