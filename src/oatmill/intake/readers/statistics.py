"""Stata, SPSS and SAS through pyreadstat, in chunks. Codes stay codes; what each program calls missing is blank."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.errors import Fault
from oatmill.intake.readers.base import (
    BATCH,
    DataFile,
    Unreadable,
    append_frame,
    append_rows,
    damaged,
    data_file,
    finish,
    needed,
    start,
    text_of,
    texts_of,
)
from oatmill.intake.sample import SAMPLE_ROWS, Sample
from oatmill.source import Source

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_WITHOUT_OFFSET = ("por", "xport")  # whose end is not known before it is read


def open_file(table: str, source: Source, path: Path, kind: str) -> DataFile:
    fault = None
    try:
        _frame, meta = _function(kind)(path, metadataonly=True, **_encoding(source.encoding))
    except Exception as error:  # noqa: BLE001 # the library raises many kinds for a damaged file
        fault = _fault_of(error, source.name)
    if fault:
        raise Unreadable(fault)
    return data_file(table, source, path, meta.column_names, kind=kind, native=True, first_line=1)


def load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    start(con, file)
    append_rows(con, file, [])
    fault, chunks = None, _chunks(file.path, file.kind, _encoding(file.source.encoding))
    while True:
        try:
            frame = next(chunks, None)
        except Exception as error:  # noqa: BLE001
            fault = _fault_of(error, file.name)
        if fault:
            return [fault]
        if frame is None:
            break
        append_frame(con, file, texts_of(frame))
    finish(con, file)
    return []


def samples(path: Path, kind: str) -> list[Sample]:
    frame, meta = _function(kind)(path, row_limit=SAMPLE_ROWS)
    texts = texts_of(frame).fillna("")
    rows = tuple(tuple(row) for row in texts.itertuples(index=False, name=None))
    labels = {
        column: {text_of(code) or "": str(label) for code, label in words.items()}
        for column, words in meta.variable_value_labels.items()
    }
    return [Sample(path, {}, tuple(meta.column_names), rows, native=True, labels=labels)]


def _chunks(path: Path, kind: str, options: dict[str, Any]) -> Iterator[pd.DataFrame]:
    offset, read = 0, _function(kind)
    while True:
        frame, _meta = read(path, row_offset=offset, row_limit=BATCH, **options)
        if len(frame):
            yield frame
        if len(frame) < BATCH:
            return
        offset += len(frame)


def _function(kind: str) -> Callable[..., Any]:
    return getattr(needed("pyreadstat", "pyreadstat"), f"read_{kind}")


def _encoding(encoding: str) -> dict[str, Any]:
    """Files that name their own encoding need none; an old one may need the study file's."""
    try:
        return {} if codecs.lookup(encoding).name == "utf-8" else {"encoding": encoding.upper()}
    except LookupError:
        return {}


def _fault_of(error: Exception, name: str) -> Fault:
    from oatmill.errors import OatmillError

    if isinstance(error, OatmillError):
        raise error
    return damaged(name)
