"""Sentences of chapter 30."""

from __future__ import annotations

from oatmill.disclosure import Released
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
