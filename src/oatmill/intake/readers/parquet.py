"""Parquet, read by DuckDB itself, so that a file of any size is a stream.

Times with a zone are written as UTC, so that the result does not depend on the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oatmill.errors import Fault
from oatmill.intake import sql
from oatmill.intake.readers.base import DataFile, Unreadable, damaged, data_file, finish, select_rows, start
from oatmill.intake.sample import SAMPLE_ROWS, Sample
from oatmill.source import Source

if TYPE_CHECKING:
    import duckdb


def open_file(table: str, source: Source, path: Path, kind: str) -> DataFile:
    import duckdb

    fault = None
    try:
        with duckdb.connect() as con:
            names = [name for name, _sort in _columns(con, path)]
    except duckdb.Error:
        fault = damaged(source.name)
    if fault:
        raise Unreadable(fault)
    return data_file(table, source, path, names, kind=kind, native=True, first_line=1)


def load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    import duckdb

    start(con, file)
    try:
        con.execute("SET TimeZone = 'UTC'")
        cells = _cells(con, file.path)
        con.execute(f"CREATE TABLE {file.raw} AS {select_rows(file, cells, _rows(file.path))}")
    except duckdb.Error:
        return [damaged(file.name)]
    finish(con, file)
    return []


def samples(path: Path, kind: str) -> list[Sample]:
    import duckdb

    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        header = tuple(name for name, _sort in _columns(con, path))
        query = f"SELECT {', '.join(_cells(con, path))} FROM {_rows(path)} LIMIT {SAMPLE_ROWS}"
        rows = con.execute(query).fetchall()
    return [Sample(path, {}, header, tuple(tuple(cell or "" for cell in row) for row in rows), native=True)]


def _rows(path: Path) -> str:
    return f"read_parquet({sql.file(path)}, binary_as_string = true)"


def _columns(con: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in con.execute(f"DESCRIBE SELECT * FROM {_rows(path)}").fetchall()]


def _cells(con: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    return [text_sql(sql.name(name), sort) for name, sort in _columns(con, path)]


def text_sql(cell: str, sort: str) -> str:
    """A DuckDB value as text: whole floats without decimals, midnights as dates."""
    if sort in ("DOUBLE", "FLOAT"):
        whole = f"{cell} = trunc({cell}) AND abs({cell}) < 1e15"
        plain = f"CASE WHEN {whole} THEN CAST(CAST({cell} AS BIGINT) AS VARCHAR) ELSE CAST({cell} AS VARCHAR) END"
        return f"CASE WHEN NOT isnan({cell}) THEN {plain} END"
    if sort.startswith("TIMESTAMP"):
        local = f"CAST({cell} AS TIMESTAMP)"
        midnight = f"{local} = date_trunc('day', {local})"
        return f"CASE WHEN {midnight} THEN CAST(CAST({local} AS DATE) AS VARCHAR) ELSE CAST({local} AS VARCHAR) END"
    return f"CAST({cell} AS VARCHAR)"
