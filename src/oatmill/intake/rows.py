"""Which rows are kept, and why the others are not.

A row that cannot belong to its table is quarantined: it goes to `rejected/<table>.csv` with its line and the
reason, and is counted. Rows read = rows kept + rows quarantined, for every table.
"""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb

from oatmill.errors import Fault
from oatmill.intake import sql
from oatmill.intake.cells import typed
from oatmill.intake.columns import Layout
from oatmill.intake.files import FIRST_LINES, first_lines, lines_of
from oatmill.study import Definitions
from oatmill.text import _, in_csv, ngettext

# Cells without which a row says nothing. Others may be missing.
NEEDED: dict[str, tuple[str, ...]] = {
    "clients": ("client_id",),
    "doses": ("client_id", "date"),
    "exits": ("client_id", "date"),
    "tests": ("client_id", "date", "test", "result"),
    "surveys": ("client_id",),
    "episodes": ("client_id",),
    "registry": ("client_id", "enrolled"),
    "registry_counts": ("period",),
    "programme": ("year",),
    "sites": ("site_id",),
}
UNIQUE = {"clients": "client_id", "sites": "site_id"}
EVENTS = ("doses", "exits", "tests", "surveys")  # tables whose rows have a date that a data cut can exclude
_DATA_CUT, _DEATH, _DUPLICATE = "after_data_cut", "after_death", "duplicate"
_BATCH = 10_000


def out(layout: Layout) -> str:
    """The DuckDB table of quarantined rows: `row`, `reason` (an id)."""
    return f"out_{layout.table.name}"


def kept(layout: Layout) -> str:
    """The typed rows that are kept, as a FROM item."""
    return f"(SELECT * FROM {typed(layout)} t WHERE NOT EXISTS (FROM {out(layout)} o WHERE o.row = t.row))"


def reasons(layout: Layout, definitions: Definitions) -> dict[str, str]:
    """Every reason for which a row of this table can be quarantined: id -> words."""
    words = {
        f"blank_{column}": _("`{column}` is blank", column=column)
        for column in NEEDED[layout.table.name]
        if layout.has(column)
    }
    if _cut(layout, definitions) is not None:
        words[_DATA_CUT] = _("dated after the data cut")
    if layout.table.name == "doses":
        words[_DEATH] = _("dated after the client's recorded death")
    if not _sums_duplicates(layout, definitions):
        words[_DUPLICATE] = _("a copy of another row, equal in every column")
    return words


def quarantine(con: duckdb.DuckDBPyConnection, layout: Layout, definitions: Definitions, deaths: str | None) -> None:
    """Make `out_<table>`: each quarantined row once, with its first reason.

    `deaths` is a FROM item with client_id and date of each recorded death, for the dosing log.
    """
    table = layout.table.name
    cases = [f"WHEN {sql.name(column)} IS NULL THEN 'blank_{column}'" for column in NEEDED[table] if layout.has(column)]
    cut = _cut(layout, definitions)
    if cut is not None:
        cases.append(f"WHEN date > {cut} THEN '{_DATA_CUT}'")
    source = typed(layout)
    if table == "doses" and deaths:
        first = f"(SELECT client_id AS dead, min(date) AS death_day FROM {deaths} GROUP BY 1)"
        source = f"{source} LEFT JOIN {first} ON client_id = dead"
        cases.append(f"WHEN date > death_day THEN '{_DEATH}'")
    con.execute(
        f"CREATE TABLE {out(layout)} AS SELECT row, reason FROM "
        f"(SELECT row, CASE {' '.join(cases)} END AS reason FROM {source}) WHERE reason IS NOT NULL"
    )
    if not _sums_duplicates(layout, definitions):
        _quarantine_copies(con, layout)


def check_unique(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Fault]:
    """A second, different row of a client in `clients`, or of a site in `sites`, is a fault."""
    key = UNIQUE.get(layout.table.name)
    if key is None:
        return []
    again = f"SELECT row, row_number() OVER (PARTITION BY {key} ORDER BY row) AS k FROM {kept(layout)}"
    rows = [row for (row,) in con.execute(f"SELECT row FROM ({again}) WHERE k > 1 ORDER BY row").fetchall()]
    if not rows:
        return []
    lines = lines_of(con, layout.file, rows[: FIRST_LINES + 1])
    what = ngettext(
        "{n} row repeats the key of an earlier row with other values (line {lines})",
        "{n} rows repeat the key of an earlier row with other values (lines {lines})",
        len(rows),
        lines=first_lines(lines),
    )
    grain = _("one row for each value of `{key}`", key=key)
    column = layout.file.source.columns.get(key, key)
    cure = _("Decide which row is right and delete the other.")
    return [Fault(what, file=layout.file.name, row=lines[0], column=column, expected=grain, cure=cure)]


def write_rejected(con: duckdb.DuckDBPyConnection, layout: Layout, words: dict[str, str], folder: Path) -> None:
    """Write the quarantined rows as they stand in the file, with their line and the reason."""
    path = folder / f"{layout.table.name}.csv"
    path.unlink(missing_ok=True)
    cells = ", ".join(f"r.c{position}" for position in range(len(layout.file.header)))
    rows = con.execute(
        f"SELECT o.row, o.reason, {cells} FROM {out(layout)} o JOIN {layout.file.raw} r ON r.rowid = o.row ORDER BY 1"
    )
    batch = rows.fetchmany(_BATCH)
    if not batch:
        return
    # With a byte-order mark, so that Excel shows Cyrillic and Chinese as they are.
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        header = layout.file.header
        added = [f"{word} (oatmill)" if word in header else word for word in (_("line"), _("reason"))]
        writer.writerow([*map(in_csv, header), *added])
        while batch:
            for row, reason, *texts in batch:
                # Broken lines stop the intake, so the line follows from the row.
                writer.writerow([*(in_csv(text or "") for text in texts), row + 2, words[reason]])
            batch = rows.fetchmany(_BATCH)


def _cut(layout: Layout, definitions: Definitions) -> int | None:
    """The data cut as a day, where it applies to this table."""
    if definitions.data_cut is None or layout.table.name not in EVENTS or not layout.has("date"):
        return None
    return definitions.data_cut.toordinal() - 719163  # the ordinal of 1970-01-01


def _sums_duplicates(layout: Layout, definitions: Definitions) -> bool:
    return layout.table.name == "doses" and definitions.exact_duplicates == "sum"


def _quarantine_copies(con: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Quarantine all but the first of rows that are equal in every column, unused ones included.

    Values are compared, not spellings: 40 and 40.0 mg are the same dose. Only rows that share client and
    date are compared in full, so that a long log is not grouped by all its columns.
    """
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
        f"INSERT INTO {out(layout)} SELECT row, '{_DUPLICATE}' FROM (SELECT t.row, "
        f"row_number() OVER (PARTITION BY {', '.join(values)} ORDER BY t.row) AS copy FROM {rows} t {raw}) WHERE copy > 1"
    )
