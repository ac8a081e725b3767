"""Every table but the dosing log, as a frame; and the numbers that stand for clients and sites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import pandas as pd

from oatmill.intake import sql
from oatmill.intake.columns import Layout
from oatmill.intake.rows import kept
from oatmill.schema import Column

_DTYPES: dict[str, Any] = {"date": "Int32", "number": "float64", "integer": "Int32", "flag": "boolean"}


def number_clients(con: duckdb.DuckDBPyConnection, layouts: Iterable[Layout]) -> int:
    """Make `numbers` (raw, client): 0, 1, ... in the order of the identifiers; return how many.

    The order is that of numbers where every identifier is a whole number, else that of text by code point.
    """
    parts = [f"SELECT client_id AS raw FROM {kept(layout)}" for layout in layouts if layout.has("client_id")]
    con.execute(f"CREATE TABLE identifiers AS {distinct('raw', parts)}")
    order = _order(con, "identifiers", "raw")
    con.execute(
        f"CREATE TABLE numbers AS SELECT raw, (row_number() OVER (ORDER BY {order}) - 1)::INTEGER AS client FROM identifiers"
    )
    return _count(con, "numbers")


def number_sites(con: duckdb.DuckDBPyConnection, layouts: Iterable[Layout]) -> tuple[str, ...]:
    """Make `site_numbers` (code, site) from every table that names sites; return the codes in order."""
    parts = [
        f"SELECT site_id AS code FROM {kept(layout)} WHERE site_id IS NOT NULL"
        for layout in layouts
        if layout.has("site_id")
    ]
    con.execute(f"CREATE TABLE site_codes AS {distinct('code', parts)}")
    order = _order(con, "site_codes", "code")
    con.execute(
        f"CREATE TABLE site_numbers AS SELECT code, row_number() OVER (ORDER BY {order}) - 1 AS site FROM site_codes"
    )
    return tuple(code for (code,) in con.execute("SELECT code FROM site_numbers ORDER BY site").fetchall())


def build_frame(con: duckdb.DuckDBPyConnection, layout: Layout) -> pd.DataFrame:
    """One kept table: client numbers, days, categories as text, in the order of client and date, then of the file."""
    columns = [column for column in layout.columns if column.name != "client_id"]
    picked = [f"t.{sql.name(column.name)} AS {sql.name(_name(column))}" for column in columns]
    order = ["row"]
    source = f"{kept(layout)} t"
    if layout.has("client_id"):
        picked.insert(0, "n.client")
        source += " JOIN numbers n ON n.raw = t.client_id"
        order = ["n.client", *(["t.date NULLS FIRST"] if layout.has("date") else []), "row"]
    frame = con.execute(f"SELECT {', '.join(picked)} FROM {source} ORDER BY {', '.join(order)}").df()
    for column in columns:
        frame[_name(column)] = _as(frame[_name(column)], column)
    return frame.astype({"client": "int32"}) if layout.has("client_id") else frame


def distinct(column: str, parts: list[str]) -> str:
    """The distinct values of several queries of one text column; none where there is no query."""
    union = " UNION ALL ".join(parts) if parts else f"SELECT NULL::VARCHAR AS {column} LIMIT 0"
    return f"SELECT DISTINCT {column} FROM ({union})"


def _order(con: duckdb.DuckDBPyConnection, table: str, column: str) -> str:
    other = con.execute(
        f"SELECT 1 FROM {table} WHERE NOT regexp_full_match({column}, '[0-9]{{1,18}}') LIMIT 1"
    ).fetchone()
    return column if other else f"{column}::BIGINT, {column}"


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _name(column: Column) -> str:
    if column.kind != "date":
        return column.name
    return "day" if column.name == "date" else f"{column.name}_day"


def _as(values: pd.Series, column: Column) -> pd.Series:
    if column.kind in _DTYPES:
        return values.astype(_DTYPES[column.kind])
    text = values.astype(object)
    text[text.isna()] = None
    return text
