"""A file of the study -> its header, and all its rows as text in a DuckDB table.

Every cell is read as text; nothing is typed, skipped or mended here. A line with too many or too few cells,
an open quote, a line that is far too long or bytes that are not text are faults, so no row is lost silently.

Line numbers are those of an editor, the header being line 1. A line break inside quotes and an empty line in
the middle of a file are not counted: below one, the true line is further down by as many lines.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

import duckdb

from oatmill.errors import Fault, StudyInvalid
from oatmill.intake import sql
from oatmill.study import Source, Study
from oatmill.text import _, integer, ngettext

DELIMITERS = (",", ";", "\t", "|")
FIRST_LINES = 5  # of each fault, this many line numbers are named
LONGEST_LINE = 1 << 21  # bytes; a longer line is refused, and with it a cell that would fill the memory
MOST_COLUMNS = 2000
_HEAD_BYTES = 1 << 20
_CHUNK_CHARACTERS = 1 << 22
_MOST_BROKEN = 100_000  # faults of lines that are kept to be counted
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
# zip, gzip, bzip2, xz, zstd, 7z, rar: never unpacked, since a small one can hold an endless file
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!\x1a")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class DataFile:
    """One source file: where it is, how its text is coded and what its header says."""

    table: str
    source: Source
    path: Path
    header: tuple[str, ...]
    delimiter: str
    native: bool = False

    @property
    def name(self) -> str:
        """The file as the study file writes it."""
        return self.source.file

    @property
    def raw(self) -> str:
        """The DuckDB table of its text: columns c0, c1, ...; `rowid` is the row, from 0."""
        return f"raw_{self.table}"


class Unreadable(Exception):
    """Carries the faults of one file to the report of all faults."""

    def __init__(self, fault: Fault):
        super().__init__(fault.what)
        self.fault = fault


def open_file(study: Study, table: str) -> DataFile:
    """Find the file and read its header.

    Raises
    ------
    Unreadable : there is no such file, or it is not a text of rows and columns
    StudyInvalid : the study file gives a delimiter that is not one character
    """
    source, path = study.sources[table], study.path_of(table)
    text = _decode(_head(source, path), source)
    _check_delimiter(source, table)
    try:
        delimiter = source.delimiter or _delimiter(text)
        header = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    except csv.Error:
        what = _("the header cannot be read as a row of names")
        raise Unreadable(Fault(what, file=source.file, row=1, cure=_whole_file_cure())) from None
    if len(header) > MOST_COLUMNS:
        what = _("the header has more than {n} columns", n=integer(MOST_COLUMNS))
        raise Unreadable(Fault(what, file=source.file, row=1, cure=_whole_file_cure()))
    return DataFile(table, source, path, tuple(cell.strip() for cell in header), delimiter)


def _head(source: Source, path: Path) -> bytes:
    """The beginning of the file, where it is a file (a device or a pipe may have no end) and no archive."""
    if not path.is_file():
        raise Unreadable(_missing(source))
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        raise Unreadable(_missing(source)) from None
    if head.startswith(_WORKBOOK) and path.suffix.lower() != ".zip":
        cure = _("Save the sheet from Excel as `CSV UTF-8` and name that file in the study file.")
        raise Unreadable(Fault(_("the file is a workbook, not a CSV file"), file=source.file, cure=cure))
    if head.startswith(_ARCHIVES):
        cure = _("Unpack it and name the file that was in it.")
        raise Unreadable(Fault(_("the file is an archive, not a CSV file"), file=source.file, cure=cure))
    return head


def load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    """Read every row as text into the table `file.raw`; return what could not be read.

    `folder` takes a copy in UTF-8 where the file is in another encoding.
    """
    path = file.path
    try:
        if not _is_utf8(file.source.encoding):
            path = _copy_as_utf8(file, folder)
        if endless := _endless_line(file, path):
            return [endless]
        try:
            _copy_into(con, file, path)
        except duckdb.InvalidInputException:  # line ends of two kinds in one file
            path = _copy_as_utf8(file, folder)
            _copy_into(con, file, path)
    except (UnicodeError, LookupError):
        return [_not_text(file.source)]
    except duckdb.Error:
        return [Fault(_("the file cannot be read as rows and columns"), file=file.name, cure=_whole_file_cure())]
    finally:
        if path != file.path:
            path.unlink(missing_ok=True)
    return _broken_lines(con, file)


def lines_of(con: duckdb.DuckDBPyConnection, file: DataFile, rows: list[int]) -> list[int]:
    """Lines in the file of rows of `file.raw`. Broken lines are not in that table but count as lines."""
    broken = [line for (line,) in con.execute(f"SELECT DISTINCT line FROM broken_{file.table} ORDER BY 1").fetchall()]
    lines = []
    for row in rows:
        line = row + 2
        for skipped in broken:
            line += skipped <= line
        lines.append(line)
    return lines


def first_lines(lines: list[int]) -> str:
    """The first few line numbers, for a message."""
    shown = ", ".join(integer(line) for line in lines[:FIRST_LINES])
    return _("{lines}, ...", lines=shown) if len(lines) > FIRST_LINES else shown


def _copy_into(con: duckdb.DuckDBPyConnection, file: DataFile, path: Path) -> None:
    columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(file.header)))
    con.execute(f"CREATE OR REPLACE TABLE total_{file.table} (row BIGINT)")
    for table in (file.raw, f"broken_{file.table}", f"scan_{file.table}"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    con.execute(
        f"CREATE TABLE {file.raw} AS SELECT * FROM read_csv({sql.file(path)}, "
        f"delim = {sql.value(file.delimiter)}, quote = '\"', escape = '\"', header = true, auto_detect = false, "
        f"strict_mode = true, compression = 'none', max_line_size = {LONGEST_LINE}, columns = {{{columns}}}, "
        f"store_rejects = true, rejects_limit = {_MOST_BROKEN}, "
        f"rejects_table = 'broken_{file.table}', rejects_scan = 'scan_{file.table}')"
    )


def _endless_line(file: DataFile, path: Path) -> Fault | None:
    """The first line so long that some block of `LONGEST_LINE` bytes lies inside it: DuckDB may lose it in silence."""
    row = 1
    with path.open("rb") as stream:
        while len(block := stream.read(LONGEST_LINE)) == LONGEST_LINE:
            if b"\n" not in block and b"\r" not in block:
                return Fault(_long_line(), file=file.name, row=row, cure=_whole_file_cure())
            row += block.count(b"\n")
    return None


def _long_line() -> str:
    return _("a line longer than {n} bytes", n=integer(LONGEST_LINE))


def _broken_lines(con: duckdb.DuckDBPyConnection, file: DataFile) -> list[Fault]:
    words = {
        "MISSING COLUMNS": _("too few cells"),
        "TOO MANY COLUMNS": _("too many cells"),
        "UNQUOTED VALUE": _("a quotation mark that is not closed"),
        "LINE SIZE OVER MAXIMUM": _long_line(),
        "INVALID ENCODING": _("bytes that are not UTF-8 text"),
    }
    found = con.execute(
        f"SELECT error_type::VARCHAR, list(DISTINCT line ORDER BY line) FROM broken_{file.table} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return [
        Fault(
            ngettext(
                "{n} line is broken: {lines}", "{n} lines are broken: {lines}", len(lines), lines=first_lines(lines)
            ),
            file=file.name,
            row=lines[0],
            found=words.get(kind, _("a line that cannot be read")),
            expected=ngettext("{n} cell in every line", "{n} cells in every line", len(file.header)),
            cure=_encoding_cure() if kind == "INVALID ENCODING" else _whole_file_cure(),
        )
        for kind, lines in found
    ]


def _delimiter(text: str) -> str:
    """The delimiter that cuts the header into most cells; the comma where none cuts it."""
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader(io.StringIO(text), delimiter=mark), [])))


def _check_delimiter(source: Source, table: str) -> None:
    if source.delimiter is None or (len(source.delimiter) == 1 and source.delimiter not in '"\r\n'):
        return
    what = _("the value of `{key}` is not allowed", key=f"sources.{table}.delimiter")
    expected = _('one character, such as ";" or "\\t"')
    raise StudyInvalid(_("The study file cannot be used as it is."), [Fault(what, expected=expected)])


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in _UTF8


def _decode(head: bytes, source: Source) -> str:
    """The beginning of the file as text; a character cut in two at its end is left out."""
    try:
        "".encode(source.encoding)  # refuses a codec that unpacks and is no encoding of text
        if _is_utf8(source.encoding):
            if head.startswith(_UTF16):
                raise UnicodeError
            # Only the header must be right here; the rows are checked when all of them are read.
            first, rest = head[: head.find(b"\n") + 1] or head, head[head.find(b"\n") + 1 :]
            return first.decode("utf-8-sig") + rest.decode("utf-8", errors="replace")
        return codecs.getincrementaldecoder(source.encoding)().decode(head)
    except (UnicodeError, LookupError):
        raise Unreadable(_not_text(source)) from None


def _copy_as_utf8(file: DataFile, folder: Path) -> Path:
    """The same text in UTF-8 with one kind of line end, in `folder`."""
    copy = folder / f"{file.table}.utf8.csv"
    encoding = "utf-8-sig" if _is_utf8(file.source.encoding) else file.source.encoding
    with (
        file.path.open("r", encoding=encoding) as stream,
        copy.open("w", encoding="utf-8", newline="\n") as target,
    ):
        while chunk := stream.read(_CHUNK_CHARACTERS):
            target.write(chunk)
    return copy


def _missing(source: Source) -> Fault:
    return Fault(
        _("the file does not exist or cannot be opened"),
        file=source.file,
        cure=_("Paths are relative to the folder of the study file. Check the name, and close the file in Excel."),
    )


def _not_text(source: Source) -> Fault:
    what = _("the file cannot be read as text in {encoding}", encoding=source.encoding)
    return Fault(what, file=source.file, cure=_encoding_cure())


def _encoding_cure() -> str:
    return _("Name the encoding in the study file, for example `encoding: cp1251` (Russian) or `gb18030` (Chinese).")


def _whole_file_cure() -> str:
    return _(
        "Mend these lines, or write the file again from the program it came from; quote cells that hold the delimiter."
    )
