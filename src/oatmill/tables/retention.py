"""Tables of chapter 30."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import MEASURES, REASONS, label, label_of_rule
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, percent, share_limits


def table_retention(sources: Sequence[Released]) -> Table:
    """Retention at the study's horizons by every definition that was estimated."""
    rows = [row for each in sources for row in _rows(each)]
    headings = {
        "measure": _("Definition"),
        "ends": _("End of an episode"),
        "day": _("Day"),
        "at_risk": _("Clients at risk"),
    }
    headings |= {"estimate": _("Retention"), "interval": _("95% interval")}
    return make_table(
        sources,
        pd.DataFrame(rows),
        name="retention_definitions",
        caption=_("Retention by definition"),
        headings=headings,
        groups="measure",
        notes=[
            _("Retained at day t: more than t days in treatment."),
            _(
                "ret_km_net censors death and prison: before rounding, and for the same starters, it is never lower than "
                "ret_km, and it is not a probability of being in treatment."
            ),
        ],
    )


def _rows(released: Released) -> list[dict[str, str]]:
    frame = released.frame
    if released.kind == "curve":
        frame = frame[frame["term"] == "horizon"]
    rows = []
    for row in frame.to_dict("records"):
        measure = row["definition"].partition("|")[0]
        shown = row["status"] == "shown"
        interval = share_limits(row["lower"], row["upper"])
        rows.append(
            {
                "ends": label_of_rule(row["definition"]),
                "day": integer(row["day"]),
                "at_risk": integer(row["n"]) if shown else withheld(),
                "estimate": percent(row["estimate"]) if shown else withheld(),
                "interval": interval if shown else "–",
                "measure": label(MEASURES, measure),
            }
        )
    return rows


def table_exits(released: Released) -> Table:
    """How the first episode of each starter ended."""
    rows = []
    for name in REASONS:
        row = released.one(level=name)
        rows.append(
            {
                "reason": label(REASONS, name),
                "clients": integer(row["estimate"]) if row["status"] == "shown" else withheld(),
            }
        )
    total = integer(released.frame["n"].iloc[0])
    return make_table(
        released,
        pd.DataFrame(rows),
        name="exit_reasons",
        caption=_("How the first episode stood at the end of follow-up"),
        headings={"reason": _("Reason"), "clients": _("Clients (of {n})", n=total)},
    )
