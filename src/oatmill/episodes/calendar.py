"""The site calendar: when each site's log begins and ends, and the days on which the log itself is missing.

Made once, from the whole log, before any split by client.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import duckdb
import numpy as np
import pandas as pd

from oatmill.episodes._kernels import count_site_days
from oatmill.episodes.log import Ints, pack, stream
from oatmill.study import Definitions

if TYPE_CHECKING:
    from oatmill.episodes.engines import EngineLog

MissingLog: TypeAlias = Literal["skip", "dose_free", "covered"]

MIN_CLIENTS_BEFORE = 5
DAYS_BEFORE = 7
MOST_SITE_DAYS = 50_000_000  # counted in memory; beyond, by DuckDB
_NO_DAY = np.iinfo(np.int32).max


@dataclass(frozen=True)
class SiteCalendar:
    """The log of each site.

    Arrays named `*_day` have one value per site in the order of `sites`, and one more at the end for rows without a
    site, so that the index -1 finds it. Days are days since 1970-01-01.

    Parameters
    ----------
    sites : site codes
    data_cut : C, the last day with complete logs
    first_day, last_day : of each site's log (`_NO_DAY` and its negative where the site has no row)
    cut_day : C of the clients last dosed at the site: `data_cut`, or the day before a missing log that lasts to it
    opened_day : opening day where it is known, else `_NO_DAY`
    run_site, run_start, run_end : runs of missing log before the site's `cut_day`, sorted by site and start
    missing_log : how their days count: "skip" (neither dose-free nor breaking a run; the rule), or one of its two
        bounds, "dose_free" and "covered"
    """

    sites: tuple[str, ...]
    data_cut: int
    first_day: Ints
    last_day: Ints
    cut_day: Ints
    opened_day: Ints
    run_site: Ints
    run_start: Ints
    run_end: Ints
    missing_log: MissingLog = "skip"

    @property
    def codes(self) -> np.ndarray:
        """Site codes as objects, with None at index -1."""
        return np.array([*self.sites, None], dtype=object)

    @property
    def missing_runs(self) -> pd.DataFrame:
        """One row per run of missing log: site, start_day, end_day, days (a run that lasts to C included)."""
        late = np.flatnonzero(self.cut_day < self.data_cut)
        site = np.append(self.run_site, np.where(late == len(self.sites), -1, late))
        start = np.append(self.run_start, self.cut_day[late] + 1)
        end = np.append(self.run_end, np.full(len(late), self.data_cut))
        frame = pd.DataFrame({"site": self.codes[site], "start_day": start, "end_day": end, "days": end - start + 1})
        return frame.iloc[np.lexsort((start, site))].reset_index(drop=True)

    def missing_between(self, site: Ints, first: Ints, last: Ints) -> Ints:
        """Missing-log days among `first` .. `last`, both included (0 where `last < first`)."""
        if not len(self.run_site) or not len(site):
            return np.zeros(len(site), dtype=np.int64)
        return np.where(last < first, 0, self._missing_up_to(site, last) - self._missing_up_to(site, first - 1))

    def uncounted_between(self, site: Ints, first: Ints, last: Ints) -> Ints:
        """Days among `first` .. `last` that do not count as dose-free for want of a log."""
        if self.missing_log != "skip":
            return np.zeros(len(site), dtype=np.int64)
        return self.missing_between(site, first, last)

    def analysis_day(self, gap_days: int) -> Ints:
        """A of each site: the latest day with `gap_days` days of log after it up to C (C - G where no log is missing)."""
        site = np.arange(len(self.cut_day))
        site[-1] = -1
        day = self.cut_day - gap_days
        while True:
            earlier = self.cut_day - gap_days - self.uncounted_between(site, day + 1, self.cut_day)
            if (earlier == day).all():
                return day
            day = earlier

    def known_day(self, site: Ints, last: Ints, gap_days: Ints | int) -> Ints:
        """The day on which the `gap_days`-th dose-free day after `last` is reached: the end is known from then on."""
        day = last + gap_days
        while True:
            later = last + gap_days + self.uncounted_between(site, last + 1, day)
            if (later == day).all():
                return day
            day = later

    @property
    def runs_of_sites(self) -> tuple[Ints, Ints, Ints]:
        """First run of each place in the calendar (and one past the last), first and last day of each run."""
        place = np.where(self.run_site < 0, len(self.sites), self.run_site)
        order = np.lexsort((self.run_start, place))
        first = np.searchsorted(place[order], np.arange(len(self.sites) + 2))
        return first, self.run_start[order], self.run_end[order]

    def _missing_up_to(self, site: Ints, day: Ints) -> Ints:
        """Missing-log days of the site up to `day`, plus those of all sites sorted before it (they cancel out)."""
        base = int(self.first_day.min()) - 1
        starts = pack(self.run_site + 1, self.run_start, base)
        total = np.append(0, np.cumsum(self.run_end - self.run_start + 1))
        n = np.searchsorted(starts, pack(site + 1, np.maximum(day, base), base), side="right")
        run = np.maximum(n - 1, 0)
        inside = (n > 0) & (self.run_site[run] == site)
        return total[n] - np.where(inside, np.maximum(self.run_end[run] - day, 0), 0)


def build_calendar(
    doses: Path,
    sites: Sequence[str],
    definitions: Definitions,
    opened: Mapping[str, int | dt.date] | None = None,
    *,
    missing_log: MissingLog = "skip",
    engine: EngineLog | None = None,
) -> SiteCalendar:
    """The calendar of every site's log.

    Parameters
    ----------
    doses : parquet of the dosing log
    sites : site codes; `site` in the log is an index into them
    definitions : `data_cut` and `closing_weekdays` are read
    opened : site code -> opening day (day number or date), where it is known
    missing_log : how days of missing log count (see `SiteCalendar`)
    engine : the same log at another engine, which then counts its rows

    Notes
    -----
    A run of days without any row of a site is *missing log* when at least 5 clients had a dose there in the 7 days
    before it; with fewer, the days are dose-free. A run begins on its first day that is no declared closing day, and
    closing days inside it belong to it (the take-home supply that covers them is missing too). Rows without a site
    are taken as one site. A site where many clients are supplied for a week on the same day looks like missing log
    on the days between: declare those weekdays closed.
    """
    codes = tuple(sites)
    with duckdb.connect() as connection:
        log = engine or _Counted(connection, doses, len(codes))
        cut = log.last_day() or 0 if definitions.data_cut is None else day_number(definitions.data_cut)
        site, day, n = log.site_days(cut)
        run_site, start, end = _runs(site, day, cut, definitions.closing_weekdays)
        keep = _enough_before(site, day, n, run_site, start)
        run_site, start, end = run_site[keep], start[keep], end[keep]
        keep = log.clients_before(run_site, start) >= MIN_CLIENTS_BEFORE
        run_site, start, end = run_site[keep], start[keep], end[keep]
    first_day, last_day = np.full(len(codes) + 1, _NO_DAY), np.full(len(codes) + 1, -_NO_DAY)
    np.minimum.at(first_day, site, day)
    np.maximum.at(last_day, site, day)
    cut_day, to_cut = np.full(len(codes) + 1, cut), (end == cut) & (missing_log != "dose_free")
    cut_day[run_site[to_cut]] = start[to_cut] - 1
    run_site, start, end = run_site[~to_cut], start[~to_cut], end[~to_cut]
    opened_day = _opened(codes, opened or {})
    return SiteCalendar(
        codes, cut, first_day, last_day, cut_day, opened_day, run_site, start, end, missing_log=missing_log
    )


def day_number(date: int | dt.date) -> int:
    """Days since 1970-01-01."""
    return int(date) if isinstance(date, int | np.integer) else int(np.datetime64(date, "D").astype(np.int64))


@dataclass(frozen=True)
class _Counted:
    """The counts of a log that a file holds."""

    connection: duckdb.DuckDBPyConnection
    doses: Path
    n_sites: int

    def last_day(self) -> int | None:
        """The last day with a row."""
        ((last,),) = self.connection.execute(
            "SELECT max(day) FROM read_parquet($doses)", {"doses": str(self.doses)}
        ).fetchall()
        return None if last is None else int(last)

    def site_days(self, cut: int) -> tuple[Ints, Ints, Ints]:
        return _site_days(self.connection, self.doses, cut, self.n_sites)

    def clients_before(self, run_site: Ints, start: Ints) -> Ints:
        return _clients_before(self.connection, self.doses, run_site, start)


def _site_days(connection: duckdb.DuckDBPyConnection, doses: Path, cut: int, n_sites: int) -> tuple[Ints, Ints, Ints]:
    """Each site and day with a row, and its number of rows, sorted; rows without a site first."""
    ((first, last),) = connection.execute(
        "SELECT min(day), max(day) FROM read_parquet($doses) WHERE day <= $cut", {"doses": str(doses), "cut": cut}
    ).fetchall()
    if first is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if (n_sites + 1) * (last - first + 1) > MOST_SITE_DAYS:
        return _grouped_site_days(connection, doses, cut)
    count = np.zeros((n_sites + 1, last - first + 1), dtype=np.int32)
    query = (
        "SELECT coalesce(site, -1)::INTEGER AS site, day::INTEGER AS day FROM read_parquet($doses) WHERE day <= $cut"
    )
    for site, day in stream(query, {"doses": str(doses), "cut": cut}):
        count_site_days(site, day, first, count)
    count = np.roll(count, 1, axis=0)
    site, day = np.nonzero(count)
    return site - 1, day + first, count[site, day].astype(np.int64)


def _grouped_site_days(connection: duckdb.DuckDBPyConnection, doses: Path, cut: int) -> tuple[Ints, Ints, Ints]:
    columns = connection.execute(
        """SELECT coalesce(site, -1) AS site, day, count(*) AS n FROM read_parquet($doses) WHERE day <= $cut
           GROUP BY ALL ORDER BY site, day""",
        {"doses": str(doses), "cut": cut},
    ).fetchnumpy()
    site, day, n = (np.asarray(columns[name], dtype=np.int64) for name in ("site", "day", "n"))
    return site, day, n


def _runs(site: Ints, day: Ints, cut: int, closing: Sequence[int]) -> tuple[Ints, Ints, Ints]:
    """Runs of days without a row inside or at the end of each site's log: site, first and last day."""
    last = np.append(np.diff(site) != 0, True) if len(site) else np.zeros(0, dtype=bool)
    start, end = day + 1, np.where(last, cut, np.roll(day, -1) - 1)
    for _turn in range(7):
        start = start + np.isin((start + 3) % 7, closing)
    keep = start <= end
    return site[keep], start[keep], end[keep]


