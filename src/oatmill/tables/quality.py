"""Tables of chapter 10."""

from __future__ import annotations

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import COVARIATES, label
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, ngettext, percent

SEVERITIES = {"stop": lambda: _("stops"), "quarantine": lambda: _("quarantined"), "warn": lambda: _("warning")}
_DONE = {
    "stop": lambda: _("nothing is read until it is cured"),
    "quarantine": lambda: _("set aside with its reason, not used"),
    "warn": lambda: _("kept and counted"),
}
_BLANKS = {"dose_blank": "dose_mg", "medication_blank": "medication", "site_blank": "site_id"}
_DUPLICATES = {
    "duplicate": lambda: _("Exact copies of another row: one is kept"),
    "day_summed": lambda: _("Client-days with several different rows: their doses are added"),
    "day_two_sites": lambda: _("Client-days with doses at two sites: one covered day"),
}


def table_ledger(released: Released) -> Table:
    """Rows read, kept and quarantined by table, and by file where a table has several."""
    wide = released.frame.pivot(index=["level", "term"], columns="estimand", values="estimate")
    wide = wide.loc[list(dict.fromkeys(zip(released.frame["level"], released.frame["term"], strict=True)))]
    columns = ["rows_read", "rows_kept", "rows_quarantined", "lines_skipped"]
    names = [f"{table}: {file}" if file else table for table, file in wide.index]
    rows = pd.DataFrame({"table": names} | {name: [_number(x) for x in wide[name]] for name in columns})
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
            "lines_skipped": _("Lines that are no rows"),
        },
        notes=[
            _("Rows read = rows kept + rows quarantined, before rounding. No row is lost silently."),
            _("Titles, comments and blank lines are no rows. A line of totals is read as a row and quarantined."),
        ],
    )


def table_checks(released: Released) -> Table:
    """What the checks found. Those that found nothing are counted in a note; the data file lists them all."""
    frame = released.frame[(released.frame["estimate"] > 0) | (released.frame["status"] == "withheld")]
    rows = pd.DataFrame(
        {
            "rule": [rule.replace("`", "") for rule in frame["term"]],
            "severity": [SEVERITIES[name]() for name in frame["model"]],
            "done": [_DONE[name]() for name in frame["model"]],
            "count": [_number(x) for x in frame["estimate"]],
            "table": frame["group"],
        }
    )
    headings = {"rule": _("Check"), "severity": _("Consequence"), "done": _("What was done"), "count": _("Rows")}
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
        prose=["severity", "done"],
    )


def table_duplicates(checks: Released) -> Table:
    """Copies, days of several rows and days at two sites, by table."""
    found = checks.frame[checks.frame["level"].isin(_DUPLICATES)]
    frame = found[(found["estimate"] != 0) | (found["group"] == "doses")]
    tables = ", ".join(dict.fromkeys(table for table in found["group"] if table not in set(frame["group"])))
    notes = [_("No row repeats another in: {tables}.", tables=tables)] if tables else []
    rows = pd.DataFrame(
        {
            "what": [_DUPLICATES[name]() for name in frame["level"]],
            "rows": [_number(x) for x in frame["estimate"]],
            "table": frame["group"],
        }
    )
    return make_table(
        checks,
        rows,
        name="duplicates",
        caption=_("Rows that repeat each other"),
        headings={"what": _("What"), "rows": _("Number")},
        groups="table",
        notes=notes,
    )


def table_missing(missing: Released | None, checks: Released, ledger: Released) -> Table:
    """Rows without a value by table and column; those of the dosing log come from its checks."""
    rows = _blank_in_log(checks, ledger)
    for row in missing.frame.to_dict("records") if missing else []:
        table = row["population"].removeprefix("rows of ")
        table = "clients" if table == "clients in the clients table" else table
        rows.append(_blank(table, row["level"], row["events"], row["estimate"]))
    columns = ["column", "rows", "share", "table"]
    return make_table(
        [*([missing] if missing else []), checks, ledger],
        pd.DataFrame(rows, columns=columns),
        name="missing_values",
        caption=_("Rows without a value"),
        headings={"column": _("Column"), "rows": _("Rows without a value"), "share": _("Share of the table's rows")},
        groups="table",
    )


def _blank_in_log(checks: Released, ledger: Released) -> list[dict[str, str]]:
    kept = ledger.where(estimand="rows_kept", level="doses", term="")["estimate"].sum()
    found = checks.where(group="doses", model="warn")
    return [
        _blank("doses", _BLANKS[row["level"]], row["estimate"], row["estimate"] / kept if kept else float("nan"))
        for row in found[found["level"].isin(_BLANKS)].to_dict("records")
    ]


def _blank(table: str, column: str, rows: float, share: float) -> dict[str, str]:
    known = share == share
    return {
        "table": table,
        "column": label(COVARIATES, column),
        "rows": _number(rows),
        "share": percent(share) if known else withheld(),
    }


def _number(value: float) -> str:
    return withheld() if value != value else integer(value)
