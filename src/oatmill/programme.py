"""Chapter 60: a programme in yearly numbers. Cumulative and year-end counts -> what left, and what does not fit.

From two rows of counts: new = difference of cumulative counts; net exits = opening + new - closing, which is
exits less returns. From the reported December retention, the number dosed in the year is implied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.rates import confint_poisson

from oatmill.errors import NotSupported
from oatmill.intake import Intake
from oatmill.published import figure_of, read_published, select_figures
from oatmill.results import Result, Shown, Sum
from oatmill.schema import TABLES
from oatmill.study import Study
from oatmill.text import _

INDICATORS = tuple(name for name in TABLES["programme"].names if name != "year")
COUNTS = ("clients_cumulative", "clients_year_end")
MEANS = ("mean_days_in_treatment", "mean_dose_mg")
TRENDS = ("mean_days_in_treatment", "mean_dose_mg")
RANGE = "clients_per_clinic_range"
_RETENTION_ROUNDING = 0.05  # percentage points: half of the last printed decimal
_SMALLEST_TREND = 4


@dataclass(frozen=True)
class Programme:
    """Yearly indicators of one programme.

    frame : index `year`, one column per indicator that is known; `low` and `high` of clients per clinic
    units : indicator -> unit
    population : how the programme is called; `prefix` starts the names of its outputs
    public : published figures, shown exactly
    """

    population: str
    prefix: str
    frame: pd.DataFrame
    units: dict[str, str]
    public: bool

    @property
    def years_with_flows(self) -> list[int]:
        """The years that follow another, both with cumulative and year-end counts."""
        if not set(COUNTS) <= set(self.frame):
            return []
        known = self.frame[list(COUNTS)].dropna().index
        return [year for year in known if year - 1 in known]

    @property
    def lost(self) -> tuple[str, ...]:
        """Indicators that a confidential source gives and that are not shown: no count stands behind them."""
        return (
            ()
            if self.public
            else tuple(name for name in INDICATORS if name in self.frame and name not in (*COUNTS, *MEANS))
        )


def build_published_programme() -> Programme:
    """China's national programme, 2004 to 2011: Table 2 of Li 2013."""
    rows = read_published("li2013_table2")
    frame = rows.pivot(index="year", columns="indicator", values="value").dropna(axis=1, how="all")
    span = rows[rows["indicator"] == RANGE].set_index("year")
    frame = frame.reindex(columns=[name for name in INDICATORS if name in frame])
    frame = frame.assign(low=span["value_low"], high=span["value_high"])
    units = dict(zip(rows["indicator"], rows["unit"], strict=True))
    return Programme("China", "china", frame, units, public=True)


def build_own_programme(study: Study, intake: Intake) -> Programme:
    """The study's own `programme` table, with whatever indicators it has.

    Raises
    ------
    NotSupported : a year stands there twice
    """
    table = intake.tables["programme"]
    if table["year"].duplicated().any():
        raise NotSupported(_("The `programme` table has more than one row for a year; areas are not supported yet."))
    frame = table.astype({"year": int}).set_index("year").sort_index()
    frame = frame.reindex(columns=[name for name in INDICATORS if name in frame]).astype(float)
    units = {column.name: column.unit or "" for column in TABLES["programme"].columns}
    name = study.programme_name or study.title
    return Programme(name, "own", frame.dropna(axis=1, how="all"), units, study.sources["programme"].public)


def estimate_indicators(programme: Programme) -> tuple[Result, ...]:
    """Every indicator by year; `level` is the indicator, `lower` and `upper` hold the range of clients per clinic.

    From a confidential source only counts of clients, and means with the clients at year end as their base:
    a percentage without its numerator and denominator cannot be made from rounded counts.
    """
    if programme.public:
        return (_indicators(programme, INDICATORS, "indicators", "indicators"),)
    parts = ((COUNTS, "counts", "counts"), (MEANS if "clients_year_end" in programme.frame else (), "means", "means"))
    return tuple(_indicators(programme, names, name, kind) for names, name, kind in parts if _known(programme, names))


def _known(programme: Programme, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in programme.frame]


