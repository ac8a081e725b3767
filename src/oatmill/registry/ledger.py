"""A registry's stock and flow.

The ledger, per period: opening + entries by type - exits by reason = closing. The residual is shown, never
spread. Stock at the end of day d = spells with first day <= d < last day, so an entry is booked on the first
and an exit on the last day in treatment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from oatmill.errors import Fault, NotSupported, ValuesWrong
from oatmill.registry.rates import DAYS_PER_YEAR, rate_per_100_person_years
from oatmill.results import Place, Result, Shown, Sum
from oatmill.schema import ENROLMENT_TYPES, EXIT_REASONS
from oatmill.text import _

ENTERED, LEFT = "entered_", "left_"
OPEN = np.iinfo(np.int64).max


def build_ledger(tables: Mapping[str, pd.DataFrame], data_cut: dt.date | None = None) -> pd.DataFrame:
    """The ledger of a study's registry, by year from a line list or by its own periods from counts.

    Parameters
    ----------
    tables : the study's tables; `registry` is used where both it and `registry_counts` exist
    data_cut : last day with complete records; None: the last day in the registry

    Returns
    -------
    One row per period: `period`, `days`, `opening`, `entered_<type>`, `left_<reason>`, `closing`, `residual`
    (opening + entries - exits - closing), `carried` (opening less the closing of the row before),
    `person_years`. `attrs` counts what a ledger cannot hold: `backwards` (spells that end before they begin;
    left out), `after_cut` (spells that begin after the data cut; left out), `overlapping` (spells that begin
    while another of the same client is open; kept, so the client counts twice), `absent` (sites without a row
    in a period).

    Raises
    ------
    NotSupported : the study has neither table
    """
    if "registry" in tables:
        cut = (data_cut - dt.date(1970, 1, 1)).days if data_cut else None
        return build_ledger_from_spells(tables["registry"], cut)
    if "registry_counts" in tables:
        return build_ledger_from_counts(tables["registry_counts"])
    raise NotSupported(_("This study has no registry: neither `registry` nor `registry_counts`."))


def build_ledger_from_spells(
    spells: pd.DataFrame, cut: int | None = None, every: Literal["Y", "M"] = "Y"
) -> pd.DataFrame:
    """The ledger of a line list: `client`, `enrolled_day`, `left_day` (missing: still enrolled) and, if there,
    `enrolment_type` and `exit_reason`; exact person-time.

    A client enrolled from day 3 to day 5 is in the stock at the end of days 3 and 4, and an exit of day 5:

    >>> spell = pd.DataFrame({"client": [0], "enrolled_day": [3], "left_day": [5]})
    >>> build_ledger_from_spells(spell)[["opening", "entered_unknown", "left_unknown", "closing"]].values.tolist()
    [[0, 1, 1, 0]]
    """
    first, last = _days(spells)
    end = int(max(first.max(), last[last < OPEN].max(initial=0))) if cut is None else cut
    backwards, late = last < first, first > end
    kept = spells[~(backwards | late)]
    first, last = first[~(backwards | late)], last[~(backwards | late)]
    if not len(kept):
        raise NotSupported(_("The registry holds no spell that begins on or before the data cut."))
    last = np.where(last > end, OPEN, last)
    periods = _periods(int(first.min()), end, every)
    starts, stops = periods["first_day"].to_numpy(), periods["last_day"].to_numpy()
    ended = last < OPEN
    ledger = periods.assign(days=stops - starts + 1, opening=_stock(first, last, starts - 1)).join(
        [
            _by_period(starts, first, _categories(kept, "enrolment_type", ENROLMENT_TYPES), ENTERED),
            _by_period(starts, last[ended], _categories(kept[ended], "exit_reason", EXIT_REASONS), LEFT),
        ]
    )
    ledger["closing"] = _stock(first, last, stops)
    person_days = _person_days(first, last, stops) - _person_days(first, last, starts - 1)
    ledger["person_years"] = person_days / DAYS_PER_YEAR
    ledger = _balanced(ledger.drop(columns=["first_day", "last_day"]))
    overlapping = _overlapping(kept["client"], first, last)
    ledger.attrs = {"backwards": int(backwards.sum()), "after_cut": int(late.sum()), "overlapping": overlapping}
    return ledger


def build_ledger_from_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """The ledger of counts by period (and site: summed). A value that one site lacks is missing in the sum.

    Person-time is the mean of opening and closing stock times the length of the period.
    """
    numbers = [
        name for name in ("opening", "enrolled", "left", "closing", "deaths", "enrolled_primary") if name in counts
    ]
    periods = _periods_of(counts["period"])
    values = counts[numbers].astype(float)
    groups = values.groupby(periods.to_numpy())
    total = groups.sum().where(groups.count().eq(groups.size(), axis=0)).sort_index()
    ledger = pd.DataFrame({"period": total.index.astype(str)})
    ledger["days"] = [(p.end_time.normalize() - p.start_time).days + 1 for p in total.index]
    total = total.reset_index(drop=True)
    ledger["opening"] = total["opening"]
    ledger = ledger.assign(**_parts(total, "enrolled", "enrolled_primary", f"{ENTERED}primary", ENTERED))
    ledger = ledger.assign(**_parts(total, "left", "deaths", f"{LEFT}death", LEFT), closing=total["closing"])
    ledger["person_years"] = (ledger["opening"] + ledger["closing"]) / 2 * ledger["days"] / DAYS_PER_YEAR
    ledger = _balanced(ledger)
    sites = counts["site_id"].nunique() if "site_id" in counts else 1
    ledger.attrs = {"absent": sites * len(ledger) - len(counts)}
    return ledger


def _days(spells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    last = spells["left_day"].astype("Int64").fillna(OPEN).to_numpy(np.int64)
    return spells["enrolled_day"].to_numpy(np.int64), last


def _stock(first: np.ndarray, last: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Spells in treatment at the end of each day: first day <= day < last day."""
    begun, gone = (np.searchsorted(np.sort(each), days, side="right") for each in (first, last))
    return begun - gone


