"""Tables of chapter 60."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import Labels, label
from oatmill.published import read_published
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, number, percent

INDICATORS: Labels = {
    "clinics": lambda: _("Clinics in operation"),
    "clients_per_clinic": lambda: _("Clients per clinic, mean"),
    "clients_per_clinic_range": lambda: _("Clients per clinic, range"),
    "clients_per_staff": lambda: _("Clients per staff member"),
    "clients_cumulative": lambda: _("Clients ever enrolled"),
    "clients_year_end": lambda: _("Clients at year end"),
    "retention_percent": lambda: _("Annual retention (%)"),
    "mean_days_in_treatment": lambda: _("Mean time in treatment (days)"),
    "mean_dose_mg": lambda: _("Mean daily dose (mg)"),
    "se_dose_mg": lambda: _("Printed as SE of dose (mg)"),
    "concurrent_use_percent": lambda: _("Concurrent opioid use (%)"),
    "hiv_testing_percent": lambda: _("Tested for HIV (%)"),
    "hcv_testing_percent": lambda: _("Tested for hepatitis C (%)"),
    "syphilis_testing_percent": lambda: _("Tested for syphilis (%)"),
    "training_cost_usd": lambda: _("Training costs (1,000 US$)"),
}
THOUSANDS = {"training_cost_usd"}
_DECIMALS = {"retention_percent", "mean_dose_mg", "se_dose_mg", "concurrent_use_percent"}
_DECIMALS |= {"hiv_testing_percent", "hcv_testing_percent", "syphilis_testing_percent"}
DENOMINATORS: Labels = {
    "registered_drug_users": lambda: _("registered people who use drugs"),
    "injecting_drug_users": lambda: _("registered people who inject drugs"),
    "heroin_users_estimate": lambda: _("people who use heroin, estimated"),
    "target_counties": lambda: _("people who use opiates, counties with more than 500 registered"),
    "people_who_use_drugs": lambda: _("people who use drugs"),
}
CLIENTS: Labels = {
    "in_treatment": lambda: _("in treatment at year end"),
    "ever_enrolled": lambda: _("ever enrolled, those who left included"),
    "not_said": lambda: _("in treatment or ever: not said"),
}
_TESTS: Labels = {"pearson": lambda: _("Pearson"), "kendall": lambda: _("Kendall")}


def write_indicator(name: str, value: float) -> str:
    """An indicator's value with its usual decimals; costs in thousands."""
    return number(value / 1000 if name in THOUSANDS else value, 1 if name in _DECIMALS else 0)


def table_indicators(sources: Sequence[Released]) -> Table:
    """The indicators by year; the notes of the source under a published table."""
    frame = pd.concat([source.frame for source in sources])
    years = sorted(frame["period"].unique())
    notes = read_published("li2013_notes") if _published(frame) else None
    rows = []
    for name in INDICATORS:
        part = frame[frame["level"] == name].set_index("period")
        if not part.empty:
            cells = {year: _cell(name, part.loc[year]) if year in part.index else "–" for year in years}
            rows.append({"indicator": _with_letters(name, notes), **cells})
    texts = [_("–: not printed, which is not zero.")] if notes is not None else []
    if notes is not None:
        texts += [f"{row['note']}  {row['paraphrase']} {row['caution']}" for row in notes.to_dict("records")]
    population = frame["population"].iloc[0]
    return make_table(
        sources,
        pd.DataFrame(rows),
        name=f"{_prefix(sources[0])}_indicators",
        caption=_("Indicators by year: {population}", population=population),
        headings={"indicator": _("Indicator")},
        notes=texts,
    )


def _published(frame: pd.DataFrame) -> bool:
    return bool((frame["level"] == "clients_per_clinic_range").any())


def _prefix(source: Released) -> str:
    return source.output.split("_", 1)[0]


def _with_letters(name: str, notes: pd.DataFrame | None) -> str:
    if notes is None:
        return label(INDICATORS, name)
    letters = [row["note"] for row in notes.to_dict("records") if name in row["indicators"].split("|")]
    text = label(INDICATORS, name)
    return _("{indicator} [{notes}]", indicator=text, notes=", ".join(letters)) if letters else text


def _cell(name: str, row: pd.Series) -> str:
    if row["status"] != "shown":
        return withheld()
    if name.endswith("_range"):
        return _("{low}–{high}", low=integer(row["lower"]), high=integer(row["upper"]))
    return write_indicator(name, row["estimate"])


def table_flows(flows: Released, rates: Released, reported: Released | None = None) -> Table:
    """Opening, new, closing and net exits by year with their rate, the reported retention beside."""
    wide = flows.frame.pivot(index="period", columns="estimand", values="estimate")
    rows = []
    for year, row in wide.iterrows():
        rate = rates.one(estimand="net_exit_rate", period=year)
        cells = {name: withheld() if pd.isna(row[name]) else integer(row[name]) for name in _FLOWS}
        cells |= {"rate": _interval(rate), "kept": _percent(rates, "kept_percent", year)}
        cells |= {"entrants": _percent(rates, "entrants_percent", year)}
        if reported is not None:
            cells["reported"] = _percent(reported, "reported_percent", year)
        rows.append({"year": str(year), **cells})
    headings = {
        "year": _("Year"),
        "opening": _("Opening stock"),
        "new": _("New clients"),
        "closing": _("Closing stock"),
        "net_exits": _("Net exits"),
        "rate": _("Net exits per 100 person-years (95% interval)"),
        "kept": _("Closing / (opening + new)"),
        "entrants": _("New / (opening + new)"),
        "reported": _("Reported December retention"),
    }
    notes = [
        _("New: difference of cumulative counts. Net exits: opening + new - closing, that is exits less returns."),
        _(
            "Person-time: mean of opening and closing stock times one year; rough where stock grew fast within the year."
        ),
        _("Exact Poisson intervals: chance only. Returns, which hide exits, are a far larger doubt."),
    ]
    return make_table(
        [source for source in (flows, rates, reported) if source is not None],
        pd.DataFrame(rows),
        name=f"{_prefix(flows)}_flows",
        caption=_("Stock and flow by year (clients)"),
        headings=headings,
        notes=notes,
    )


