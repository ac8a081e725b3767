"""Tables of chapter 40."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import EXPOSURES, label
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, number

WHY_NOT = {
    "lagged dose": lambda: _("looks only backwards: no immortal time"),
    "naive: entry": lambda: _("answers another question: the first dose, not the dose reached"),
    "naive: maximum": lambda: _("errs towards benefit: a high maximum can only be reached by staying (immortal time)"),
    "naive: mean": lambda: _("errs towards benefit: those who leave during titration have a low mean (immortal time)"),
    "naive: last": lambda: _(
        "errs where doses are tapered before leaving: the last dose is low because the client is leaving (reverse causation)"
    ),
}


def table_dose_bands(released: Released, by_cause: bool) -> Table:
    """Exits and person-time by dose band."""
    exits = _("Exits: dropout, administrative exit, completed taper; not death, prison or transfer out.")
    if not by_cause:
        exits = _("Exits of every kind: the study records no reasons.")
    rows = []
    for row in released.frame.to_dict("records"):
        shown = row["status"] == "shown"
        years = row["estimate"] / 365.25
        rows.append(
            {
                "band": row["level"] or _("All"),
                "clients": integer(row["n"]) if shown else withheld(),
                "years": number(years, 0) if shown else withheld(),
                "exits": integer(row["events"]) if shown else withheld(),
                "rate": number(100 * row["events"] / years, 1) if shown else withheld(),
            }
        )
    return make_table(
        released,
        pd.DataFrame(rows),
        name="dose_bands",
        caption=_("Leaving treatment by dose band"),
        headings={
            "band": _("Dose (mg a day)"),
            "clients": _("Clients"),
            "years": _("Person-years"),
            "exits": _("Exits"),
            "rate": _("Exits per 100 person-years"),
        },
        notes=[exits, _("A client can be in several bands. Not adjusted.")],
    )


def table_dose_slopes(slopes: Sequence[Released]) -> Table:
    """The guarded estimate and the naive ones, each with the way it errs."""
    rows = []
    for each in slopes:
        row = each.frame.iloc[0]
        shown = row["status"] == "shown"
        interval = _("{low} to {high}", low=number(row["lower"], 2), high=number(row["upper"], 2))
        rows.append(
            {
                "name": label(EXPOSURES, row["model"]),
                "ratio": number(row["estimate"], 2) if shown else withheld(),
                "interval": interval if shown else "–",
                "why": WHY_NOT[row["model"]](),
            }
        )
    unit = slopes[0].frame["group"].iloc[0]
    return make_table(
        slopes,
        pd.DataFrame(rows),
        name="dose_slopes",
        caption=_("Hazard ratio of leaving {unit}, by the way dose is measured", unit=unit),
        headings={
            "name": _("Dose measured as"),
            "ratio": _("Hazard ratio"),
            "interval": _("95% interval"),
            "why": _("Why, or why not"),
        },
        prose=["why"],
    )
