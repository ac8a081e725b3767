"""In which years, and in which Decembers, each client had a dose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from oatmill.episodes.calendar import SiteCalendar
from oatmill.episodes.log import Ints, Rows, map_rows, pack
from oatmill.episodes.spells import covered_until

LAST_MONTH = 12


def build_client_years(doses: Path, exits: pd.DataFrame | None, calendar: SiteCalendar) -> pd.DataFrame:
    """One row per client and calendar year with a covered day up to C: client, year, december."""
    parts = map_rows(lambda rows: client_years(rows, exits, calendar.data_cut), doses, calendar.data_cut)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["client", "year", "december"])


def client_years(rows: Rows, exits: pd.DataFrame | None, data_cut: int) -> pd.DataFrame:
    """One row per client and calendar year with a covered day: client, year, december (whether a day of December is covered).

    Examples
    --------
    A dose on 28 November with 3 days to take home covers 1 December.
    """
    until = covered_until(rows, exits, data_cut)
    (first, _month), (last, month) = _year_and_month(rows.day), _year_and_month(until)
    spans = last - first + 1
    row = np.repeat(np.arange(len(rows)), spans)
    year = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(spans) - spans, spans)
    # A row that goes on into the next year has covered 31 December.
    december = (year < last[row]) | (month[row] == LAST_MONTH)
    key, of_key = np.unique(pack(rows.client[row], year, 0), return_inverse=True)
    any_december = np.bincount(of_key, weights=december) > 0
    return pd.DataFrame({"client": key >> 32, "year": key & 0xFFFFFFFF, "december": any_december})


def last_day_of(year: int) -> int:
    """31 December, in days since 1970-01-01."""
    return int(np.datetime64(f"{year}-12-31", "D").astype(np.int64))


def year_of(day: Ints) -> Ints:
    return _year_and_month(day)[0]


def _year_and_month(day: Ints) -> tuple[Ints, Ints]:
    months = np.asarray(day, dtype="datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return 1970 + months // 12, months % 12 + 1
