"""What programmes report once a year: `december` and `kp_mat6`, for the last whole year of the log."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from oatmill.episodes.years import last_day_of, year_of
from oatmill.errors import NotSupported
from oatmill.results import Place, Result, Sum
from oatmill.text import _

ENTRIES = ("carried_over", "first_entrants", "returners")
MONTHS = 6


def estimate_december_retention(
    years: pd.DataFrame, episodes: pd.DataFrame, exits: pd.DataFrame | None, ends: str, data_cut: int
) -> Result:
    """`december`: of clients with a dose in year y who did not die in it, the share with a dose in December of y.

    Parameters
    ----------
    years : client, year, december (`episodes.years.client_years`)
    episodes : of all clients; `cut_day` and `starter` are read
    exits : recorded exits, for the deaths; or None
    ends : the rule of the episodes, which tells who was carried over
    data_cut : C; y is the last year that ends on or before it

    Returns
    -------
    Result of kind `proportions`: all, then the three parts that have clients (`group` "entry"), which add up.

    Notes
    -----
    A share of clients on the books, not a probability: it mixes clients who came last week with clients of ten years.
    """
    year = last_whole_year(years, data_cut)
    dosed = _dosed_and_alive(years, episodes, exits, year).set_index("client")["december"]
    entry = _entries(dosed.index, episodes, year)
    population = f"clients with a dose in {year} who did not die in it"
    rows = [{"population": population, "n": len(dosed), "events": int(dosed.sum())}]
    for name in ENTRIES:
        part = dosed[entry == name]
        if len(part):
            counts = {"n": len(part), "events": int(part.sum())}
            rows.append({"population": f"{population}: {name}", "group": "entry", "level": name, **counts})
    same = {"estimand": "december", "definition": f"december|{ends}", "period": str(year), "unit": "proportion"}
    frame = pd.DataFrame(rows).assign(**same)
    shares = frame.assign(estimate=frame["events"] / frame["n"])
    return Result("retention_december", "proportions", shares, sums=tuple(sums_of_parts(len(rows))))


def sums_of_parts(rows: int) -> Iterator[Sum]:
    """All are the parts, in both numbers."""
    for column in ("n", "events"):
        parts: tuple[Place, ...] = tuple((row, column) for row in range(1, rows))
        yield Sum(((0, column),), parts)


def last_whole_year(years: pd.DataFrame, data_cut: int) -> int:
    """The last year with a dose that ends on or before C."""
    whole = [int(year) for year in years["year"].unique() if last_day_of(year) <= data_cut]
    if not whole:
        raise NotSupported(_("The log does not hold a whole calendar year up to 31 December."))
    return max(whole)


def _dosed_and_alive(
    years: pd.DataFrame, episodes: pd.DataFrame, exits: pd.DataFrame | None, year: int
) -> pd.DataFrame:
    """Clients with a dose in the year who did not die in it and whose site has a log to its end."""
    dosed = years[years["year"] == year]
    ended = episodes.loc[episodes["cut_day"] < last_day_of(year), "client"]
    dosed = dosed[~dosed["client"].isin(ended)]
    if exits is None:
        return dosed
    deaths = exits[(exits["reason"] == "death") & exits["day"].notna()]
    died = deaths.loc[year_of(deaths["day"].to_numpy(np.int64)) == year, "client"]
    return dosed[~dosed["client"].isin(died)]


def _entries(clients: pd.Index, episodes: pd.DataFrame, year: int) -> np.ndarray:
    """How each client came to be in the year: carried over, entered first, or returned."""
    before = last_day_of(year - 1)
    first = episodes[(episodes["episode"] == 1) & (episodes["start_day"] > before)]
    running = episodes[(episodes["start_day"] <= before) & (before < episodes["end_day"])]
    # Too early in the log to be a starter's: the client may have been in treatment before it begins.
    early = first[first["prevalent"] & ~first["washout_met"]]
    carried = clients.isin(running["client"]) | clients.isin(early["client"])
    entered = clients.isin(first.loc[first["starter"], "client"])
    return np.select([carried, entered], ENTRIES[:2], ENTRIES[2])


def estimate_six_months(years: pd.DataFrame, episodes: pd.DataFrame, ends: str, data_cut: int) -> Result:
    """`kp_mat6`: the number of clients who in year y were in one episode for 6 months or more.

    Notes
    -----
    A count: it grows with the programme. A client counts in each quarter again, so quarters are never summed.
    """
    year = last_whole_year(years, data_cut)
    begin, end = last_day_of(year - 1) + 1, last_day_of(year)
    reached = _months_later(episodes["start_day"].to_numpy(np.int64)) - 1
    last = np.minimum(episodes["end_day"].to_numpy(np.int64), end)
    counted = (last >= begin) & (reached <= last)
    row = {
        "estimand": "six_months",
        "population": f"clients with a dose in {year}",
        "definition": f"kp_mat6|{ends}",
        "period": str(year),
        "estimate": float(episodes.loc[counted, "client"].nunique()),
        "unit": "clients",
    }
    return Result("retention_six_months", "counts", pd.DataFrame([row]))


def _months_later(day: np.ndarray) -> np.ndarray:
    """The same day of the month `MONTHS` months later, the last of the month where there is none."""
    later = pd.to_datetime(day, unit="D") + pd.DateOffset(months=MONTHS)
    return later.to_numpy().astype("datetime64[D]").astype(np.int64)
