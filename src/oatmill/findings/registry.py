"""Sentences of chapter 50."""

from __future__ import annotations

from oatmill.disclosure import Released
from oatmill.tables.registry import date_text
from oatmill.text import _, integer, number, percent


def findings_registry(figures: Released, readings: Released, rates: Released, capacity: Released) -> list[str]:
    """What a reader must take home from the published figures."""
    return [
        _opening(readings),
        _fall(figures, readings),
        _survives(rates),
        _not_usable(figures, readings),
        _places(capacity),
        _("The source gives no estimate of people who inject opioids in Kyrgyzstan, so coverage cannot be stated."),
    ]


def _opening(readings: Released) -> str:
    row = readings.one(estimand="opening", level="persons")
    start = date_text(row["period"].split("/")[0])
    return _(
        "No opening stock is published. The flows imply {low} clients on {start} if they count enrolments, and "
        "anything from {low} to {high} if they count persons; the stock of that one day would decide (any other than {low}: persons).",
        low=integer(row["lower"]),
        high=integer(row["upper"]),
        start=start,
    )


def _fall(figures: Released, readings: Released) -> str:
    checkpoint = figures.one(model="checkpoint")
    least, even = (_value(readings, f"exits_after_{name}_percent") / 100 for name in ("at_least", "if_even"))
    return _(
        "The {stock} clients of {between} do not contradict {closing} at the end, but ask much: stock fell by {fall} in "
        "{days} days, so at least {least} of the {exits} exits lie in {time} of the period. Read as enrolments, with "
        "entries spread evenly, it would be {even}, after a rise of {rise} in the years before: possible, not plausible.",
        stock=integer(checkpoint["estimate"]),
        between=date_text(checkpoint["period"]),
        closing=integer(figures.one(estimand="clients_in_treatment", model="identity")["estimate"]),
        fall=integer(_value(readings, "exits_after_at_least")),
        days=integer(_value(readings, "days_after")),
        least=percent(least, 0),
        exits=integer(figures.one(estimand="exits")["estimate"]),
        time=percent(_value(readings, "days_after_percent") / 100, 0),
        even=percent(even, 0),
        rise=integer(readings.one(estimand="change_before", level="spells")["estimate"]),
    )


def _survives(rates: Released) -> str:
    exits, deaths = (rates.one(estimand=f"{name}_bounds") for name in ("exit_rate", "death_rate"))
    return _(
        "Under either reading between {low} and {high} clients left per 100 person-years, and between {least} and {most} "
        "died in treatment (person-time from stocks).",
        low=number(exits["lower"], 0),
        high=number(exits["upper"], 0),
        least=number(deaths["lower"]),
        most=number(deaths["upper"]),
    )


def _not_usable(figures: Released, readings: Released) -> str:
    dead = figures.one(model="not_usable", level="all")["estimate"]
    return _(
        "{dead} people registered as dead from opioid use cannot be deaths in treatment: those were {share} of {exits} "
        "exits, {deaths}. The figure is listed and not used.",
        dead=integer(dead),
        share=percent(figures.one(estimand="exits_by_death_percent")["estimate"] / 100),
        exits=integer(figures.one(estimand="exits")["estimate"]),
        deaths=integer(_value(readings, "deaths")),
    )


def _places(capacity: Released) -> str:
    filled = capacity.where(estimand="places_filled").sort_values("period")
    first, last = filled.iloc[0], filled.iloc[-1]
    return _(
        "{sites} sites of about {each} places hold about {places} clients: {first} filled in {when}, {last} at the end of "
        "the period.",
        sites=integer(_value(capacity, "sites")),
        each=integer(_value(capacity, "places") / _value(capacity, "sites")),
        places=integer(_value(capacity, "places")),
        first=percent(first["estimate"] / 100, 0),
        when=date_text(first["period"][: len("2021-01")]),
        last=percent(last["estimate"] / 100, 0),
    )


def cards_registry(figures: Released, rates: Released) -> list[tuple[str, str, str]]:
    """Key numbers for the landing page."""
    closing = figures.one(estimand="clients_in_treatment", model="identity")
    exits = rates.one(estimand="exit_rate_bounds")
    value = _("{low} to {high}", low=number(exits["lower"], 0), high=number(exits["upper"], 0))
    return [
        (_("clients in the Kyrgyz registry"), integer(closing["estimate"]), date_text(closing["period"])),
        (_("exits per 100 person-years, Kyrgyz registry"), value, _("under either reading of the published figures")),
    ]


def _value(released: Released, estimand: str) -> float:
    return float(released.one(estimand=estimand)["estimate"])