def _indicators(programme: Programme, names: tuple[str, ...], name: str, kind: str) -> Result:
    wide = programme.frame[_known(programme, names)]
    long = wide.reset_index().melt(id_vars="year", var_name="level", value_name="estimate").dropna()
    rows = long.assign(unit="clients" if kind == "counts" else long["level"].map(programme.units))
    if kind == "indicators":
        rows = pd.concat([rows, _range(programme)], ignore_index=True)
    population = pd.Series(programme.population, index=rows.index)
    if kind == "means":
        rows["n"] = rows["year"].map(programme.frame["clients_year_end"]).fillna(0)
        population = population + " at the end of " + rows["year"].astype(str)
    rows = rows.rename(columns={"year": "period"}).astype({"period": str})
    same = {"population": population, "estimand": "indicator", "group": "indicator"}
    return Result(f"{programme.prefix}_{name}", kind, rows.assign(**same), public=programme.public)  # type: ignore[arg-type]


def _range(programme: Programme) -> pd.DataFrame:
    if "low" not in programme.frame:
        return pd.DataFrame()
    rows = programme.frame[["low", "high"]].reset_index().rename(columns={"low": "lower", "high": "upper"})
    return rows.assign(level=RANGE, unit=programme.units[RANGE])


def estimate_flows(programme: Programme) -> Result:
    """Opening, new, closing and net exits for every year that follows another in the table.

    opening = clients at the end of the year before; new = difference of cumulative counts, which stand beside it
    (`ever_before`, `ever`); net exits = opening + new - closing = exits - returns.

    >>> counts = pd.DataFrame({"clients_cumulative": [10.0, 30.0], "clients_year_end": [8.0, 20.0]}, index=[2004, 2005])
    >>> estimate_flows(Programme("P", "p", counts, {}, True)).frame["estimate"].tolist()  # 8 + 20 - 20 = 8
    [8.0, 10.0, 30.0, 20.0, 20.0, 8.0]

    Raises
    ------
    NotSupported : no two years in a row have both counts
    """
    years = programme.years_with_flows
    if not years:
        raise NotSupported(_("Stock and flow need cumulative and year-end clients of two years in a row."))
    counts = programme.frame[list(COUNTS)]
    before = counts.loc[[year - 1 for year in years]].set_index(pd.Index(years))
    now = counts.loc[years]
    flows = pd.DataFrame({"opening": before["clients_year_end"], "ever_before": before["clients_cumulative"]})
    flows["ever"] = now["clients_cumulative"]
    flows["new"] = now["clients_cumulative"] - before["clients_cumulative"]
    flows["closing"] = now["clients_year_end"]
    flows["net_exits"] = flows["opening"] + flows["new"] - flows["closing"]
    long = flows.rename_axis("period").reset_index().melt(id_vars="period", var_name="estimand", value_name="estimate")
    long = long.astype({"period": str}).assign(population=programme.population, unit="clients")
    return Result(f"{programme.prefix}_flows", "counts", long, public=programme.public, sums=_flow_sums(long))


def _flow_sums(long: pd.DataFrame) -> tuple[Sum, ...]:
    """opening + new = closing + net exits; ever = ever before + new; a year opens where the year before closed."""
    at = {(row["estimand"], row["period"]): (place, "estimate") for place, row in enumerate(long.to_dict("records"))}
    sums = []
    for year in sorted({int(period) for period in long["period"]}):
        now, before = str(year), str(year - 1)
        sums.append(Sum((at["opening", now], at["new", now]), (at["closing", now], at["net_exits", now])))
        sums.append(Sum((at["ever", now],), (at["ever_before", now], at["new", now])))
        if ("closing", before) in at:
            sums.append(Sum((at["opening", now],), (at["closing", before],)))
            sums.append(Sum((at["ever_before", now],), (at["ever", before],)))
    return tuple(sums)


