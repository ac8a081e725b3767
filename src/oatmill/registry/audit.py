"""An audit of the published figures of a registry: which of them can hold together, and what survives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from oatmill.published import figure_of, select_figures
from oatmill.registry.rates import DAYS_PER_YEAR, rate_per_100_person_years
from oatmill.results import Result


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

    @property
    def deaths(self) -> tuple[int, int, int]:
        return count_from_percent(self.death_percent, self.exits)

    @property
    def primary(self) -> tuple[int, int, int]:
        return count_from_percent(self.primary_percent, self.enrolments)

    @property
    def openings(self) -> tuple[float, float]:
        """The opening stock if enrolments count spells, and the highest one if they count persons (R = 0)."""
        return self.stock_end + self.exits - self.enrolments, self.stock_end + self.exits - self.primary[0]


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
    primary, (low, high) = facts.primary, facts.openings
    fall = facts.stock_between - facts.stock_end
    even = facts.enrolments * facts.last_days / facts.days
    rows = [
        _row("deaths", *facts.deaths),
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
    rows: list[dict[str, Any]] = []
    for opening in facts.openings:
        for model, person_years in _person_years(opening, facts).items():
            same = {"level": f"{opening:.0f}", "model": model}
            rows.append({"estimand": "person_time", "estimate": person_years, "unit": "person-years", **same})
            for estimand, events in (("exit_rate", facts.exits), ("death_rate", facts.deaths[0])):
                rate = rate_per_100_person_years(events, person_years)
                rows.append({"estimand": estimand, "unit": "per 100 person-years", **same, **rate})
    rows += [_bounds(rows, estimand) for estimand in ("exit_rate", "death_rate")]
    frame = pd.DataFrame(rows).assign(population=facts.area, group="opening", period=f"{facts.start}/{facts.end}")
    return Result("kyrgyz_rates", "indicators", frame, public=True)


def _bounds(rows: list[dict[str, Any]], estimand: str) -> dict[str, Any]:
    """The lowest and highest rate under any of these assumptions."""
    rates = [row["estimate"] for row in rows if row["estimand"] == estimand]
    return {"estimand": f"{estimand}_bounds", "lower": min(rates), "upper": max(rates), "unit": "per 100 person-years"}


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
    rows: list[dict[str, Any]] = []
    for clients, people in COVERAGE:
        above, below = by_id.loc[clients], by_id.loc[people]
        share = 100 * above["value"] / below["value"]
        numbers = {"estimate": share, "events": above["value"], "n": below["value"], "unit": "percent"}
        rows.append({"population": above["area"], "level": below["measure"], "period": above["date"], **numbers})
    frame = pd.DataFrame(rows).assign(estimand="coverage", group="denominator")
    return Result("coverage", "indicators", frame, public=True)
