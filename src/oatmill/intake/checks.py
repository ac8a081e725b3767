"""What the intake looked at and how often it was so: the rows of `Intake.checks`, and `Intake.facts`.

Severity `stop`: a count above 0 would have stopped the intake. `quarantine`: such rows were set aside.
`warn`: counted, nothing was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import duckdb

from oatmill.intake import sql
from oatmill.intake.cells import can_be_bad
from oatmill.intake.columns import Layout, names_told
from oatmill.intake.doses import daily_dose, site_from_clients
from oatmill.intake.rows import UNIQUE, kept, out, reasons
from oatmill.schema import Column
from oatmill.study import Definitions
from oatmill.text import _, number


@dataclass(frozen=True)
class Check:
    """One check: its id, what it looks for in words, and how many rows (or clients, or columns) it met."""

    table: str
    check: str
    severity: Literal["stop", "quarantine", "warn"]
    rule: str
    count: int


def check_table(con: duckdb.DuckDBPyConnection, layout: Layout, definitions: Definitions) -> list[Check]:
    """The checks that need this table alone."""
    return [
        *_stops(layout),
        *_quarantined(con, layout, definitions),
        *_implausible(con, layout, definitions),
        *_unused(layout),
    ]


def check_log(
    con: duckdb.DuckDBPyConnection, layout: Layout, definitions: Definitions, clients: Layout | None
) -> list[Check]:
    """The checks of the dosing log. Needs `log_total` of `write_doses`."""
    source = kept(layout)
    checks = [
        ("dose_zero", _("the dose is zero or negative: the row covers no day"), f"{source} WHERE dose_mg <= 0"),
        ("dose_blank", _blank_rule(definitions), f"{source} WHERE dose_mg IS NULL"),
    ]
    dose = daily_dose(layout, definitions)
    finer = _("the dose is finer than 0.1 mg a day and was rounded")
    checks.append(
        ("dose_rounded", finer, f"{source} WHERE dose_mg > 0 AND abs(10 * {dose} - round(10 * {dose})) > 1e-6")
    )
    if layout.has("medication"):
        words = _("the medication is blank: taken as {medication}", medication=definitions.medication)
        checks.append(("medication_blank", words, f"{source} WHERE medication IS NULL"))
    if layout.has("site_id"):
        checks.append(("site_blank", _("the site is blank"), f"{source} WHERE site_id IS NULL"))
    elif site_from_clients(layout, clients):
        words = _("the log names no site: each row takes the site of its client")
        checks.append(("site_from_clients", words, source))
    summed, two_sites = con.execute("SELECT summed, two_sites FROM log_total").fetchone() or (0, 0)
    return [
        *(Check("doses", check, "warn", rule, count(con, rows)) for check, rule, rows in checks),
        Check("doses", "day_summed", "warn", _("client and day with several rows, their doses summed"), summed),
        Check("doses", "day_two_sites", "warn", _("client and day with doses at two sites"), two_sites),
    ]


def check_links(con: duckdb.DuckDBPyConnection, layouts: Mapping[str, Layout]) -> list[Check]:
    """Clients and sites that one table has and another lacks."""
    pairs = [
        ("doses", "clients", "client_id", _("clients with doses who are not in `clients`")),
        ("clients", "doses", "client_id", _("clients without any dose")),
        ("exits", "doses", "client_id", _("clients with a recorded exit and without any dose")),
        ("tests", "doses", "client_id", _("clients with a test and without any dose")),
        ("doses", "sites", "site_id", _("sites of the dosing log that are not in `sites`")),
    ]
    checks = []
    for table, other, key, rule in pairs:
        if table in layouts and other in layouts and layouts[table].has(key) and layouts[other].has(key):
            here, there = (
                f"(SELECT DISTINCT {key} FROM {kept(layouts[name])} WHERE {key} IS NOT NULL)" for name in (table, other)
            )
            checks.append(
                Check(table, f"not_in_{other}", "warn", rule, count(con, f"{here} ANTI JOIN {there} b USING ({key})"))
            )
    return checks


def check_exits(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Check]:
    """Exit records that contradict each other or say little."""
    source = kept(layout)
    dead = f"(SELECT client_id FROM {source} WHERE reason = 'death' GROUP BY 1 HAVING count(DISTINCT date) > 1)"
    blank = _("the reason is blank: the record gives no cause")
    twice = _("clients with two dates of death: the earlier one counts")
    return [
        Check("exits", "reason_blank", "warn", blank, count(con, f"{source} WHERE reason IS NULL")),
        Check("exits", "two_deaths", "warn", twice, count(con, dead)),
    ]


def log_facts(con: duckdb.DuckDBPyConnection, layout: Layout) -> dict[str, int]:
    """Sizes of the dosing log. `rows_kept` of the ledger = rows_summed_away + rows_not_covering + dose_rows."""
    log, written = count(con, "log"), count(con, "log_days")
    row = con.execute(
        "SELECT min(day), max(day), count(DISTINCT client), sum(n) FILTER (dose_dmg IS NULL) FROM log_days"
    ).fetchone()
    first, last, clients, unknown = row or (None, None, 0, 0)
    (client_days,) = con.execute("SELECT client_days FROM log_total").fetchone() or (0,)
    return {
        "log_first_day": first,
        "log_last_day": last,
        "n_clients_log": clients,
        "dose_rows": written,
        "client_days": client_days,
        "rows_summed_away": log - written,
        "rows_not_covering": count(con, kept(layout)) - log,
        "rows_dose_unknown": int(unknown or 0),
    }


def count(con: duckdb.DuckDBPyConnection, rows: str) -> int:
    """Rows of a FROM item (a WHERE may follow it)."""
    row = con.execute(f"SELECT count(*) FROM {rows}").fetchone()
    return int(row[0]) if row else 0


def _stops(layout: Layout) -> list[Check]:
    """What would have stopped the intake; it did not, so each count is 0."""
    rules = [(f"unreadable_{column.name}", _stop_rule(column)) for column in layout.columns if can_be_bad(column)]
    rules.append(("broken_lines", _("lines with too many or too few cells, or an open quote")))
    key = UNIQUE.get(layout.table.name)
    if key:
        rules.append((f"repeated_{key}", _("several different rows with one value of `{key}`", key=key)))
    return [Check(layout.table.name, check, "stop", rule, 0) for check, rule in rules]


def _stop_rule(column: Column) -> str:
    words = {
        "date": _("`{column}` cannot be read as a date"),
        "number": _("`{column}` cannot be read as a number"),
        "integer": _("`{column}` cannot be read as a whole number"),
        "flag": _("`{column}` is neither yes nor no"),
    }
    return words.get(column.kind, _("`{column}` is a code that is not in the list")).format(column=column.name)


def _quarantined(con: duckdb.DuckDBPyConnection, layout: Layout, definitions: Definitions) -> list[Check]:
    found = dict(con.execute(f"SELECT reason, count(*) FROM {out(layout)} GROUP BY 1").fetchall())
    words = reasons(layout, definitions)
    return [
        Check(layout.table.name, reason, "quarantine", rule, int(found.get(reason, 0)))
        for reason, rule in words.items()
    ]


def _implausible(con: duckdb.DuckDBPyConnection, layout: Layout, definitions: Definitions) -> list[Check]:
    checks = []
    for column in layout.columns:
        if column.low is None and column.high is None:
            continue
        cell, low = sql.name(column.name), column.low
        if (layout.table.name, column.name) == ("doses", "dose_mg"):
            cell, low = daily_dose(layout, definitions), None  # zero and negative doses have a check of their own
        tests = [f"{cell} < {low}"] if low is not None else []
        tests += [f"{cell} > {column.high}"] if column.high is not None else []
        rule = _plausible_rule(column, low)
        rows = f"{kept(layout)} WHERE {' OR '.join(tests)}"
        checks.append(Check(layout.table.name, f"implausible_{column.name}", "warn", rule, count(con, rows)))
    return checks


def _plausible_rule(column: Column, low: float | None) -> str:
    unit = f" {column.unit}" if column.unit else ""
    if low is None:
        return _("`{column}` is above {high}{unit}", column=column.name, high=number(column.high, 0), unit=unit)
    if column.high is None:
        return _("`{column}` is below {low}{unit}", column=column.name, low=number(low, 0), unit=unit)
    return _(
        "`{column}` is below {low} or above {high}{unit}",
        column=column.name,
        low=number(low, 0),
        high=number(column.high, 0),
        unit=unit,
    )


def _unused(layout: Layout) -> list[Check]:
    if not layout.unused:
        return []
    names = names_told(layout.unused)
    names += ["..."] * (len(names) < len(layout.unused))
    rule = _("columns of the file that nothing uses: {names}", names=", ".join(names))
    return [Check(layout.table.name, "unused_columns", "warn", rule, len(layout.unused))]


def _blank_rule(definitions: Definitions) -> str:
    if definitions.blank_dose == "covered":
        return _("the dose is blank: the day is covered, its dose unknown")
    return _("the dose is blank: the row covers no day")