_FLOWS = ("opening", "new", "closing", "net_exits")


def _interval(row: pd.Series) -> str:
    if row["status"] != "shown":
        return withheld()
    if pd.isna(row["lower"]):
        return number(row["estimate"])
    low, high = number(row["lower"]), number(row["upper"])
    return _("{value} ({low} to {high})", value=number(row["estimate"]), low=low, high=high)


def _percent(source: Released, estimand: str, year: object) -> str:
    rows = source.where(estimand=estimand, period=year)
    return percent(rows["estimate"].iloc[0] / 100) if len(rows) else "–"


def table_december(december: Released, rates: Released) -> Table:
    """What the reported retention implies if December's clients are the closing count, year by year."""
    wide = december.frame.pivot(index="period", columns="estimand", values="estimate")
    rows = []
    for year, row in wide.iterrows():
        net = rates.where(estimand="net_exit_rate", period=year)["estimate"]
        rows.append(
            {
                "year": str(year),
                "reported": percent(row["reported_percent"] / 100),
                "dosed": integer(row["dosed"]),
                "known": integer(row["known"]),
                "ever": integer(row["ever"]),
                "net": number(net.iloc[0]) if len(net) else "–",
                "gross": number(row["gross_rate"]) if 0 <= row["returners"] <= row["ever"] - row["known"] else "–",
                "verdict": _verdict(row),
            }
        )
    headings = {
        "year": _("Year"),
        "reported": _("Reported retention"),
        "dosed": _("Implied: dosed in the year"),
        "known": _("Opening + new"),
        "ever": _("Ever enrolled"),
        "net": _("Net exits per 100 person-years"),
        "gross": _("Implied exits per 100 person-years"),
        "verdict": _("Reading"),
    }
    notes = [
        _("Implied: closing stock / reported retention, as if the clients dosed in December were the closing stock."),
        _(
            "Fewer than opening + new: the difference would have to have died in the year (note c leaves the dead out), or "
            "the two rows count different things. In the first year opening + new is everybody ever enrolled."
        ),
    ]
    caption = _("Does the reported retention fit the counts?")
    frame = pd.DataFrame(rows)
    return make_table(
        [december, rates], frame, name=f"{_prefix(december)}_december", caption=caption, headings=headings, notes=notes
    )


def _verdict(row: pd.Series) -> str:
    if row["dosed"] > row["ever"]:
        return _("more than ever enrolled: impossible")
    if row["returners"] < 0:
        return _("{n} too few", n=integer(-row["returners"]))
    return _("{n} returned, at least", n=integer(row["returners"]))


def table_trends(trends: Released) -> Table:
    """Correlation of yearly means with the year, by two tests."""
    rows = []
    for name in dict.fromkeys(trends.frame["level"]):
        for test in dict.fromkeys(trends.frame["model"]):
            found, p = (trends.one(level=name, model=test, estimand=e) for e in ("correlation", "p_value"))
            cells = (label(_TESTS, test), number(found["estimate"], 3), number(p["estimate"], 5), integer(found["n"]))
            rows.append((label(INDICATORS, name), *cells))
    columns = ["indicator", "test", "correlation", "p", "n"]
    headings = {"indicator": _("Indicator"), "test": _("Test"), "correlation": _("Correlation with the year")}
    headings |= {"p": _("P (two-sided)"), "n": _("Years")}
    note = _(
        "Annual means of one programme are not independent: each year holds many clients of the year before. These P values "
        "are too small, and say only that the row rises."
    )
    return make_table(
        trends,
        pd.DataFrame(rows, columns=columns),
        name="china_trends",
        caption=_("Do dose and time in treatment rise?"),
        headings=headings,
        notes=[note],
    )


def table_reach(reach: Released) -> Table:
    """Clients over denominators that are named; targets and a modelled need apart."""
    kinds = {
        "coverage": _("Clients over a published denominator"),
        "target": _("Targets (no result)"),
        "modelled_need": _("Modelling estimate of what is needed (no result)"),
    }
    rows = [
        {
            "denominator": label(DENOMINATORS, row["level"]),
            "year": row["period"] or "–",
            "who": label(CLIENTS, row["model"]) if row["model"] else "–",
            "clients": integer(row["events"]),
            "people": integer(row["n"]),
            "share": percent(row["estimate"] / 100),
            "kind": kinds[row["estimand"]],
        }
        for row in reach.frame.to_dict("records")
    ]
    headings = {"denominator": _("Denominator"), "year": _("Year"), "who": _("Clients: who")}
    headings |= {"clients": _("Clients"), "people": _("Denominator (people)"), "share": _("Share")}
    note = _(
        "No denominator is the estimated number of opioid-dependent people who inject, so no coverage band is given. Many who "
        "use drugs are not registered."
    )
    return make_table(
        reach,
        pd.DataFrame(rows),
        name="china_reach",
        caption=_("China: reach, with the denominator named"),
        headings=headings,
        notes=[note],
        groups="kind",
    )
