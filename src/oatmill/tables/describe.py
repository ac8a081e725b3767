"""Tables of chapter 20."""

from __future__ import annotations

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import COVARIATES, LEVELS, label
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, number, percent


def table_characteristics(shares: Released, mean_age: Released | None) -> Table:
    """Table 1: starters by the study's covariates."""
    rows = []
    for row in shares.frame.to_dict("records"):
        shown = row["status"] == "shown"
        rows.append(
            {
                "level": label(LEVELS, row["level"]),
                "clients": integer(row["events"]) if shown else withheld(),
                "share": percent(row["estimate"]) if shown else withheld(),
                "group": label(COVARIATES, row["group"]),
            }
        )
    notes = []
    if mean_age is not None and mean_age.frame["status"].iloc[0] == "shown":
        mean, sd = (number(mean_age.one(estimand=name)["estimate"]) for name in ("mean_age", "sd_age"))
        notes.append(_("Mean age {mean} years, standard deviation {sd}.", mean=mean, sd=sd))
    return make_table(
        [shares] if mean_age is None else [shares, mean_age],
        pd.DataFrame(rows),
        name="characteristics",
        caption=_("Clients analysed, at entry"),
        headings={"level": _("Characteristic"), "clients": _("Clients"), "share": _("Share")},
        groups="group",
        notes=notes,
    )


def table_episodes(released: Released) -> Table:
    """Clients by their number of episodes."""
    frame = released.frame
    names = [_("5 and more") if level == "5" else level for level in frame["level"]]
    counts = [withheld() if value != value else integer(value) for value in frame["estimate"]]
    return make_table(
        released,
        pd.DataFrame({"episodes": names, "clients": counts}),
        name="episodes_per_client",
        caption=_("Episodes per client in the log"),
        headings={"episodes": _("Episodes"), "clients": _("Clients")},
    )
