"""Chapter 50: stock and flow of a registry, and an audit of published figures about one.

The ledger, per period: opening + entries by type - exits by reason = closing. The residual is shown, never
spread. Stock at the end of day d = spells with first day <= d < last day, so an entry is booked on the first
and an exit on the last day in treatment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from statsmodels.stats.rates import confint_poisson

from oatmill.errors import Fault, NotSupported, ValuesWrong
from oatmill.published import figure_of, select_figures
from oatmill.results import Result
from oatmill.schema import ENROLMENT_TYPES, EXIT_REASONS
from oatmill.text import _

DAYS_PER_YEAR = 365.25
ENTERED, LEFT = "entered_", "left_"
OPEN = np.iinfo(np.int64).max

# Ledgers: spells or counts -> one row per period.


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
    while another of the same client is open; kept, so the client counts twice).

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
    entered = _categories(kept, "enrolment_type", ENROLMENT_TYPES)
    left = _categories(kept, "exit_reason", EXIT_REASONS)
    rows = []
    for period, start, stop in _periods(int(first.min()), end, every):
        came, went = (start <= first) & (first <= stop), (start <= last) & (last <= stop)
        row: dict[str, Any] = {"period": period, "days": stop - start + 1, "opening": _stock(first, last, start - 1)}
        row |= {f"{ENTERED}{kind}": int((came & (entered == kind)).sum()) for kind in (*ENROLMENT_TYPES, "unknown")}
        row |= {f"{LEFT}{reason}": int((went & (left == reason)).sum()) for reason in (*EXIT_REASONS, "unknown")}
        covered = np.minimum(last, stop) - np.maximum(first, start) + 1
        person_years = covered[covered > 0].sum() / DAYS_PER_YEAR
        rows.append({**row, "closing": _stock(first, last, stop), "person_years": person_years})
    ledger = _balanced(pd.DataFrame(rows))
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
    total = values.groupby(periods.to_numpy()).agg(lambda column: column.sum(skipna=False)).sort_index()
    ledger = pd.DataFrame({"period": total.index.astype(str)})
    ledger["days"] = [(p.end_time.normalize() - p.start_time).days + 1 for p in total.index]
    total = total.reset_index(drop=True)
    ledger["opening"] = total["opening"]
    ledger = ledger.assign(**_parts(total, "enrolled", "enrolled_primary", f"{ENTERED}primary", ENTERED))
    ledger = ledger.assign(**_parts(total, "left", "deaths", f"{LEFT}death", LEFT), closing=total["closing"])
    ledger["person_years"] = (ledger["opening"] + ledger["closing"]) / 2 * ledger["days"] / DAYS_PER_YEAR
    return _balanced(ledger)


def _days(spells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    last = spells["left_day"].astype("Int64").fillna(OPEN).to_numpy(np.int64)
    return spells["enrolled_day"].to_numpy(np.int64), last


def _stock(first: np.ndarray, last: np.ndarray, day: int) -> int:
    return int(((first <= day) & (day < last)).sum())


def _categories(spells: pd.DataFrame, column: str, known: tuple[str, ...]) -> np.ndarray:
    values = spells[column] if column in spells else pd.Series("unknown", index=spells.index)
    return values.where(values.isin(known), "unknown").to_numpy(object)


def _periods(first: int, last: int, every: str) -> list[tuple[str, int, int]]:
    """(name, first day, last day) of each calendar period; the last one stops at the data cut."""
    zero = pd.Timestamp(0)
    found = pd.period_range(zero + pd.Timedelta(days=first), zero + pd.Timedelta(days=last), freq=every)
    return [(str(p), (p.start_time - zero).days, min((p.end_time - zero).days, last)) for p in found]


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
    return Result("registry_ledger", "counts", frame.assign(population="registry", unit="clients"), public=public)


def estimate_registry_person_time(ledger: pd.DataFrame, *, public: bool = False) -> Result:
    """Person-years by period; `n` clients enrolled at any time in it (spells: each counts)."""
    rows = pd.DataFrame({"period": ledger["period"], "estimate": ledger["person_years"]})
    rows["n"] = ledger["opening"] + _sum(ledger, ENTERED)
    same = {"estimand": "person_time", "population": "registry", "unit": "person-years"}
    return Result("registry_person_time", "means", rows.assign(**same), public=public)


def estimate_registry_rates(counts: pd.DataFrame, person_time: pd.DataFrame, *, public: bool = False) -> Result:
    """Exits and deaths per 100 person-years with exact Poisson intervals.

    Parameters
    ----------
    counts, person_time : the *released* frames of the ledger and of person-time, so that a rate tells no more
        than the counts and person-years that stand beside it
    """
    time = person_time.set_index("period")
    left = counts[counts["estimand"] == "left"]
    rows = []
    for estimand, level in (("exit_rate", ""), ("death_rate", "death")):
        for period, events in left[left["level"] == level].set_index("period")["estimate"].items():
            rows.append(
                {"estimand": estimand, "period": period, "n": time["n"][period]}
                | _rate(events, time["estimate"][period])
            )
    same = {"population": "registry", "unit": "per 100 person-years"}
    return Result("registry_rates", "means", pd.DataFrame(rows).assign(**same), public=public)


def _rate(events: float, person_years: float) -> dict[str, float]:
    """Events per 100 person-years with the exact (Garwood) Poisson interval.

    R: `poisson.test(1114, 3148.9)$conf.int * 100` gives the same limits.
    """
    if not (events >= 0 and person_years > 0):
        return {"estimate": np.nan, "lower": np.nan, "upper": np.nan, "events": events}
    lower, upper = confint_poisson(events, person_years / 100, method="exact-c")
    return {"estimate": 100 * events / person_years, "lower": float(lower), "upper": float(upper), "events": events}


# Audit of published figures.


@dataclass(frozen=True)
class Audit:
    """What published figures of a registry say, and which of them can hold together.

    figures : every figure; `model` is its use (`identity`, `split`, `checkpoint`, `share`, `capacity`,
        `composition`, `date`, `order`, `undated`, `not_usable`), `term` its id in the file
    readings : the stock-flow identity under the two readings; `level` is `spells` or `persons`
    rates : bounds on exits and deaths per 100 person-years; `model` says how many stocks person-time rests on
    capacity : places and the share of them that each stock fills
    """

    figures: Result
    readings: Result
    rates: Result
    capacity: Result


@dataclass(frozen=True)
class _Facts:
    """The figures that the identity needs; `stock_between` is dated between the two ends of the period."""

    area: str
    start: dt.date
    end: dt.date
    between: dt.date
    enrolments: float
    primary_percent: float
    exits: float
    death_percent: float
    stock_between: float
    stock_end: float

    @property
    def days(self) -> int:
        """Length of the period, both ends included."""
        return (self.end - self.start).days + 1

    @property
    def last_days(self) -> int:
        """Days after the date of the stock between."""
        return (self.end - self.between).days


def audit_published(figures: pd.DataFrame) -> Audit:
    """Audit the published figures of a registry over one period.

    Parameters
    ----------
    figures : as `read_published("kyrgyz_registry")`: exits and enrolments of a period with their shares by
        death and of primary enrolments, the stock at its end, and one stock dated between

    Notes
    -----
    *Spells*: opening = closing + exits - enrolments. *Persons*: only first enrolments add a person, so
    opening = closing + exits - primary - R, where R (0 to all repeat enrolments) counts the returning clients
    who were not in the opening stock. With R = all of them the two readings agree.

    Person-time is the mean of opening and closing stock times the length of the period, and again with the
    stock between as a third point; both assume that stock moved in straight lines. Under *persons* a client
    who left twice counts once, so the rate is of persons who ever left.
    """
    facts = _facts(figures)
    return Audit(_figures(figures, facts), _readings(facts), _rates(facts), _capacity(figures, facts))


def count_from_percent(percent: float, whole: float, decimals: int = 1) -> tuple[int, int, int]:
    """The count nearest to a printed percentage, and the smallest and largest that would print the same.

    >>> count_from_percent(34.2, 1437)
    (491, 491, 492)
    """
    around = np.arange(max(np.floor((percent - 1) * whole / 100), 0), np.ceil((percent + 1) * whole / 100) + 1)
    same = around[np.abs(100 * around / whole - percent) <= 0.5 * 10**-decimals + 1e-9]
    best = round(percent * whole / 100)
    return best, int(same.min(initial=best)), int(same.max(initial=best))


def _facts(figures: pd.DataFrame) -> _Facts:
    stocks = select_figures(figures, measure="clients_in_treatment", group="all")
    start = select_figures(figures, measure="reporting_period_start")["date"].item()
    end = select_figures(figures, measure="reporting_period_end")["date"].item()
    between = stocks[(stocks["date"] > start) & (stocks["date"] < end)]
    return _Facts(
        area=stocks["area"].iloc[0],
        start=_date(start),
        end=_date(end),
        between=_date(between["date"].item()),
        enrolments=figure_of(figures, measure="enrolments"),
        primary_percent=figure_of(figures, measure="enrolments_primary_percent"),
        exits=figure_of(figures, measure="exits"),
        death_percent=figure_of(figures, measure="exits_by_death_percent"),
        stock_between=between["value"].item(),
        stock_end=figure_of(stocks, date=end),
    )


def _date(text: str) -> dt.date:
    """The day, or the first day of a month or year."""
    return dt.date.fromisoformat((text + "-01-01")[:10] if len(text) == 4 else (text + "-01")[:10])


def _figures(figures: pd.DataFrame, facts: _Facts) -> Result:
    rows = figures.assign(
        population=figures["area"],
        definition=figures["source"],
        estimand=figures["measure"],
        group=figures["population"],
        level=figures["group"],
        model=[_use(row, facts, figures) for row in figures.to_dict("records")],
        term=figures["id"],
        period=figures["date"].where(
            figures["period_start"] == "", figures["period_start"] + "/" + figures["period_end"]
        ),
        estimate=figures["value"],
    )
    keep = ["population", "definition", "estimand", "group", "level", "model", "term", "period", "estimate", "unit"]
    return Result("kyrgyz_figures", "indicators", rows[keep], public=True)


def _use(row: Mapping[Any, Any], facts: _Facts, figures: pd.DataFrame) -> str:
    """What a figure can be used for. Deaths of a kind whose total is above all exits are not deaths on treatment."""
    measure = row["measure"]
    if measure.startswith("registered_deaths"):
        return "not_usable" if figure_of(figures, measure=measure, group="all") > facts.exits else "split"
    if measure == "clients_in_treatment":
        if not row["date"]:
            return "undated"
        dated = "identity" if _date(row["date"]) == facts.end else "checkpoint"
        return dated if row["group"] == "all" else "composition"
    return _USES.get(measure, "date")


_USES = {
    "exits": "identity",
    "enrolments": "identity",
    "reporting_period_start": "identity",
    "reporting_period_end": "identity",
    "exits_by_death_percent": "split",
    "enrolments_primary_percent": "split",
    "share_of_clients_percent": "composition",
    "sites_operating": "capacity",
    "capacity_per_site": "capacity",
    "admission_step": "order",
}


def _readings(facts: _Facts) -> Result:
    deaths = count_from_percent(facts.death_percent, facts.exits)
    primary = count_from_percent(facts.primary_percent, facts.enrolments)
    low = facts.stock_end + facts.exits - facts.enrolments
    high = facts.stock_end + facts.exits - primary[0]
    fall = facts.stock_between - facts.stock_end
    even = facts.enrolments * facts.last_days / facts.days
    rows = [
        _row("deaths", *deaths),
        _row("primary_enrolments", *primary),
        _row(
            "repeat_enrolments",
            facts.enrolments - primary[0],
            facts.enrolments - primary[2],
            facts.enrolments - primary[1],
        ),
        _row("opening", low, low, low, level="spells"),
        _row("opening", np.nan, low, high, level="persons"),
        _row("change_before", facts.stock_between - low, level="spells"),
        _row("change_before", np.nan, facts.stock_between - high, facts.stock_between - low, level="persons"),
        _row("change_after", -fall),
        _row("exits_after_at_least", fall),
        _row("exits_after_if_even", fall + even),
        _row("exits_after_at_least_percent", 100 * fall / facts.exits, unit="percent"),
        _row("exits_after_if_even_percent", 100 * (fall + even) / facts.exits, unit="percent"),
        _row("days_after", facts.last_days, unit="days"),
        _row("days", facts.days, unit="days"),
        _row("days_after_percent", 100 * facts.last_days / facts.days, unit="percent"),
    ]
    frame = pd.DataFrame(rows).assign(population=facts.area, period=f"{facts.start}/{facts.end}")
    return Result("kyrgyz_readings", "indicators", frame, public=True)


def _row(estimand: str, estimate: float, lower: float = np.nan, upper: float = np.nan, **more: str) -> dict[str, Any]:
    return {"estimand": estimand, "estimate": estimate, "lower": lower, "upper": upper, "unit": "clients"} | more


def _rates(facts: _Facts) -> Result:
    deaths, *_bounds = count_from_percent(facts.death_percent, facts.exits)
    primary, *_bounds = count_from_percent(facts.primary_percent, facts.enrolments)
    low = facts.stock_end + facts.exits - facts.enrolments
    high = facts.stock_end + facts.exits - primary
    rows = []
    for opening in (low, high):
        for model, person_years in _person_years(opening, facts).items():
            same = {"level": f"{opening:.0f}", "model": model}
            rows.append({"estimand": "person_time", "estimate": person_years, "unit": "person-years"} | same)
            for estimand, events in (("exit_rate", facts.exits), ("death_rate", deaths)):
                rows.append({"estimand": estimand, "unit": "per 100 person-years"} | same | _rate(events, person_years))
    frame = pd.DataFrame(rows).assign(population=facts.area, group="opening", period=f"{facts.start}/{facts.end}")
    return Result("kyrgyz_rates", "indicators", frame, public=True)


def _person_years(opening: float, facts: _Facts) -> dict[str, float]:
    """Person-years from the stock at both ends, and with the stock between as a third point."""
    two = (opening + facts.stock_end) / 2 * facts.days
    before = (opening + facts.stock_between) / 2 * (facts.days - facts.last_days)
    after = (facts.stock_between + facts.stock_end) / 2 * facts.last_days
    return {"two_stocks": two / DAYS_PER_YEAR, "three_stocks": (before + after) / DAYS_PER_YEAR}


def _capacity(figures: pd.DataFrame, facts: _Facts) -> Result:
    sites = select_figures(figures, measure="sites_operating", group="all", date=f"{facts.between:%Y-%m}")[
        "value"
    ].item()
    places = sites * figure_of(figures, measure="capacity_per_site")
    parts = select_figures(figures, measure="sites_operating")
    undated = parts[parts["date"] == ""].set_index("group")["value"]
    rows = [
        {"estimand": "sites", "estimate": sites, "unit": "sites"},
        {"estimand": "places", "estimate": places, "unit": "places"},
        {"estimand": "sites_residual", "estimate": 2 * undated["all"] - undated.sum(), "unit": "sites"},
    ]
    for day, stock in ((facts.between, facts.stock_between), (facts.end, facts.stock_end)):
        filled = {"estimand": "places_filled", "period": str(day), "estimate": 100 * stock / places}
        rows.append({**filled, "n": places, "events": stock, "unit": "percent"})
    return Result("kyrgyz_capacity", "indicators", pd.DataFrame(rows).assign(population=facts.area), public=True)


# Coverage: clients over a denominator that is named, and none of these is the one that WHO's bands are for.

COVERAGE = (
    ("ca_in_treatment", "ca_dependent_estimate"),
    ("kz_in_treatment_2019", "kz_opioid_users_estimate"),
    ("kz_in_treatment_2021", "kz_opioid_users_estimate"),
    ("cn_clients_2016", "cn_heroin_users_estimate"),
)


def estimate_coverage(figures: pd.DataFrame) -> Result:
    """Clients in treatment over published denominators, for each pair of `COVERAGE`; `level` names the denominator."""
    by_id = figures.set_index("id")
    rows = []
    for clients, people in COVERAGE:
        above, below = by_id.loc[clients], by_id.loc[people]
        share = 100 * above["value"] / below["value"]
        numbers = {"estimate": share, "events": above["value"], "n": below["value"], "unit": "percent"}
        rows.append({"population": above["area"], "level": below["measure"], "period": above["date"]} | numbers)
    frame = pd.DataFrame(rows).assign(estimand="coverage", group="denominator")
    return Result("coverage", "indicators", frame, public=True)