def estimate_net_exit_rates(flows: Shown, programme: Programme) -> Result:
    """Net exits per 100 person-years, and what else the four counts of each year give.

    Parameters
    ----------
    flows : `estimate_flows` as *released*, so that a rate tells no more than the counts beside it

    Returns
    -------
    `net_exit_rate` with its exact Poisson interval (person-time = mean of opening and closing stock x 1 year),
    `kept_percent` = closing / (opening + new), `entrants_percent` = new / (opening + new), and
    `constant_rate_percent` = 100 exp(-rate): the share that would stay a year if that rate held for everybody
    and throughout.

    Notes
    -----
    Net exits are a difference of counts, so the Poisson interval holds chance only and is far too narrow for
    what is not known: every return of an earlier client hides an exit.
    """
    counts = _wide(flows.frame)
    person_years = (counts["opening"] + counts["closing"]) / 2
    known = (counts["net_exits"] >= 0) & (person_years > 0)
    events, time = counts["net_exits"].where(known), person_years.where(known) / 100
    limits = [
        confint_poisson(e, t, method="exact-c") if ok else (np.nan, np.nan)
        for e, t, ok in zip(events, time, known, strict=True)
    ]
    rate = counts["net_exits"] / person_years * 100
    columns = {"estimate": rate, "lower": [float(a) for a, b in limits], "upper": [float(b) for a, b in limits]}
    rows = [pd.DataFrame(columns | {"events": counts["net_exits"], "estimand": "net_exit_rate"})]
    for estimand, share in (
        ("kept_percent", counts["closing"] / (counts["opening"] + counts["new"])),
        ("entrants_percent", counts["new"] / (counts["opening"] + counts["new"])),
        ("constant_rate_percent", np.exp(-rate / 100)),
    ):
        rows.append(pd.DataFrame({"estimate": 100 * share, "estimand": estimand, "unit": "percent"}))
    frame = pd.concat(rows).fillna({"unit": "per 100 person-years"}).rename_axis("period").reset_index()
    frame = frame.assign(n=frame["period"].map(counts["closing"]), population=programme.population)
    return Result(f"{programme.prefix}_net_exit_rates", "derived", frame, public=programme.public, sources=(flows,))


def _wide(flows: pd.DataFrame) -> pd.DataFrame:
    return flows.pivot(index="period", columns="estimand", values="estimate")


def estimate_december(programme: Programme) -> Result:
    """What the reported retention implies, if the clients dosed in December are the year's closing count.

    Retention (Li 2013, note c) = dosed in December / dosed in the year and not dead, so
    `dosed` = closing / retention (`lower`, `upper`: from its rounding); `known` = opening + new;
    `returners` = dosed - known, at least, where positive; `leavers` = dosed - closing, and their rate
    `gross_rate` per 100 person-years, deaths left out. Where dosed is above all clients ever enrolled the two
    rows cannot both be right; where it is below known, the difference would have to be deaths (which note c
    takes out of the denominator), or the rows count different things.

    Raises
    ------
    NotSupported : the programme is confidential, or lacks retention or a count
    """
    needed = [*COUNTS, "retention_percent"]
    if not programme.public or not set(needed) <= set(programme.frame):
        raise NotSupported(_("The December check needs published retention, cumulative and year-end clients."))
    frame = programme.frame[needed].dropna()
    closing, ever = frame["clients_year_end"], frame["clients_cumulative"]
    opening = programme.frame["clients_year_end"].shift()[frame.index]
    known = opening + ever.diff().where(opening.notna())
    known = known.fillna(ever)  # the first year: everybody ever enrolled
    dosed = 100 * closing / frame["retention_percent"]
    person_years = (opening + closing) / 2
    rows = {
        "reported_percent": frame["retention_percent"],
        "known": known,
        "ever": ever,
        "dosed": dosed,
        "returners": dosed - known,
        "leavers": dosed - closing,
        "gross_rate": 100 * (dosed - closing) / person_years,
    }
    long = (
        pd.DataFrame(rows)
        .rename_axis("period")
        .reset_index()
        .melt(id_vars="period", var_name="estimand", value_name="estimate")
    )
    long["unit"] = (
        long["estimand"].map({"gross_rate": "per 100 person-years", "reported_percent": "percent"}).fillna("clients")
    )
    is_dosed = long["estimand"] == "dosed"
    for bound, shift in (("lower", _RETENTION_ROUNDING), ("upper", -_RETENTION_ROUNDING)):
        limit = 100 * closing / (frame["retention_percent"] + shift)
        long[bound] = long["period"].map(limit).where(is_dosed)
    long = long.astype({"period": str}).assign(population=programme.population)
    return Result(f"{programme.prefix}_december", "indicators", long, public=True)


