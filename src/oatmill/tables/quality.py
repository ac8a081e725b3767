"""Tables of chapter 10."""

from __future__ import annotations

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import COVARIATES, label
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, ngettext, percent

SEVERITIES = {"stop": lambda: _("stops"), "quarantine": lambda: _("quarantined"), "warn": lambda: _("warning")}


def table_ledger(released: Released) -> Table:
    """Rows read, kept and quarantined by table."""
    wide = released.frame.pivot(index="level", columns="estimand", values="estimate")
    columns = ["rows_read", "rows_kept", "rows_quarantined"]
    rows = pd.DataFrame({"table": wide.index} | {name: [_number(x) for x in wide[name]] for name in columns})
    return make_table(
        released,
        rows,
        name="ledger",
        caption=_("Rows read, kept and quarantined"),
        headings={
            "table": _("Table"),
            "rows_read": _("Rows read"),
            "rows_kept": _("Rows kept"),
            "rows_quarantined": _("Quarantined"),
        },
        notes=[_("Rows read = rows kept + rows quarantined, before rounding. No row is lost silently.")],
    )


def table_checks(released: Released) -> Table:
    """What the checks found. Those that found nothing are counted in a note; the data file lists them all."""
    frame = released.frame[(released.frame["estimate"] > 0) | (released.frame["status"] == "withheld")]
    rows = pd.DataFrame(
        {
            "rule": [rule.replace("`", "") for rule in frame["term"]],
            "severity": [SEVERITIES[name]() for name in frame["model"]],
            "count": [_number(x) for x in frame["estimate"]],
            "table": frame["group"],
        }
    )
    headings = {"rule": _("Check"), "severity": _("Consequence"), "count": _("Rows")}
    silent = len(released.frame) - len(frame)
    note = ngettext("{n} other check found nothing.", "{n} other checks found nothing.", silent)
    return make_table(
        released,
        rows,
        name="checks",
        caption=_("What the checks found"),
        headings=headings,
        groups="table",
        notes=[note],
    )


def table_missing(released: Released) -> Table:
    """Share of clients without a value, by column."""
    frame = released.frame
    rows = pd.DataFrame(
        {
            "column": [label(COVARIATES, name) for name in frame["level"]],
            "share": [percent(x) for x in frame["estimate"]],
        }
    )
    return make_table(
        released,
        rows,
        name="missing_values",
        caption=_("Clients without a value"),
        headings={"column": _("Column"), "share": _("Share of clients without a value")},
    )


def _number(value: float) -> str:
    return withheld() if value != value else integer(value)
