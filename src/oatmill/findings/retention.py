"""Sentences of chapter 30."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oatmill.disclosure import Released
from oatmill.labels import label_of_rule
from oatmill.study import Definitions
from oatmill.text import _, integer, percent, share_limits

# Below this the rounding of counts may be all there is.
SMALLEST_DIFFERENCE = 0.01


def findings_retention(primary: Released, co_primary: Released | None, net: Released | None) -> list[str]:
    """What a reader must take home: retention by the primary definition, and how much the definition matters."""
    sentences = [_share_sentence(primary, day) for day in _printed(primary)]
    if not sentences:
        sentences = [_("Too few clients are at risk at the study's horizons for a share that may be shown.")]
    other_gap = _gap_sentence(primary, co_primary) if co_primary else []
    return [*sentences, *other_gap, *(_net_sentence(primary, net) if net else [])]


def findings_definitions(released: Sequence[Released]) -> list[str]:
    """How far apart the definitions lie on the same data, at the day that most of them share."""
    shares = [row for each in released for row in _shares(each)]
    days = [row["day"] for row in shares if row["day"] == row["day"]]
    if not days:
        return []
    day = max(set(days), key=lambda each: (days.count(each), each))
    rows = sorted((row for row in shares if row["day"] == day), key=lambda row: row["estimate"])
    low, high = rows[0], rows[-1]
    if low["estimate"] == high["estimate"]:
        return []
    return [
        _(
            "On the same data, retention after {day} days is {low} by {lowest} and {high} by {highest}: compare programmes "
            "only by one and the same definition.",
            day=integer(day),
            low=percent(low["estimate"]),
            lowest=_named(low["definition"]),
            high=percent(high["estimate"]),
            highest=_named(high["definition"]),
        )
    ]


def _named(definition: str) -> str:
    return _("{measure} ({rule})", measure=definition.partition("|")[0], rule=label_of_rule(definition))


def _shares(released: Released) -> list[dict[Any, Any]]:
    frame = released.where(status="shown")
    if released.kind in ("curve", "derived"):
        frame = frame[frame["term"] == "horizon"]
    return frame[(frame["unit"] != "clients") & (frame["estimand"] != "completed_window")].to_dict("records")


def limits_definitions(lacking: Sequence[tuple[str, str]]) -> list[str]:
    """The definitions that the study's data do not support, each with what it lacks."""
    return [_("{name} is not shown. {reason}", name=name, reason=reason) for name, reason in lacking]


def limits_retention(definitions: Definitions, recorded: bool) -> list[str]:
    """How far the numbers carry, by the study's own settings."""
    if recorded:
        return [
            _("Ends are as recorded. Such a table does not tell whether a client was ever treated before."),
        ]
    gap = integer(definitions.gap_days)
    if definitions.open_episode_censoring == "cut":
        text = _(
            "Clients still in treatment are censored at the data cut itself: nobody can be seen to leave in the last {gap} "
            "days, so retention is overstated at every horizon.",
            gap=gap,
        )
    else:
        text = _(
            "Leaving is known only after the gap has passed, so everything is assessed as of {gap} days before the data cut.",
            gap=gap,
        )
    if definitions.follow_up_days is None:
        return [text]
    window = _("Only days 1 to {days} of each episode are looked at.", days=integer(definitions.follow_up_days))
    return [text, window]


def cards_retention(primary: Released) -> list[tuple[str, str, str]]:
    """The landing page's key numbers: retention at the study's last two horizons."""
    cards = []
    for day in _printed(primary)[-2:]:
        row = primary.one(day=day, term="horizon")
        note = _("95% interval {interval}", interval=share_limits(row["lower"], row["upper"]))
        cards.append((_("in treatment after {day} days", day=integer(day)), percent(row["estimate"], 0), note))
    return cards


def _share_sentence(primary: Released, day: float) -> str:
    row = primary.one(day=day, term="horizon")
    values = {
        "share": percent(row["estimate"]),
        "day": integer(day),
        "interval": share_limits(row["lower"], row["upper"]),
    }
    if row["population"] == "clients":
        return _("{share} of clients were still in treatment after {day} days (95% interval {interval}).", **values)
    return _("{share} of starters were still in treatment after {day} days (95% interval {interval}).", **values)


def _printed(released: Released) -> list[float]:
    return list(released.where(term="horizon", status="shown")["day"])


def _gap_sentence(primary: Released, co_primary: Released) -> list[str]:
    days = [day for day in _printed(primary) if day in _printed(co_primary)]
    if not days:
        return []
    day = 90 if 90 in days else days[-1]
    wide, narrow = primary.one(day=day, term="horizon"), co_primary.one(day=day, term="horizon")
    return [
        _(
            "The definition matters: with a gap of {narrow} instead of {wide} days, each with its own starters, retention "
            "after {day} days is {low} instead of {high}.",
            narrow=narrow["definition"].split("gap")[-1],
            wide=wide["definition"].split("gap")[-1],
            day=integer(day),
            low=percent(narrow["estimate"]),
            high=percent(wide["estimate"]),
        )
    ]


def _net_sentence(primary: Released, net: Released) -> list[str]:
    days = [day for day in _printed(primary) if day in _printed(net)]
    same_starters = primary.frame["n"].iloc[0] == net.frame["n"].iloc[0]
    if not days or not same_starters:
        return []
    plain, censored = (released.one(day=days[-1], term="horizon") for released in (primary, net))
    if censored["estimate"] - plain["estimate"] < SMALLEST_DIFFERENCE:
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