def estimate_trends(programme: Programme) -> Result:
    """Pearson and Kendall correlation of yearly means with the year; `se` holds the two-sided P value.

    Notes
    -----
    Both tests take the years as independent. Annual means of one programme are not: each year holds many of the
    clients of the year before, so the P values are too small, and a small one says only that the row rises.

    Kendall's P is exact. R: `cor.test(1:8, dose, method = "kendall", exact = TRUE)`.
    """
    rows = []
    for name in TRENDS if programme.public else ():
        series = programme.frame[name].dropna() if name in programme.frame else pd.Series(dtype=float)
        if len(series) < _SMALLEST_TREND:
            continue
        pearson = stats.pearsonr(series.index, series)
        kendall = stats.kendalltau(series.index, series, method="exact" if series.is_unique else "auto")
        for test, found in (("pearson", pearson), ("kendall", kendall)):
            rows += [
                {
                    "level": name,
                    "model": test,
                    "estimand": "correlation",
                    "estimate": found.statistic,
                    "n": len(series),
                },
                {"level": name, "model": test, "estimand": "p_value", "estimate": found.pvalue, "n": len(series)},
            ]
    if not rows:
        raise NotSupported(_("No indicator has enough years for a trend."))
    frame = pd.DataFrame(rows).assign(population=programme.population, group="indicator", unit="")
    return Result(f"{programme.prefix}_trends", "indicators", frame, public=True)


# China only: what else is published.


def estimate_text_retention() -> Result:
    """Retention at six months and one year as the text of Li 2013 gives it for the end of 2007."""
    rows = select_figures(read_published("li2013_text"), measure="retention_percent")
    frame = rows.assign(level=rows["group"], estimate=rows["value"], definition=rows["source"], population=rows["area"])
    frame = frame[["definition", "population", "level", "estimate", "unit"]].assign(
        estimand="text_retention", group="month"
    )
    return Result("china_text_retention", "indicators", frame, public=True)


def estimate_reach(programme: Programme) -> Result:
    """Clients over published denominators; `level` names the denominator, `model` whether those who left count.

    Targets and a modelling estimate stand apart (`estimand`): they are no coverage.
    """
    effects, elsewhere = read_published("yin2010_effects"), read_published("central_asia_china")
    policy = read_published("yin2010_policy")
    rows = []
    for measure in ("registered_drug_users", "injecting_drug_users"):
        figures = select_figures(effects, measure=measure)
        for column, model in (("clients_year_end", "in_treatment"), ("clients_cumulative", "ever_enrolled")):
            clients = float(programme.frame[column][int(figures["date"].item())])
            rows.append(_share(clients, figures["value"].item(), measure, figures["date"].item(), model))
    heroin = select_figures(elsewhere, measure="heroin_users_estimate")
    served = figure_of(elsewhere, measure="clients_served", date=heroin["date"].item())
    rows.append(_share(served, heroin["value"].item(), "heroin_users_estimate", heroin["date"].item()[:4], "not_said"))
    targets = select_figures(policy, measure="target_coverage_percent")
    rows += [_stated("target", row["value"], "target_counties", row["date"][:4]) for row in targets.to_dict("records")]
    needed = figure_of(effects, measure="coverage_needed_percent")
    rows.append(_stated("modelled_need", needed, "people_who_use_drugs", ""))
    frame = pd.DataFrame(rows).assign(population=programme.population, group="denominator", unit="percent")
    return Result("china_reach", "indicators", frame, public=True)


def _share(clients: float, people: float, level: str, period: str, model: str) -> dict[str, object]:
    numbers = {"estimate": 100 * clients / people, "events": clients, "n": people}
    return {"estimand": "coverage", "level": level, "model": model, "period": period, **numbers}


def _stated(estimand: str, value: float, level: str, period: str) -> dict[str, object]:
    return {"estimand": estimand, "level": level, "model": "", "period": period, "estimate": value}


def estimate_scale_up() -> Result:
    """Clinics in China by date as Yin 2010 gives them, provinces beside, and the targets set for clinics.

    `day` is days since 1970-01-01, the last day of a month or year where only that is given.
    """
    figures = pd.concat([read_published("yin2010_scaleup"), read_published("yin2010_policy")])
    kept = figures[figures["measure"].isin(["clinics", "provinces", "target_clinics"]) & (figures["area"] == "China")]
    kept = kept.assign(when=kept["date"].where(kept["date"] != "", kept["period_end"]))
    kept = kept[(kept["when"].str.len() >= len("2004-06")) & (kept["qualifier"] == "exact")]
    rows = pd.DataFrame(
        {"estimand": kept["measure"], "period": kept["when"], "estimate": kept["value"], "unit": kept["unit"]}
    )
    rows["day"] = [(pd.Period(text).end_time.normalize() - pd.Timestamp(0)).days for text in kept["when"]]
    rows = rows.drop_duplicates(["estimand", "period"]).sort_values(["estimand", "day"])
    same = {"population": "China", "definition": "yin2010"}
    return Result("china_scale_up", "indicators", rows.assign(**same), public=True)
