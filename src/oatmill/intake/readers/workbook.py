"""A sheet of an Excel or OpenDocument workbook through python-calamine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.errors import Fault, OatmillError
from oatmill.intake.readers import archives, sheets
from oatmill.intake.readers.base import (
    BATCH,
    BLANKS,
    MOST_COLUMNS,
    DataFile,
    Unreadable,
    append_rows,
    damaged,
    data_file,
    finish,
    needed,
    note_skipped,
    start,
    text_of,
)
from oatmill.source import Source
from oatmill.text import _, integer

if TYPE_CHECKING:
    import duckdb

    from oatmill.intake.sample import Sample

Row = list[str]
_CELLS = re.compile(r"([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)")


def open_file(table: str, source: Source, path: Path, kind: str) -> DataFile:
    line = _header_line(source)
    names: Row = next((row for number, row in _rows(path, source) if number == line), [])
    while names and not names[-1]:  # blank columns on the right have a width and no meaning
        names.pop()
    return data_file(table, source, path, names, kind=kind, native=True)


def load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    start(con, file)
    append_rows(con, file, [])
    line, width = _header_line(file.source), len(file.names)
    skipped = [(number, "title") for number in range(1, line)]
    batch: list[Row] = []
    wide: list[int] = []
    for number, cells in _rows(file.path, file.source):
        if number <= line:
            continue
        if why := _no_row(cells, file.source):
            skipped.append((number, why))
            continue
        if any(cells[width:]):
            wide.append(number)
        batch.append((cells + [""] * width)[:width])
        if len(batch) == BATCH:
            append_rows(con, file, batch)
            batch = []
    append_rows(con, file, batch)
    note_skipped(con, file, skipped)
    finish(con, file)
    return [_beside(file, wide)] if wide else []


def samples(path: Path, kind: str) -> list[Sample]:
    """One for each sheet that is not empty."""
    from oatmill.intake.readers.samples import sample_of_rows

    found = []
    with _workbook(path, path.name) as book:
        for name in book.sheet_names:
            source = Source(file=path.name, sheet=name)
            rows = [cells for _number, cells in _rows_of(book, source, path, path.name)]
            if any(map(any, rows)):
                settings = {"sheet": name} if len(book.sheet_names) > 1 else {}
                found.append(sample_of_rows(path, settings, rows))
    return found


def _no_row(cells: Row, source: Source) -> str:
    if not any(cells):
        return "blank"
    return "comment" if source.comment and cells[0].startswith(source.comment) else ""


def _rows(path: Path, source: Source) -> Iterator[tuple[int, Row]]:
    with _workbook(path, source.name) as book:
        yield from _rows_of(book, source, path, source.name)


def _workbook(path: Path, name: str) -> Any:
    calamine = needed("python_calamine", "python-calamine")
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"PK"
    if zipped:
        archives.check_container(path, name)
        sheets.check_extent(path, name)
    fault = None
    try:
        return calamine.CalamineWorkbook.from_path(str(path))
    except calamine.PasswordError:
        fault = archives.locked(name)
    except (OatmillError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 # also what the library's own language throws at a damaged file
        fault = damaged(name)
    raise Unreadable(fault)


def _rows_of(book: Any, source: Source, path: Path, name: str) -> Iterator[tuple[int, Row]]:
    """Rows of the sheet as text, by number from 1."""
    sheet = _sheet(book, source)
    errors = sheets.errors_of(path, sheet.name)
    left = sheet.start[1] if sheet.start else 0
    low, high, first, last = _extent(source, left)
    for number, values in enumerate(sheet.iter_rows(), 1):
        if first <= number <= last:
            cells = [(text_of(value) or "").strip(BLANKS) for value in values]
            for column, error in errors.get(number, {}).items():
                if left <= column < left + len(cells) and not cells[column - left]:
                    cells[column - left] = error
            yield number, ([""] * left + cells + [""] * MOST_COLUMNS)[low:high] if source.cells else cells


def _sheet(book: Any, source: Source) -> Any:
    names = list(book.sheet_names)
    wanted = source.sheet
    if wanted is None and len(names) == 1:
        wanted = 1
    if isinstance(wanted, int) and 1 <= wanted <= len(names):
        return _opened(book, wanted - 1, source)
    if wanted in names:
        return _opened(book, names.index(wanted), source)
    filled = [k for k in range(len(names)) if _opened(book, k, source).start] if wanted is None else []
    if len(filled) == 1:
        return _opened(book, filled[0], source)
    what = (
        _("the workbook has {n} sheets, and the study file does not say which one", n=integer(len(names)))
        if wanted is None
        else _("the workbook has no such sheet as the study file names")
    )
    found = _("these sheets: {names}", names=", ".join(names[:20]))
    cure = _("Name one with `sheet:` under the source in the study file, by its name or its number from 1.")
    raise Unreadable(Fault(what, file=source.name, found=found, cure=cure))


def _opened(book: Any, position: int, source: Source) -> Any:
    fault = None
    try:
        return book.get_sheet_by_index(position)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001
        fault = damaged(source.name)
    raise Unreadable(fault)


def _header_line(source: Source) -> int:
    """The row of the sheet with the names: the first of `cells`, unless `header_line` is further down."""
    return max(source.header_line, int(_CELLS.fullmatch(source.cells)[2]) if source.cells else 1)  # type: ignore[index]


def _extent(source: Source, left: int) -> tuple[int, int, int, int]:
    """First column (from 0), last column (excluded), first row, last row."""
    if not source.cells:
        return left, MOST_COLUMNS, 1, 1 << 30
    match = _CELLS.fullmatch(source.cells)
    low, first, high, last = match.groups() if match else ("A", "1", "A", "1")
    return sheets.column_of(low), sheets.column_of(high) + 1, int(first), int(last)


def _beside(file: DataFile, rows: list[int]) -> Fault:
    from oatmill.intake.readers.text import first_lines

    return Fault(
        _("cells stand to the right of the last named column (rows {lines})", lines=first_lines(rows)),
        file=file.name,
        row=rows[0],
        cure=_("Give the column a name in the header row, or say with `cells:` which part of the sheet to read."),
    )
