"""The workbook of rejected rows, one for each source file: to be mended and sent back by the clinic.

Each row as it stands in the file, with its line, every reason and what was expected. The workbook is private: it
holds what the file holds, identifiers too, and stays in the work folder. Columns that the study file drops are not in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from oatmill.intake.columns import Layout
from oatmill.intake.parts import Span, places_in, spans_of
from oatmill.intake.readers.base import DataFile
from oatmill.intake.rows import out
from oatmill.intake.rules import DUPLICATE, Rule
from oatmill.text import _, in_csv

_BATCH = 5_000
_MOST_ROWS = 1_048_575  # of a sheet, below its header
_LONGEST_CELL = 32_767  # characters
_MADE = dt.datetime(2000, 1, 1)  # noqa: DTZ001 # the same workbook for the same rows, whenever it is written
_WIDEST = 60
_LONGEST_STEM = 40  # characters of a file's name

Words = Mapping[str, tuple[str, str]]  # reason -> (in words, what was expected)


def words_of(rules: Iterable[Rule]) -> dict[str, tuple[str, str]]:
    copy = (_("a copy of another row, equal in every column"), _("each row once"))
    return {rule.id: (rule.words, rule.expected) for rule in rules} | {DUPLICATE: copy}


def write_rejected(con: duckdb.DuckDBPyConnection, layout: Layout, words: Words, folder: Path) -> None:
    """Write a workbook for each file of the table of which any row was rejected: `<table>.xlsx`, or one of the
    several files' own (`doses_2_february.xlsx`).

    A cell that a spreadsheet would run as a formula has an apostrophe before it; it is text in any case.
    """
    for span in spans_of(con, layout.file):
        _write(con, layout, span, words, folder / f"{_name(span.file)}.xlsx")


def _name(file: DataFile) -> str:
    return f"{file.key}_{file.path.stem[:_LONGEST_STEM]}" if file.part else file.table


def _write(con: duckdb.DuckDBPyConnection, layout: Layout, span: Span, words: Words, path: Path) -> None:
    path.unlink(missing_ok=True)
    rows = _rows(con, layout, span, words)
    first = next(rows, None)
    if first is None:
        return
    import xlsxwriter

    header = [_("line"), _("reason"), _("expected"), *span.file.header]
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": _MADE, "title": _("Rejected rows")})
        sheets = _Sheets(book, header)
        sheets.write(first)
        for row in rows:
            sheets.write(row)


def _rows(con: duckdb.DuckDBPyConnection, layout: Layout, span: Span, words: Words) -> Iterator[list[Any]]:
    cells = "".join(f", r.c{position}" for position in places_in(layout.file, span.file))
    cursor = con.cursor()
    found = cursor.execute(
        f"SELECT o.row, o.reasons{cells} FROM {out(layout)} o JOIN {layout.file.raw} r ON r.rowid = o.row "
        f"WHERE {span.where} ORDER BY 1"
    )
    while batch := found.fetchmany(_BATCH):
        lines = span.lines(con, [row for row, *_rest in batch])
        for line, (_row, reasons, *texts) in zip(lines, batch, strict=True):
            yield [line, *_told(reasons, words), *(text or "" for text in texts)]
    cursor.close()


def _told(reasons: Sequence[str], words: Words) -> tuple[str, str]:
    found, right = zip(*(words[reason] for reason in reasons), strict=True)
    return "; ".join(found), "; ".join(dict.fromkeys(right))


class _Sheets:
    """Sheets of one workbook, a new one where the last is full."""

    def __init__(self, book: Any, header: Sequence[str]):
        self.book, self.header = book, header
        self.bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        self.text = book.add_format({"num_format": "@"})
        self.sheet: Any = None
        self.row = _MOST_ROWS

    def write(self, cells: Sequence[Any]) -> None:
        if self.row >= _MOST_ROWS:
            self._open()
        self.row += 1
        line, *texts = cells
        self.sheet.write_number(self.row, 0, line)
        for column, text in enumerate(texts, start=1):
            if text:
                self.sheet.write_string(self.row, column, in_csv(text)[:_LONGEST_CELL], self.text)

    def _open(self) -> None:
        self.sheet, self.row = self.book.add_worksheet(), 0
        self.sheet.freeze_panes(1, 3)
        self.sheet.set_column(1, 2, _WIDEST)
        for column, name in enumerate(self.header):
            self.sheet.write_string(0, column, in_csv(name)[:_LONGEST_CELL], self.bold)
