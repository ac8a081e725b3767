"""A table or a view of an SQLite database, opened for reading only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from oatmill.errors import Fault
from oatmill.intake import sql
from oatmill.intake.readers.base import (
    BATCH,
    DataFile,
    Unreadable,
    append_rows,
    damaged,
    data_file,
    finish,
    start,
    text_of,
)
from oatmill.intake.sample import SAMPLE_ROWS, Sample
from oatmill.source import Source
from oatmill.text import _

if TYPE_CHECKING:
    import duckdb


def open_file(table: str, source: Source, path: Path, kind: str) -> DataFile:
    fault = None
    try:
        with _database(path) as database:
            chosen = _chosen(_tables(database), source)
            names = _names(database, chosen)
    except sqlite3.Error:
        fault = damaged(source.name)
    if fault:
        raise Unreadable(fault)
    return data_file(table, source, path, names, kind=kind, native=True, first_line=1)


def load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    start(con, file)
    append_rows(con, file, [])
    try:
        with _database(file.path) as database:
            rows = database.execute(f"SELECT * FROM {sql.name(_chosen(_tables(database), file.source))}")
            while batch := rows.fetchmany(BATCH):
                append_rows(con, file, [[text_of(value) for value in row] for row in batch])
    except sqlite3.Error:
        return [damaged(file.name)]
    finish(con, file)
    return []


def samples(path: Path, kind: str) -> list[Sample]:
    found = []
    with _database(path) as database:
        tables = _tables(database)
        for name in tables:
            rows = database.execute(f"SELECT * FROM {sql.name(name)} LIMIT {SAMPLE_ROWS}").fetchall()
            texts = tuple(tuple(text_of(value) or "" for value in row) for row in rows)
            settings = {"table": name} if len(tables) > 1 else {}
            found.append(Sample(path, settings, tuple(_names(database, name)), texts, native=True))
    return found


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    _check_whole(path)
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as database:
        database.execute("PRAGMA trusted_schema = OFF")  # a view of a stranger's file calls no function of ours
        yield database


def _check_whole(path: Path) -> None:
    """SQLite gives blank rows for the missing end of a file."""
    with path.open("rb") as stream:
        head = stream.read(100)
    page = int.from_bytes(head[16:18]) or 1
    page, pages = (1 << 16 if page == 1 else page), int.from_bytes(head[28:32])
    size = path.stat().st_size
    if size % page or size < page * pages:
        raise sqlite3.DatabaseError


def _tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name").fetchall()
    return [name for (name,) in rows if not name.startswith("sqlite_")]


def _names(database: sqlite3.Connection, table: str) -> list[str]:
    return [column[0] for column in database.execute(f"SELECT * FROM {sql.name(table)} LIMIT 0").description]


def _chosen(tables: list[str], source: Source) -> str:
    """The table that the study file names; the only one where it names none."""
    found = tables if source.table is None else [name for name in tables if name.lower() == source.table.lower()]
    if len(found) == 1:
        return found[0]
    raise Unreadable(no_such_table(source, tables))


def no_such_table(source: Source, tables: list[str]) -> Fault:
    """The fault of a `table:` that is missing or names nothing."""
    what = (
        _("the study file does not say which table of the file to read")
        if source.table is None
        else _("the file has no table of the name that the study file gives")
    )
    found = _("these tables: {names}", names=", ".join(tables[:20])) if tables else _("no table")
    cure = _("Name one with `table:` under the source in the study file.")
    return Fault(what, file=source.name, found=found, cure=cure)
