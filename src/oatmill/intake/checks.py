"""What the intake looked at and how often it was so: the rows of `Intake.checks`, and `Intake.facts`.

Severity `stop`: a count above 0 would have stopped the intake. `quarantine`: such rows were set aside.
`warn`: counted, nothing was changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from oatmill.intake import sql
from oatmill.intake.cells import daily_dose
from oatmill.intake.columns import Layout, names_told
from oatmill.intake.doses import site_from_clients
from oatmill.intake.rows import UNIQUE, kept, out, sums_duplicates, with_clients
from oatmill.intake.rules import DUPLICATE, SPELLS, Rule
from oatmill.study import Definitions, Severity
from oatmill.text import _


@dataclass(frozen=True)
class Check:
    """One check: its id, what it looks for in words, and how many rows (or clients, or columns) it met."""

    table: str
    check: str
    severity: Severity
    rule: str
    count: int


def check_table(
    con: duckdb.DuckDBPyConnection,
    layouts: Mapping[str, Layout],
    table: str,
    rules: Sequence[Rule],
    definitions: Definitions,
) -> list[Check]:
    """The checks of the rows of one table, and of its columns."""
    layout = layouts[table]
    return [
        *_whole_file(layout),
        *_refusing(con, layout, rules),
        *_copies(con, layout, definitions),
        *_warned(con, layouts, table, rules),
        *_overlaps(con, layout),
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
    heaped = _("the dose is a whole multiple of 10 mg (one in ten would be without rounding)")
    checks.append(("dose_heaped", heaped, f"{source} WHERE dose_mg > 0 AND round(10 * {dose}) % 100 = 0"))
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
        Check("doses", "site_days_without_rows", "warn", _silent_rule(), _silent_days(con, definitions)),
    ]


def _silent_rule() -> str:
    return _("days of a site without any row, from its first day in the log to its last, closing days apart")


def _silent_days(con: duckdb.DuckDBPyConnection, definitions: Definitions) -> int:
    """Days inside a site's log on which nobody came or the log is missing; needs `log_days`."""
    closed = ", ".join(map(str, definitions.closing_weekdays)) or "-1"
    spans = "SELECT site, unnest(generate_series(min(day), max(day))) AS day FROM log_days GROUP BY site"
    open_days = f"SELECT site, day FROM ({spans}) WHERE (day + 3) % 7 NOT IN ({closed})"  # 1970-01-01 was a Thursday
    return count(con, f"({open_days}) ANTI JOIN (SELECT DISTINCT site, day FROM log_days) USING (site, day)")


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


def check_persons(con: duckdb.DuckDBPyConnection, layouts: Mapping[str, Layout]) -> list[Check]:
    """Clients whose sex or year of birth is another in another table."""
    people = layouts.get("clients")
    if people is None:
        return []
    pairs = [
        ("sex", "sex", "sex_differs", _("clients of another sex in `clients`"), "{}"),
        ("birth_date", "birth_year", "birth_differs", _("clients of another year of birth in `clients`"),
         "year(DATE '1970-01-01' + {})"),
    ]  # fmt: skip
    checks = []
    for table in ("episodes", "registry"):
        for theirs, own, check, rule, form in pairs:
            if table in layouts and layouts[table].has(own) and people.has(theirs):
                other = f"(SELECT client_id, {form.format(theirs)} AS known FROM {kept(people)})"
                differ = f"{kept(layouts[table])} JOIN {other} USING (client_id) WHERE {own} <> known"
                checks.append(
                    Check(table, check, "warn", rule, count(con, f"(SELECT DISTINCT client_id FROM {differ})"))
                )
    return checks


def check_exits(con: duckdb.DuckDBPyConnection, layout: Layout, log: Layout | None) -> list[Check]:
    """Exit records that contradict each other, the dosing log, or say little."""
    source = kept(layout)
    dead = f"(SELECT client_id FROM {source} WHERE reason = 'death' GROUP BY 1 HAVING count(DISTINCT date) > 1)"
    blank = _("the reason is blank: the record gives no cause")
    twice = _("clients with two dates of death: the earlier one counts")
    return [
        Check("exits", "reason_blank", "warn", blank, count(con, f"{source} WHERE reason IS NULL")),
        Check("exits", "two_deaths", "warn", twice, count(con, dead)),
        *([_early_exits(con, layout, log)] if log else []),
    ]


def _early_exits(con: duckdb.DuckDBPyConnection, layout: Layout, log: Layout) -> Check:
    first = f"(SELECT client_id, min(date) AS first_dose FROM {kept(log)} GROUP BY 1)"
    rule = _("exits dated before the client's first dose in the log")
    rows = count(con, f"{kept(layout)} JOIN {first} USING (client_id) WHERE date < first_dose")
    return Check("exits", "before_first_dose", "warn", rule, rows)


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


def _whole_file(layout: Layout) -> list[Check]:
    """What would have stopped the intake; it did not, so each count is 0."""
    rules = [("broken_lines", _("lines with too many or too few cells, or an open quote"))]
    key = UNIQUE.get(layout.table.name)
    if key:
        rules.append((f"repeated_{key}", _("several different rows with one value of `{key}`", key=key)))
    return [Check(layout.table.name, check, "stop", rule, 0) for check, rule in rules]


def _refusing(con: duckdb.DuckDBPyConnection, layout: Layout, rules: Sequence[Rule]) -> list[Check]:
    """Rows by the first of their reasons, so that the counts add up to the rows set aside."""
    found = dict(con.execute(f"SELECT reasons[1], count(*) FROM {out(layout)} GROUP BY 1").fetchall())
    refusing = [rule for rule in rules if rule.severity != "warn"]
    return [
        Check(layout.table.name, rule.id, rule.severity, rule.words, int(found.get(rule.id, 0))) for rule in refusing
    ]


def _copies(con: duckdb.DuckDBPyConnection, layout: Layout, definitions: Definitions) -> list[Check]:
    if sums_duplicates(layout, definitions):
        return []
    rows = count(con, f"{out(layout)} WHERE reasons[1] = '{DUPLICATE}'")
    return [Check(layout.table.name, DUPLICATE, "quarantine", _("a copy of another row, equal in every column"), rows)]


def _warned(
    con: duckdb.DuckDBPyConnection, layouts: Mapping[str, Layout], table: str, rules: Sequence[Rule]
) -> list[Check]:
    """All kept rows counted in one pass."""
    warning = [rule for rule in rules if rule.severity == "warn"]
    if not warning:
        return []
    tests = ", ".join(f"count(*) FILTER ({rule.test})" for rule in warning)
    found = con.execute(f"SELECT {tests} FROM {with_clients(layouts, table, kept(layouts[table]))}").fetchone() or ()
    return [Check(table, rule.id, "warn", rule.words, int(n)) for rule, n in zip(warning, found, strict=True)]


def _overlaps(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Check]:
    """Spells of one client that begin before an earlier one has ended."""
    first, last = SPELLS.get(layout.table.name, ("", ""))
    if not (first and layout.has(first) and layout.has(last)):
        return []
    first, last = sql.name(first), sql.name(last)
    ended = f"max(coalesce({last}, 2147483647)) OVER (PARTITION BY client_id ORDER BY {first}, row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    spells = f"(SELECT {first} AS begun, {ended} AS before FROM {kept(layout)} WHERE {first} IS NOT NULL)"
    rule = _("spells that begin before an earlier one of the same client has ended")
    return [Check(layout.table.name, "overlapping", "warn", rule, count(con, f"{spells} WHERE begun <= before"))]


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