def _person_days(first: np.ndarray, last: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Days in treatment up to and including each day: days since each start, less those after each end."""
    total = np.zeros(len(days))
    for ends, shift, sign in ((first, 1, 1), (last[last < OPEN], 0, -1)):
        n = np.searchsorted(np.sort(ends), days + shift, side="left")  # begun by that day, or gone before it
        before = np.concatenate([[0], np.cumsum(np.sort(ends))])[n]
        total += sign * (n * (days + shift) - before)
    return total


def _categories(spells: pd.DataFrame, column: str, known: tuple[str, ...]) -> pd.Categorical:
    """The column's values, those that are missing or not known as `unknown`."""
    values = spells[column] if column in spells else pd.Series("unknown", index=spells.index)
    return pd.Categorical(values.where(values.isin(known), "unknown"), categories=[*known, "unknown"])


def _by_period(starts: np.ndarray, days: np.ndarray, kinds: pd.Categorical, prefix: str) -> pd.DataFrame:
    """How many of each kind fall in each period."""
    cells = (np.searchsorted(starts, days, side="right") - 1) * len(kinds.categories) + kinds.codes
    counts = np.bincount(cells, minlength=len(starts) * len(kinds.categories)).reshape(len(starts), -1)
    return pd.DataFrame(counts, columns=[f"{prefix}{kind}" for kind in kinds.categories])


def _periods(first: int, last: int, every: str) -> pd.DataFrame:
    """`period`, `first_day` and `last_day` of each calendar period; the last one stops at the data cut."""
    zero = pd.Timestamp(0)
    found = pd.period_range(zero + pd.Timedelta(days=first), zero + pd.Timedelta(days=last), freq=every)
    starts, stops = (found.start_time - zero).days, (found.end_time - zero).days
    return pd.DataFrame({"period": found.astype(str), "first_day": starts, "last_day": np.minimum(stops, last)})


def _overlapping(client: pd.Series, first: np.ndarray, last: np.ndarray) -> int:
    frame = pd.DataFrame({"client": client.to_numpy(), "first": first, "last": last}).sort_values(["client", "first"])
    open_until = frame.groupby("client")["last"].cummax().groupby(frame["client"]).shift()
    return int((frame["first"] < open_until).sum())


def _periods_of(texts: pd.Series) -> pd.Series:
    """Years (2020) or months (2020-03), not both."""
    months = texts.astype(str).str.fullmatch(r"\d{4}-\d{2}")
    years = texts.astype(str).str.fullmatch(r"\d{4}")
    if not (months.all() or years.all()):
        fault = Fault(
            _("periods of another form"), column="period", expected=_("all years (2020) or all months (2020-03)")
        )
        raise ValuesWrong(_("The registry's periods cannot be read."), [fault])
    return pd.Series(pd.PeriodIndex(texts.astype(str), freq="M" if months.all() else "Y"), index=texts.index)


def _parts(total: pd.DataFrame, whole: str, part: str, name: str, prefix: str) -> dict[str, pd.Series]:
    if part not in total:
        return {f"{prefix}unknown": total[whole]}
    return {name: total[part], f"{prefix}other": total[whole] - total[part]}


def _balanced(ledger: pd.DataFrame) -> pd.DataFrame:
    flow = _sum(ledger, ENTERED) - _sum(ledger, LEFT)
    return ledger.assign(
        residual=ledger["opening"] + flow - ledger["closing"], carried=ledger["opening"] - ledger["closing"].shift()
    )


def _sum(ledger: pd.DataFrame, prefix: str) -> pd.Series:
    return ledger[[name for name in ledger if str(name).startswith(prefix)]].sum(axis=1, skipna=False)


def estimate_registry_ledger(ledger: pd.DataFrame, *, public: bool = False) -> Result:
    """The ledger as counts: one row per period and item; parts that are zero throughout are left out."""
    parts = [name for name in ledger if str(name).startswith((ENTERED, LEFT)) and ledger[name].fillna(1).any()]
    wide = ledger[["period", "opening", "closing", "residual", "carried", *parts]]
    wide = wide.assign(entered=_sum(ledger, ENTERED), left=_sum(ledger, LEFT))
    long = wide.melt(id_vars="period", var_name="item", value_name="estimate").astype({"estimate": float})
    long["estimand"] = long["item"].str.split("_").str[0]
    long["level"] = long["item"].str.split("_", n=1).str[1].fillna("")
    long["group"] = np.where(
        long["level"] == "", "", np.where(long["estimand"] == "entered", "enrolment_type", "exit_reason")
    )
    faults = [{"estimand": name, "estimate": float(number)} for name, number in ledger.attrs.items()]
    frame = pd.concat([long.drop(columns="item"), pd.DataFrame(faults)], ignore_index=True)
    unit = np.where(frame["estimand"] == "absent", "sites", "clients")
    enrolled = dict(zip(ledger["period"], ledger["opening"] + _sum(ledger, ENTERED), strict=True))
    frame = frame.assign(n=frame["period"].map(enrolled), population=_in_period(frame["period"].fillna("")), unit=unit)
    return Result("registry_ledger", "counts", frame, public=public, sums=_ledger_sums(frame))


def _in_period(periods: pd.Series) -> pd.Series:
    """The clients enrolled at any time in a period (spells: each counts) are a population of their own."""
    return ("registry in " + periods.astype(str)).where(periods != "", "registry")


def _ledger_sums(frame: pd.DataFrame) -> tuple[Sum, ...]:
    """n = opening + entered = left + closing + residual; the parts of entries and exits; stock carried over."""
    known = frame["estimate"].notna()
    rows = [
        (int(place), row) for place, row in enumerate(frame.fillna({"level": ""}).to_dict("records")) if known[place]
    ]
    at: dict[_Item, Place] = {
        (row["estimand"], row["level"], row["period"]): (place, "estimate") for place, row in rows
    }
    at |= {("enrolled", "", row["period"]): (place, "n") for place, row in rows if row["n"] == row["n"]}
    periods = sorted({period for estimand, _level, period in at if estimand == "opening"})
    found = [each for period in periods for each in _period_sums(at, period)]
    found += [
        (("opening", "", period), ("closing", "", before), ("carried", "", period))
        for before, period in pairwise(periods)
    ]
    return tuple(
        Sum((at[left],), tuple(at[key] for key in right)) for left, *right in found if {left, *right} <= set(at)
    )


_Item = tuple[str, str, str]  # estimand, level, period


def _period_sums(at: Mapping[_Item, Place], period: str) -> Iterator[tuple[_Item, ...]]:
    for flow in ("entered", "left"):
        parts = [key for key in at if key[0] == flow and key[1] and key[2] == period]
        if parts:
            yield ((flow, "", period), *parts)
    yield tuple((name, "", period) for name in ("enrolled", "opening", "entered"))
    yield tuple((name, "", period) for name in ("enrolled", "left", "closing", "residual"))


def estimate_registry_person_time(ledger: pd.DataFrame, counts: Shown, *, public: bool = False) -> Result:
    """Person-years by period; `n` clients enrolled at any time in it (spells: each counts).

    Parameters
    ----------
    counts : the ledger as *released*. Of a confidential registry person-time is the mean of the opening and closing
        stock that are shown, times the length of the period: exact person-time, however rounded, would tell how
        many clients were enrolled throughout.
    """
    wide = counts.frame[(counts.frame["level"] == "") & (counts.frame["period"] != "")]
    stock = wide[wide["estimand"].isin(["opening", "closing"])].pivot(index="period", columns="estimand")
    periods = ledger["period"].astype(str)
    time = (stock["estimate"]["opening"] + stock["estimate"]["closing"]).reindex(periods) / 2
    years = ledger["person_years"].to_numpy() if public else time.to_numpy() * ledger["days"].to_numpy() / DAYS_PER_YEAR
    rows = pd.DataFrame({"period": periods, "estimate": years, "n": stock["n"]["opening"].reindex(periods).to_numpy()})
    rows = rows.assign(population=_in_period(periods), estimand="person_time", unit="person-years")
    return Result("registry_person_time", "derived", rows, public=public, sources=(counts,))


def estimate_registry_rates(counts: Shown, person_time: Shown, *, public: bool = False) -> Result:
    """Exits and deaths per 100 person-years with exact Poisson intervals.

    Parameters
    ----------
    counts, person_time : the ledger and person-time as *released*, so that a rate tells no more than the counts
        and person-years that stand beside it
    """
    left = counts.frame[counts.frame["estimand"] == "left"]
    left = left.merge(person_time.frame, on="period", suffixes=("", "_time"))
    rows = []
    for estimand, level in (("exit_rate", ""), ("death_rate", "death")):
        for row in left[left["level"] == level].to_dict("records"):
            rate = rate_per_100_person_years(row["estimate"], row["estimate_time"])
            rows.append({"estimand": estimand, "period": row["period"], "n": row["n_time"], **rate})
    same = {"population": "registry", "unit": "per 100 person-years"}
    frame = pd.DataFrame(rows).assign(**same)
    return Result("registry_rates", "derived", frame, public=public, sources=(counts, person_time))
