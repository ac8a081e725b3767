"""Delimited text, plain or in a gzip or zip archive.

Every cell is read as text; nothing is typed or mended here. A line with too many or too few cells, an open quote,
a line that is far too long or bytes that are not text are faults, so no row is lost silently.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from oatmill.errors import Fault, StudyInvalid
from oatmill.intake import sql
from oatmill.intake.readers import archives, lines
from oatmill.intake.readers.base import (
    MOST_COLUMNS,
    DataFile,
    Unreadable,
    finish,
    note_skipped,
    place,
    select_rows,
    start,
)
from oatmill.source import Source
from oatmill.text import _, integer, ngettext

if TYPE_CHECKING:
    import duckdb

DELIMITERS = (",", ";", "\t", "|")
FIRST_LINES = 5  # of each fault, this many line numbers are named
LONGEST_LINE = 1 << 21  # bytes; a longer line is refused, and with it a cell that would fill the memory
HEAD_BYTES = 1 << 20
_CHUNK = 1 << 22
_MOST_BROKEN = 100_000  # faults of lines that are kept to be counted
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def open_file(table: str, source: Source, path: Path, kind: str) -> DataFile:
    text = decode(head_of(path, kind, source), source)
    _check_delimiter(source, table)
    try:
        text = lines.header_of(text, source, source.delimiter)
        delimiter = source.delimiter or find_delimiter(text)
        header = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    except csv.Error:
        what = _("the header cannot be read as a row of names")
        raise Unreadable(Fault(what, file=source.name, row=1, cure=_whole_file_cure())) from None
    if len(header) > MOST_COLUMNS:
        what = _("the header has more than {n} columns", n=integer(MOST_COLUMNS))
        raise Unreadable(Fault(what, file=source.name, row=1, cure=_whole_file_cure()))
    names = tuple(cell.strip() for cell in header)
    return DataFile(
        table,
        source,
        path,
        names,
        delimiter,
        kind,
        native=bool(source.url_from),
        first_line=1 if source.url_from else 2,
    )


def head_of(path: Path, kind: str, source: Source) -> bytes:
    """The beginning of the text."""
    if kind == "text":
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    with archives.unpacked(path, kind, source.member, source.name) as packed:
        return packed.read(HEAD_BYTES)


def load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    """Read every row as text into the table `file.raw`; return what could not be read.

    `folder` takes a copy where the file is packed, in another encoding, or has lines that are no rows.
    """
    copies: list[Path] = []
    try:
        return _load(con, file, folder, copies)
    except Unreadable as unreadable:  # an archive that is damaged further down
        return [unreadable.fault]
    finally:
        for copy in copies:
            copy.unlink(missing_ok=True)


def _load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path, copies: list[Path]) -> list[Fault]:
    import duckdb

    def copy(name: str) -> Path:
        copies.append(folder / f"{file.key}.{name}.csv")
        return copies[-1]

    try:
        path = _as_utf8(file, copy)
        number, endless = _count_lines(file, path)
        if endless:
            return [endless]
        skipped: list[tuple[int, str]] = []
        if lines.has_care(file.source):
            path, skipped = _copy_rows(path, file, copy("rows"))
        try:
            _copy_into(con, file, path)
        except duckdb.InvalidInputException:  # line ends of two kinds in one file
            path = _copy_as_utf8(path, file, copy("ends"), "utf-8-sig")
            _copy_into(con, file, path)
    except (UnicodeError, LookupError):
        return [_not_text(file.source)]
    except duckdb.Error:
        return [Fault(_("the file cannot be read as rows and columns"), file=file.name, cure=_whole_file_cure())]
    _note(con, file, skipped or _notes(con, file, path, number))
    finish(con, file)
    return _broken_lines(con, file)


def _as_utf8(file: DataFile, copy: Callable[[str], Path]) -> Path:
    """The file, or a copy where it is packed or in another encoding."""
    path = file.path
    if file.kind != "text":
        path = _unpack(file, copy("unpacked"))
    return path if _is_utf8(file.source.encoding) else _copy_as_utf8(path, file, copy("utf8"))


def _copy_into(con: duckdb.DuckDBPyConnection, file: DataFile, path: Path) -> None:
    columns = ", ".join(f"'x{position}': 'VARCHAR'" for position in range(len(file.names)))
    start(con, file)
    rows = (
        f"read_csv({sql.file(path)}, "
        f"delim = {sql.value(file.delimiter)}, quote = '\"', escape = '\"', header = true, auto_detect = false, "
        f"strict_mode = true, compression = 'none', max_line_size = {LONGEST_LINE}, columns = {{{columns}}}, "
        f"store_rejects = true, rejects_limit = {_MOST_BROKEN}, "
        f"rejects_table = 'broken_{file.key}', rejects_scan = 'scan_{file.key}')"
    )
    cells = [f"x{position}" for position in range(len(file.names))]
    con.execute(f"CREATE TABLE {file.raw} AS {select_rows(file, cells, rows)}")


def _count_lines(file: DataFile, path: Path) -> tuple[int, Fault | None]:
    """How many lines end, and the first so long that some block of `LONGEST_LINE` bytes lies inside it: DuckDB may
    lose it in silence."""
    row, block, last = 1, b"", b""
    with path.open("rb") as stream:
        while block := stream.read(LONGEST_LINE):
            if len(block) == LONGEST_LINE and b"\n" not in block and b"\r" not in block:
                return row, Fault(_long_line(), file=file.name, row=row, cure=_whole_file_cure())
            row += block.count(b"\n")
            last = block
    return row - 1 + (not last.endswith(b"\n")), None


def _notes(con: duckdb.DuckDBPyConnection, file: DataFile, path: Path, number: int) -> list[tuple[int, str]]:
    """Blank lines and lines inside quotes, where the file has more lines than rows."""
    if lines.has_care(file.source) or file.source.url_from:  # they are known, or rows have no lines
        return []
    broken = con.execute(f"SELECT count(DISTINCT line) FROM broken_{file.key}").fetchall()[0][0]
    known = 1 + _count(con, file.raw) + broken
    if number == known:
        return []
    with path.open("r", encoding="utf-8-sig") as stream:
        one = len(file.names) == 1
        sorts = enumerate(lines.without_rows(stream, file.source, file.delimiter, one_column=one), 1)
        found = [(line, why) for line, (_text, why) in sorts if why != "row"]
    return found if number == known + len(found) else []  # else what looks like a quote is none


def _note(con: duckdb.DuckDBPyConnection, file: DataFile, skipped: list[tuple[int, str]]) -> None:
    if not skipped:
        return
    note_skipped(con, file, skipped)
    # DuckDB counts only rows and broken lines.
    bad = con.execute(f"SELECT DISTINCT line FROM broken_{file.key} WHERE line IS NOT NULL ORDER BY 1 DESC").fetchall()
    for (line,) in bad:
        (true,) = place([number for number, _why in skipped], [line])
        con.execute(f"UPDATE broken_{file.key} SET line = ? WHERE line = ?", [true, line])


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


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
        f"SELECT error_type::VARCHAR, list(DISTINCT line ORDER BY line) FROM broken_{file.key} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return [
        Fault(
            ngettext("{n} line is broken: {lines}", "{n} lines are broken: {lines}", len(bad), lines=first_lines(bad)),
            file=file.name,
            row=bad[0],
            found=words.get(kind, _("a line that cannot be read")),
            expected=ngettext("{n} cell in every line", "{n} cells in every line", len(file.names)),
            cure=_encoding_cure() if kind == "INVALID ENCODING" else _whole_file_cure(),
        )
        for kind, bad in found
    ]


def first_lines(shown: list[int]) -> str:
    """The first few line numbers, for a message."""
    told = ", ".join(integer(line) for line in shown[:FIRST_LINES])
    return _("{lines}, ...", lines=told) if len(shown) > FIRST_LINES else told


def find_delimiter(text: str) -> str:
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


def decode(head: bytes, source: Source) -> str:
    """The beginning of the file as text; a character cut in two at its end is left out."""
    with suppress(UnicodeError, LookupError):
        "".encode(source.encoding)  # refuses a codec that unpacks and is no encoding of text
        if not _is_utf8(source.encoding):
            return codecs.getincrementaldecoder(source.encoding)().decode(head)
        if not head.startswith(_UTF16):
            # Only the header must be right here; the rows are checked when all of them are read.
            cut = _end_of_header(head, source.header_line)
            return head[:cut].decode("utf-8-sig") + head[cut:].decode("utf-8", errors="replace")
    raise Unreadable(_not_text(source))


def _end_of_header(head: bytes, line: int) -> int:
    cut = 0
    for _number in range(line):
        cut = head.find(b"\n", cut) + 1
        if not cut:
            return len(head)
    return cut


def _unpack(file: DataFile, copy: Path) -> Path:
    with (
        archives.unpacked(file.path, file.kind, file.source.member, file.name) as packed,
        copy.open("wb") as target,
    ):
        while part := packed.read(_CHUNK):
            target.write(part)
    return copy


def _copy_as_utf8(path: Path, file: DataFile, copy: Path, encoding: str | None = None) -> Path:
    """The same text in UTF-8 with one kind of line end."""
    with (
        path.open("r", encoding=encoding or file.source.encoding) as stream,
        copy.open("w", encoding="utf-8", newline="\n") as target,
    ):
        while chunk := stream.read(_CHUNK):
            target.write(chunk)
    return copy


def _copy_rows(path: Path, file: DataFile, copy: Path) -> tuple[Path, list[tuple[int, str]]]:
    """The header and the rows alone, and which lines were left out."""
    with path.open("r", encoding="utf-8-sig") as stream, copy.open("w", encoding="utf-8", newline="\n") as target:
        return copy, lines.copy_rows(stream, target, file.source, file.delimiter, len(file.names))


def _not_text(source: Source) -> Fault:
    what = _("the file cannot be read as text in {encoding}", encoding=source.encoding)
    return Fault(what, file=source.name, cure=_encoding_cure())


def _encoding_cure() -> str:
    return _("Name the encoding in the study file, for example `encoding: cp1251` (Russian) or `gb18030` (Chinese).")


def _whole_file_cure() -> str:
    return _(
        "Mend these lines, or write the file again from the program it came from; quote cells that hold the delimiter."
    )
