"""Sentences of chapter 30."""

from __future__ import annotations

from oatmill.disclosure import Released
from oatmill.text import _, integer, percent


def findings_retention(primary: Released, co_primary: Released | None, net: Released | None) -> list[str]:
    """What a reader must take home: retention by the primary definition, and how much the definition matters."""
    sentences = []
    for day, name in _printed(primary):
        row = primary.one(day=day, term="horizon")
        sentences.append(
            _(
                "{share} of starters were still in treatment after {name} days (95% interval {low} to {high}).",
                share=percent(row["estimate"]),
                name=name,
                low=percent(row["lower"]),
                high=percent(row["upper"]),
            )
        )
    other_gap = _gap_sentence(primary, co_primary) if co_primary else []
    return [*sentences, *other_gap, *(_net_sentence(primary, net) if net else [])]


def cards_retention(primary: Released) -> list[tuple[str, str, str]]:
    """The landing page's key numbers: retention at the study's last two horizons within a year."""
    cards = []
    for day, name in _printed(primary)[-2:]:
        row = primary.one(day=day, term="horizon")
        note = _("95% interval {low} to {high}", low=percent(row["lower"]), high=percent(row["upper"]))
        cards.append((_("in treatment after {name} days", name=name), percent(row["estimate"], 0), note))
    return cards


def _printed(released: Released) -> list[tuple[float, str]]:
    rows = released.where(term="horizon", status="shown")
    return [(day, integer(day)) for day in rows["day"] if day <= 365]


def _gap_sentence(primary: Released, co_primary: Released) -> list[str]:
    days = [
        day for day, _name in _printed(primary) if day in set(co_primary.where(term="horizon", status="shown")["day"])
    ]
    if not days:
        return []
    day = 90 if 90 in days else days[-1]
    wide, narrow = primary.one(day=day, term="horizon"), co_primary.one(day=day, term="horizon")
    return [
        _(
            "The definition matters: with a gap of {narrow} instead of {wide} days, retention after {day} days is "
            "{low} instead of {high}.",
            narrow=narrow["definition"].split("gap")[-1],
            wide=wide["definition"].split("gap")[-1],
            day=integer(day),
            low=percent(narrow["estimate"]),
            high=percent(wide["estimate"]),
        )
    ]


def _net_sentence(primary: Released, net: Released) -> list[str]:
    days = [day for day, _name in _printed(primary) if day in set(net.where(term="horizon", status="shown")["day"])]
    if not days:
        return []
    plain, censored = (released.one(day=days[-1], term="horizon") for released in (primary, net))
    if censored["estimate"] - plain["estimate"] < 0.001:
        return []
    return [
        _(
            "Counting death and prison as if those clients had stayed like the rest would raise retention after {day} "
            "days from {plain} to {censored}; that number is not a probability of being in treatment.",
            day=integer(days[-1]),
            plain=percent(plain["estimate"]),
            censored=percent(censored["estimate"]),
        )
    ]
