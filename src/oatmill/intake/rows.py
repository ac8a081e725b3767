"""Which rows are kept, and why the others are not.

A row that cannot belong to its table is quarantined: it goes to the workbook of rejected rows with its line and all
its reasons, and is counted under the first. Rows read = rows kept + rows quarantined, for every table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from oatmill.errors import Fault
from oatmill.intake import sql
from oatmill.intake.cells import typed, unreadable
from oatmill.intake.columns import Layout
from oatmill.intake.files import FIRST_LINES, first_lines
from oatmill.intake.parts import Span, spans_of
from oatmill.intake.rules import DUPLICATE, NEEDED, Rule, has_births, has_deaths
from oatmill.study import Definitions
from oatmill.text import _, ngettext

UNIQUE = {"clients": "client_id", "sites": "site_id"}


def out(layout: Layout) -> str:
    """The DuckDB table of quarantined rows: `row`, `reasons` (ids of rules, a list)."""
    return f"out_{layout.table.name}"


def kept(layout: Layout) -> str:
    """The typed rows that are kept, as a FROM item."""
    return f"(SELECT * FROM {typed(layout)} t WHERE NOT EXISTS (FROM {out(layout)} o WHERE o.row = t.row))"


def with_clients(layouts: Mapping[str, Layout], table: str, rows: str) -> str:
    """Rows `t` of a table beside `death_day` and `birth_day` of their client, as a FROM item."""
    source = f"{rows} t"
    if table == "doses" and has_deaths(layouts):
        exits = layouts["exits"]
        dead = f"SELECT client_id AS dead, min(date) AS death_day FROM {kept(exits)} WHERE reason = 'death' GROUP BY 1"
        source += f" LEFT JOIN ({dead}) ON t.client_id = dead"
    if table != "clients" and has_births(layouts) and layouts[table].has("client_id"):
        born = f"SELECT client_id AS born, min(birth_date) AS birth_day FROM {typed(layouts['clients'])} GROUP BY 1"
        source += f" LEFT JOIN ({born}) ON t.client_id = born"
    return source


def quarantine(
    con: duckdb.DuckDBPyConnection, layouts: Mapping[str, Layout], table: str, rules: Sequence[Rule]
) -> list[Fault]:
    """Make `out_<table>`: every row that a rule stops at or sets aside, with all its reasons; return what stops.

    A row of totals has that reason alone, whatever stands in its cells.
    """
    layout = layouts[table]
    refusing = [rule for rule in rules if rule.severity != "warn"]
    cases = ", ".join(f"CASE WHEN {rule.test} THEN {sql.value(rule.id)} END" for rule in refusing) or "NULL"
    source = with_clients(layouts, table, typed(layout))
    con.execute(
        f"CREATE TABLE {out(layout)} AS SELECT row, CASE WHEN reasons[1] = 'total_line' THEN ['total_line'] ELSE reasons "
        f"END AS reasons FROM (SELECT t.row AS row, list_filter([{cases}], lambda reason: reason IS NOT NULL) AS reasons "
        f"FROM {source}) WHERE len(reasons) > 0"
    )
    stopping = [rule for rule in refusing if rule.severity == "stop"]
    spans = spans_of(con, layout.file)
    found = [(rule, span, _rows_with(con, layout, span, rule.id)) for rule in stopping for span in spans]
    return [_fault(con, layout, span, rule, n) for rule, span, n in found if n]


def quarantine_copies(con: duckdb.DuckDBPyConnection, layout: Layout, definitions: Definitions) -> None:
    """Quarantine all but the first of rows that are equal in every column, unused ones included.

    Values are compared, not spellings: 40 and 40.0 mg are the same dose. Only rows that share client and
    date are compared in full, so that a long log is not grouped by all its columns.
    """
    if sums_duplicates(layout, definitions):
        return
    values = [f"t.{sql.name(column.name)}" for column in layout.columns]
    values += [f"r.c{position}" for position in layout.unused.values()]
    key = [column for column in NEEDED[layout.table.name] if column in ("client_id", "date")]
    among = ""
    if key:
        keys = ", ".join(key)
        among = f"SEMI JOIN (SELECT {keys} FROM {typed(layout)} GROUP BY {keys} HAVING count(*) > 1) USING ({keys})"
    rows = f"(SELECT t.* FROM {kept(layout)} t {among})"
    raw = f"JOIN {layout.file.raw} r ON r.rowid = t.row" if layout.unused else ""
    con.execute(
        f"INSERT INTO {out(layout)} SELECT row, ['{DUPLICATE}'] FROM (SELECT t.row, "
        f"row_number() OVER (PARTITION BY {', '.join(values)} ORDER BY t.row) AS copy FROM {rows} t {raw}) WHERE copy > 1"
    )


def check_unique(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Fault]:
    """A second, different row of a client in `clients`, or of a site in `sites`, is a fault."""
    key = UNIQUE.get(layout.table.name)
    if key is None:
        return []
    again = f"SELECT row, row_number() OVER (PARTITION BY {key} ORDER BY row) AS k FROM {kept(layout)}"
    rows = [row for (row,) in con.execute(f"SELECT row FROM ({again}) WHERE k > 1 ORDER BY row").fetchall()]
    shares = [(span, [row for row in rows if span.holds(row)]) for span in spans_of(con, layout.file)]
    return [_repeated(con, layout, span, key, share) for span, share in shares if share]


def _repeated(con: duckdb.DuckDBPyConnection, layout: Layout, span: Span, key: str, rows: Sequence[int]) -> Fault:
    lines = span.lines(con, rows[: FIRST_LINES + 1])
    what = ngettext(
        "{n} row repeats the key of an earlier row with other values (line {lines})",
        "{n} rows repeat the key of an earlier row with other values (lines {lines})",
        len(rows),
        lines=first_lines(lines),
    )
    grain = _("one row for each value of `{key}`", key=key)
    column = layout.file.source.columns.get(key, key)
    cure = _("Decide which row is right and delete the other.")
    return Fault(what, file=span.file.name, row=lines[0], column=column, expected=grain, cure=cure)


def sums_duplicates(layout: Layout, definitions: Definitions) -> bool:
    return layout.table.name == "doses" and definitions.exact_duplicates == "sum"


def _rows_with(con: duckdb.DuckDBPyConnection, layout: Layout, span: Span, reason: str) -> int:
    query = f"SELECT count(*) FROM {out(layout)} WHERE list_contains(reasons, {sql.value(reason)}) AND {span.where}"
    (found,) = con.execute(query).fetchone() or (0,)
    return int(found)


def _fault(con: duckdb.DuckDBPyConnection, layout: Layout, span: Span, rule: Rule, n: int) -> Fault:
    if rule.id.startswith("unreadable_") and rule.column:
        return unreadable(con, layout, span, rule.column, n)
    met = f"list_contains(reasons, {sql.value(rule.id)}) AND {span.where}"
    query = f"SELECT row FROM {out(layout)} WHERE {met} ORDER BY row LIMIT {FIRST_LINES + 1}"
    lines = span.lines(con, [row for (row,) in con.execute(query).fetchall()])
    what = ngettext("{n} row: {words} (line {lines})", "{n} rows: {words} (lines {lines})", n, words=rule.words, lines=first_lines(lines))  # fmt: skip
    column = layout.file.source.columns.get(rule.column.name, rule.column.name) if rule.column else None
    cure = _(
        "Mend these rows (they are in the workbook of rejected rows), or write `{key}: quarantine` under `checks:` in "
        "the study file to go on without them.",
        key=f"{layout.table.name}.{rule.id}",
    )
    return Fault(what, file=span.file.name, row=lines[0], column=column, expected=rule.expected, cure=cure)