def _enough_before(site: Ints, day: Ints, n: Ints, run_site: Ints, start: Ints) -> np.ndarray:
    """Whether there are rows enough in the days before a run for the clients to be counted at all."""
    if not len(run_site):
        return np.zeros(0, dtype=bool)
    base = int(day.min()) - DAYS_BEFORE
    key, total = pack(site + 1, day, base), np.append(0, np.cumsum(n))
    until = np.searchsorted(key, pack(run_site + 1, start, base))
    since = np.searchsorted(key, pack(run_site + 1, start - DAYS_BEFORE, base))
    return total[until] - total[since] >= MIN_CLIENTS_BEFORE


def _clients_before(connection: duckdb.DuckDBPyConnection, doses: Path, run_site: Ints, start: Ints) -> Ints:
    """Clients with a row at the site in the 7 days before each run."""
    n = np.zeros(len(run_site), dtype=np.int64)
    if not len(run_site):
        return n
    window = pd.DataFrame(
        {
            "run": np.repeat(np.arange(len(run_site)), DAYS_BEFORE),
            "site": np.repeat(run_site, DAYS_BEFORE),
            "day": np.repeat(start, DAYS_BEFORE) - np.tile(np.arange(1, DAYS_BEFORE + 1), len(run_site)),
        }
    )
    connection.register("run_windows", window)
    found = connection.execute(
        """SELECT run, count(DISTINCT client) AS n FROM read_parquet($doses) AS log
           JOIN run_windows ON coalesce(log.site, -1) = run_windows.site AND log.day = run_windows.day GROUP BY run""",
        {"doses": str(doses)},
    ).fetchnumpy()
    n[np.asarray(found["run"], dtype=np.int64)] = found["n"]
    return n


def _opened(sites: tuple[str, ...], opened: Mapping[str, int | dt.date]) -> Ints:
    days = [day_number(opened[site]) if opened.get(site) is not None else _NO_DAY for site in sites]
    return np.array([*days, _NO_DAY], dtype=np.int64)
