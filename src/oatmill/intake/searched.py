"""What the gate searches a finished report for: raw identifiers, and values that no chapter reads.

Both files are private: they never leave the work folder. Short texts, short numbers and dates are left out, since
they would be found everywhere; the gate itself decides what is distinctive, this is only a first sieve.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from oatmill.intake import sql
from oatmill.intake.cells import BLANKS, cell_sql, typed
from oatmill.intake.columns import Layout
from oatmill.intake.frames import distinct

_MOST_PER_CLIENT = 10  # values of a column; more are numbers of rows (receipts, times), not of people
_LONGEST = 200  # characters
_BATCH = 10_000
_SHORT = r"[+-]?[0-9]{0,8}([.,][0-9]+)?"
_DATE = r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}([ T][0-9:.]+Z?)?"


def write_identifiers(con: duckdb.DuckDBPyConnection, layouts: Iterable[Layout], path: Path) -> int:
    """Write the raw client identifiers of all rows of all tables, quarantined ones included; return how many."""
    parts = [f"SELECT client_id AS raw FROM {typed(layout)}" for layout in layouts if layout.has("client_id")]
    return _write(con, f"SELECT raw FROM ({distinct('raw', parts)}) WHERE {_worth_a_search('raw')}", path)


def write_unused_values(con: duckdb.DuckDBPyConnection, layouts: Iterable[Layout], path: Path) -> int:
    """Write the values of columns about clients that nothing uses, such as names, telephones and notes; return how many.

    They are in no table, so they could reach a page only through a notebook of the study's own that reads the
    files itself, or through a file name or a title. A column counts where it tells clients apart: where it has more
    than half as many different values as there are clients who have one. So `oblast` with nine values is left out
    (its values are ordinary words of a report), `name` is in, in a dosing log too. Left out as well: a column
    with more than ten values for each client, texts of more than 200 characters, and numbers with fewer than
    nine digits. Each value is searched for as a whole; parts of a note are not. So the list has at most ten lines
    for each client and column, whatever the number of rows, and DuckDB makes it on disk.
    """
    parts = [
        f"SELECT trim({cell}, {sql.value(BLANKS)}) AS raw FROM {layout.file.raw}"
        for layout in layouts
        if layout.has("client_id")
        for cell in _telling(con, layout)
    ]
    short = f"length(raw) <= {_LONGEST}"
    return _write(con, f"SELECT raw FROM ({distinct('raw', parts)}) WHERE {short} AND {_worth_a_search('raw')}", path)


def _telling(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[str]:
    """The unused columns, in SQL, whose values tell clients apart; the counts are estimates."""
    cells = [f"c{k}" for k in range(len(layout.file.header)) if k not in layout.positions.values()]
    if not cells:
        return []
    client = cell_sql(layout, "client_id")
    counts = [f"approx_count_distinct({what}) FILTER ({cell} <> '')" for cell in cells for what in (cell, client)]
    found = con.execute(f"SELECT {', '.join(counts)} FROM {layout.file.raw}").fetchone() or ()
    pairs = zip(cells, found[::2], found[1::2], strict=True)
    return [cell for cell, values, clients in pairs if 0.5 * clients < values <= _MOST_PER_CLIENT * clients]


def _worth_a_search(cell: str) -> str:
    """The SQL test of a text that is neither short nor a short number or a date."""
    ideographs = rf"length(regexp_replace({cell}, '[^\p{{Han}}]', '', 'g'))"
    return (
        f"(length({cell}) + {ideographs} >= 6 AND NOT regexp_full_match({cell}, '{_SHORT}') "
        f"AND NOT regexp_full_match({cell}, '{_DATE}'))"
    )


def _write(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """One value on each line, in order; a line break within a value becomes a blank."""
    rows, n = con.execute(f"SELECT raw FROM ({query}) ORDER BY 1"), 0
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        while batch := rows.fetchmany(_BATCH):
            stream.writelines(" ".join(raw.splitlines()) + "\n" for (raw,) in batch)
            n += len(batch)
    return n
