"""Tables of chapter 50."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import Labels, label
from oatmill.published import read_published
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, current_language, date, integer, number, percent

FIGURES: Labels = {
    "clients_in_treatment": lambda: _("Clients enrolled"),
    "programme_start": lambda: _("Programme began"),
    "sites_operating": lambda: _("Sites in operation"),
    "capacity_per_site": lambda: _("Places per site, about"),
    "admission_step": lambda: _("Admission, step"),
    "reporting_period_start": lambda: _("Reporting period begins"),
    "reporting_period_end": lambda: _("Reporting period ends"),
    "registered_deaths_attributed_to_opioid_use": lambda: _("People registered as dead from opioid use"),
    "exits": lambda: _("Clients who left"),
    "exits_by_death_percent": lambda: _("Share of those who left"),
    "enrolments": lambda: _("Clients enrolled in the period"),
    "enrolments_primary_percent": lambda: _("Share of enrolments"),
    "share_of_clients_percent": lambda: _("Share of clients"),
}
PARTS: Labels = {
    "women": lambda: _("women"),
    "health_care": lambda: _("health-care"),
    "penitentiary": lambda: _("penitentiary"),
    "death": lambda: _("by death"),
    "primary": lambda: _("primary"),
    "age_30_44": lambda: _("aged 30 to 44"),
    "unemployed": lambda: _("unemployed"),
    "high_school_education": lambda: _("high school education"),
    "single_or_divorced": lambda: _("single or divorced"),
    "criteria": lambda: _("criteria"),
    "contraindications_and_consent": lambda: _("contraindications and consent"),
    "committee": lambda: _("committee"),
    "contract": lambda: _("contract"),
    "registration": lambda: _("registration"),
}
USES: Labels = {
    "identity": lambda: _("stock-flow identity"),
    "split": lambda: _("splits a flow"),
    "checkpoint": lambda: _("tests the readings"),
    "composition": lambda: _("composition"),
    "capacity": lambda: _("capacity"),
    "date": lambda: _("date"),
    "order": lambda: _("order only"),
    "undated": lambda: _("no date: not placed"),
    "not_usable": lambda: _("not usable"),
}
DENOMINATORS: Labels = {
    "opioid_dependent_estimate": lambda: _("opioid-dependent people, estimated"),
    "opioid_users_estimate": lambda: _("people who use opioids, estimated"),
    "heroin_users_estimate": lambda: _("people who use heroin, estimated"),
    "registered_drug_users": lambda: _("registered people who use drugs"),
    "injecting_drug_users": lambda: _("registered people who inject drugs"),
}
_STOCKS: Labels = {
    "two_stocks": lambda: _("two stocks"),
    "three_stocks": lambda: _("three stocks"),
}


def day_of(iso: str) -> dt.date:
    """The first day that `2021`, `2021-01` or `2021-01-31` names."""
    return dt.date.fromisoformat(f"{iso}-01-01"[:10] if len(iso) == 4 else f"{iso}-01"[:10])


def date_text(iso: str) -> str:
    """`2021-01-31`, `2021-01` or `2021` in words; empty stays empty.

    >>> date_text("2021-01"), date_text("2021-06-09")
    ('January 2021', '9 June 2021')
    """
    if len(iso) == len("2021-01"):
        from babel.dates import format_date

        return str(format_date(day_of(iso), format="LLLL y", locale=current_language()))
    return date(day_of(iso)) if len(iso) > len("2021") else iso


def signed(value: float) -> str:
    """A whole number with its sign (a change)."""
    return f"+{integer(value)}" if value > 0 else integer(value).replace("-", "−")


def table_published_figures(figures: Released) -> Table:
    """Every published figure as printed, with its place in the source and what it is used for."""
    source = read_published("kyrgyz_registry").set_index("id")
    rows = []
    for row in figures.frame.to_dict("records"):
        stated = source.loc[row["term"]]
        what, part = label(FIGURES, row["estimand"]), row["level"]
        what = _("{what}: {part}", what=what, part=label(PARTS, part)) if part not in ("", "all") else what
        start, _slash, end = row["period"].partition("/")
        when = _("{start} to {end}", start=date_text(start), end=date_text(end)) if end else date_text(start)
        use = label(USES, row["model"])
        rows.append({"what": what, "printed": stated["printed"], "when": when, "use": use, "place": stated["place"]})
    headings = {"what": _("Figure"), "printed": _("As printed"), "when": _("Date or period"), "use": _("Use here")}
    notes = [
        _("Source: the review of 2021 (mat2021review in the references); groups of rows name the place in it."),
        _(
            "Not usable: more people than all clients who left for any reason, so not deaths in treatment; whose deaths "
            "and which register is not said."
        ),
    ]
    caption = _("Every published figure about the registry")
    shown = pd.DataFrame(rows)
    return make_table(
        figures, shown, name="kyrgyz_figures", caption=caption, headings=headings, notes=notes, groups="place"
    )


def table_readings(figures: Released, readings: Released) -> Table:
    """The stock-flow identity line by line under the two readings."""
    start, end = readings.frame["period"].iloc[0].split("/")
    checkpoint = figures.one(model="checkpoint")
    between = date_text(checkpoint["period"])
    opening = [_line(readings, "opening", level) for level in ("spells", "persons")]
    change = [_line(readings, "change_before", level, signed) for level in ("spells", "persons")]
    fall = signed(readings.one(estimand="change_after")["estimate"])
    returners = integer(readings.one(estimand="repeat_enrolments")["estimate"])
    exits, stock_end = (integer(figures.one(estimand=name, model="identity")["estimate"]) for name in _ENDS)
    entries = integer(figures.one(estimand="enrolments")["estimate"])
    first = integer(readings.one(estimand="primary_enrolments")["estimate"])
    least = _share(readings, "exits_after_at_least")
    rows = [
        (_("Opening stock, {day} (implied)", day=date_text(start)), *opening),
        (_("+ clients who came"), entries, _("{first} + R, R from 0 to {most}", first=first, most=returners)),
        (_("- clients who left"), exits, exits),
        (_("= closing stock, {day}", day=date_text(end)), stock_end, stock_end),
        (_("Change to {day}", day=between), *change),
        (_("Change from {between} to {end}", between=between, end=date_text(end)), fall, fall),
        (_("Exits that this fall needs, at least"), least, least),
        (_("Exits in that time if enrolment was even"), _share(readings, "exits_after_if_even"), "–"),
    ]
    headings = {"line": "", "spells": _("Read as enrolments"), "persons": _("Read as persons")}
    notes = [
        _("R: returning clients who were not in the opening stock."),
        _("The stock of {between} is read as that of its first day.", between=between),
    ]
    frame = pd.DataFrame(rows, columns=["line", "spells", "persons"])
    caption = _("Stock and flow under two readings (clients)")
    return make_table(
        [figures, readings], frame, name="kyrgyz_readings", caption=caption, headings=headings, notes=notes
    )


_ENDS = ("exits", "clients_in_treatment")


def _line(readings: Released, estimand: str, level: str, write=integer) -> str:  # type: ignore[no-untyped-def]
    row = readings.one(estimand=estimand, level=level)
    if pd.isna(row["estimate"]):
        return _("{low} to {high}", low=write(row["lower"]), high=write(row["upper"]))
    return str(write(row["estimate"]))


def _share(readings: Released, estimand: str) -> str:
    count = integer(readings.one(estimand=estimand)["estimate"])
    share = percent(readings.one(estimand=f"{estimand}_percent")["estimate"] / 100)
    return _("{n} ({share} of all exits)", n=count, share=share)


def table_rate_bounds(rates: Released) -> Table:
    """Exits and deaths per 100 person-years for the lowest and the highest opening stock."""
    rows = []
    for opening in dict.fromkeys(rates.where(estimand="person_time")["level"]):
        for model in _STOCKS:
            same = {"level": opening, "model": model}
            years = rates.one(estimand="person_time", **same)["estimate"]
            cells = [_interval(rates.one(estimand=name, **same)) for name in ("exit_rate", "death_rate")]
            rows.append((integer(float(opening)), label(_STOCKS, model), integer(years), *cells))
    columns = ["opening", "stocks", "years", "exits", "deaths"]
    headings = {
        "opening": _("Opening stock (clients)"),
        "stocks": _("Person-time from"),
        "years": _("Person-years"),
        "exits": _("Exits per 100 person-years (95% interval)"),
        "deaths": _("Deaths in treatment per 100 person-years (95% interval)"),
    }
    notes = [
        _("Person-time: mean of the stock at both ends times the length of the period, or with the stock between too."),
        _("Exact Poisson intervals: chance only, not the doubt about the stock."),
    ]
    frame = pd.DataFrame(rows, columns=columns)
    caption = _("What survives either reading")
    return make_table(rates, frame, name="kyrgyz_rates", caption=caption, headings=headings, notes=notes)


def _interval(row: pd.Series) -> str:
    low, high = number(row["lower"]), number(row["upper"])
    return _("{value} ({low} to {high})", value=number(row["estimate"]), low=low, high=high)


def table_coverage(coverage: Released) -> Table:
    """Clients over published denominators, each named."""
    rows = [
        {
            "area": _("{area}, {when}", area=_(row["population"]), when=date_text(row["period"]) or _("undated")),
            "clients": integer(row["events"]),
            "people": integer(row["n"]),
            "denominator": label(DENOMINATORS, row["level"]),
            "share": percent(row["estimate"] / 100),
        }
        for row in coverage.frame.to_dict("records")
    ]
    headings = {
        "area": _("Area and date"),
        "clients": _("Clients"),
        "people": _("Denominator (people)"),
        "denominator": _("Who they are"),
        "share": _("Clients as % of denominator"),
    }
    note = _(
        "No denominator is the estimated number of opioid-dependent people who inject, so no coverage band is given; "
        "none has an interval."
    )
    caption = _("Coverage as published figures allow it")
    return make_table(coverage, pd.DataFrame(rows), name="coverage", caption=caption, headings=headings, notes=[note])


def table_registry_ledger(ledger: Released, rates: Released) -> Table:
    """The study's own ledger: stock, flows, residual and exit rate by period."""
    totals = ledger.where(level="")
    wide = totals[totals["period"] != ""].pivot(index="period", columns="estimand", values="estimate")
    rows = []
    for period, row in wide.iterrows():
        shown = {name: withheld() if pd.isna(row[name]) else integer(row[name]) for name in _LEDGER}
        rate = rates.one(estimand="exit_rate", period=period)
        rows.append({"period": str(period), **shown, "rate": "–" if pd.isna(rate["lower"]) else _interval(rate)})
    headings = {
        "period": _("Period"),
        "opening": _("Opening stock"),
        "entered": _("Enrolled"),
        "left": _("Left"),
        "closing": _("Closing stock"),
        "residual": _("Residual"),
        "rate": _("Exits per 100 person-years (95% interval)"),
    }
    notes = [text(integer(_fault(ledger, name))) for name, text in _FAULTS.items() if _fault(ledger, name) > 0]
    notes.append(_("Residual: opening + enrolled - left - closing before rounding; it is shown, never spread."))
    notes.append(_("Person-time: mean of the opening and closing stock as shown, times the length of the period."))
    if len(ledger.where(estimand="after_cut")):
        notes.append(_("Spells as recorded; the last period ends with the data."))
    caption = _("Ledger of the registry")
    return make_table(
        [ledger, rates], pd.DataFrame(rows), name="registry_ledger", caption=caption, headings=headings, notes=notes
    )


_LEDGER = ("opening", "entered", "left", "closing", "residual")
_FAULTS = {
    "backwards": lambda n: _("Spells that end before they begin, left out: {n}.", n=n),
    "after_cut": lambda n: _("Spells that begin after the data cut, left out: {n}.", n=n),
    "overlapping": lambda n: _("Spells that begin while another of the same client is open, counted twice: {n}.", n=n),
    "absent": lambda n: _("Periods of a site without a row: {n}.", n=n),
}


def _fault(ledger: Released, name: str) -> float:
    rows = ledger.where(estimand=name)
    return float(rows["estimate"].sum())
