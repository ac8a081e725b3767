"""What a file looks like to somebody without a study file: `read_samples`.

Whatever is not certain is kept as it stands and said in `doubts`: no row of data is ever taken for a title, a
comment or a total because it looks a little like one.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oatmill.errors import FileMissing
from oatmill.intake.readers import archives
from oatmill.intake.readers.base import Unreadable, damaged
from oatmill.intake.readers.encodings import find_encoding
from oatmill.intake.readers.text import HEAD_BYTES
from oatmill.intake.sample import SAMPLE_ROWS, Sample
from oatmill.source import Source
from oatmill.text import _

_MARKS = (",", ";", "\t", "|", "^", "~", ":")
_COMMENTS = ("#", "//", "%")
_LINES = 200  # that are looked at for a delimiter
_TITLES = 20  # at most so many lines above the header
_TAIL = 1 << 16
_MOST_SCANNED = 1 << 29  # bytes of an archive that are unpacked to see its end
_TOTAL = re.compile(
    r"(итого|всего|grand total|totals?|sum|сумма|合计|总计|共计|жалпы|жыйынтыгы|бардыгы)(?![^\W\d_])|(合计|总计|共计)",
    re.IGNORECASE,
)
_LAST = 3  # rows at the end among which a total may stand
_NUMBER = re.compile(r"[+-]?\d[\d\s.,'\u00a0\u202f]*%?")
_DATUM = re.compile(r"[\d\s.,:/+'T-]*\d[\d\s.,:/+'TZ-]*")
_COMMA = re.compile(r"[+-]?\d+(?:[ \u00a0\u202f.']\d{3})*,\d+")
_POINT = re.compile(r"[+-]?\d+(?:[ \u00a0\u202f,']\d{3})*\.\d+")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([ \u00a0\u202f',.])\d{3})+(?:[.,]\d+)?")

Rows = Sequence[Sequence[str]]


def read_samples(path: Path) -> list[Sample]:
    """Everything that can be read as a table in a file: its sheets, tables, data frames or members.

    Raises
    ------
    FileMissing : there is no such file, or it is damaged or of no known kind
    PackageMissing : the format needs a package that is not installed
    """
    from oatmill.intake.files import find_kind, reader

    fault = None
    try:
        kind = find_kind(Source(file=path.name), path)
        found: list[Sample] = (
            text_samples(path, kind) if kind in ("text", "gzip", "zip") else reader(kind).samples(path, kind)
        )
    except Unreadable as unreadable:
        fault = unreadable.fault
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, FileMissing):
            raise
        fault = damaged(path.name)
    if fault:
        raise FileMissing(_("A file cannot be read."), [fault])
    return found


def text_samples(path: Path, kind: str) -> list[Sample]:
    if kind != "zip":
        return [text_sample(path, kind, None)]
    try:
        names = archives.members(path)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):
        raise Unreadable(damaged(path.name)) from None
    if len(names) == 1:
        return [text_sample(path, kind, None)]
    found = []
    for name in names:
        try:
            found.append(text_sample(path, kind, name))
        except Unreadable:  # a member that is no text
            continue
    return found


def text_sample(path: Path, kind: str, member: str | None) -> Sample:
    head, tail, whole = _ends(path, kind, member)
    encoding, sure = find_encoding(head)
    doubts = []
    settings: dict[str, Any] = {"member": member} if member else {}
    if encoding != "utf-8":
        settings["encoding"] = encoding
    if not sure:
        doubts.append(_("The encoding was guessed as {encoding}: look at the letters.", encoding=encoding))
    if encoding in ("utf-8",) and b"\x00" in head:
        raise Unreadable(damaged(path.name))
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="replace")
    if not whole:
        text = text[: text.rfind("\n") + 1] or text
    lines = io.StringIO(text, newline=None).read().split("\n")
    delimiter = _delimiter(lines)
    if delimiter != ",":
        settings["delimiter"] = delimiter
    comment = _comment(lines, delimiter)
    if comment:
        settings["comment"] = comment
    rows = _cut(lines, delimiter, comment)
    end = rows
    if not whole:
        ending = tail.decode(encoding.replace("utf-16", "utf-16-le"), errors="replace").splitlines()[1:]
        end = _cut(ending, delimiter, comment)
    return sample_of_rows(path, settings, rows, end=end, native=False, doubts=doubts)


def sample_of_rows(
    path: Path, settings: dict[str, Any], rows: Rows, *, end: Rows = (), native: bool = True, doubts: Sequence[str] = ()
) -> Sample:
    """Rows from the first line on -> a Sample: which line is the header, which rows are totals, how numbers look."""
    settings, told = dict(settings), list(doubts)
    line, sure = _header_line(rows)
    if line > 1:
        settings["header_line"] = line
    if not sure:
        told.append(_("No line looks like the names of columns; the first one was taken."))
    names = [cell.strip() for cell in rows[line - 1]] if len(rows) >= line else []
    while native and names and not names[-1]:
        names.pop()
    body = [row for row in rows[line:] if any(cell.strip() for cell in row)]
    words = _totals(body, end or rows)
    if words:
        settings["total_lines"] = words
        body = [row for row in body if not _first(row).lower().startswith(tuple(map(str.lower, words)))]
    cells = [tuple((*row, *[""] * len(names))[: len(names)]) for row in body[:SAMPLE_ROWS]]
    marks, more = _number_marks(cells, native=native)
    return Sample(path, settings | marks, tuple(names), tuple(cells), native=native, doubts=(*told, *more))


def _ends(path: Path, kind: str, member: str | None) -> tuple[bytes, bytes, bool]:
    """The beginning of the text, its end, and whether the beginning is all of it."""
    if kind == "text":
        with path.open("rb") as stream:
            head, size = stream.read(HEAD_BYTES), path.stat().st_size
            if size <= HEAD_BYTES:
                return head, b"", True
            stream.seek(-min(_TAIL, size - len(head)) // 2 * 2 + size % 2, 2)
            return head, stream.read(), False
    with archives.unpacked(path, kind, member, path.name) as packed:
        head = packed.read(HEAD_BYTES)
        parts: deque[bytes] = deque(maxlen=2)
        seen = len(head)
        while seen < _MOST_SCANNED and (part := packed.read(_TAIL)):
            parts.append(part)
            seen += len(part)
        return head, b"".join(parts), not parts


def _delimiter(lines: Sequence[str]) -> str:
    """The mark that cuts most lines into the same number of cells, and into more of them than another."""
    some = [line for line in lines[:_LINES] if line.strip()]

    def fit(mark: str) -> tuple[float, int]:
        widths = [len(row) for row in _read(some, mark)]
        width, count = Counter(widths).most_common(1)[0] if widths else (1, 0)
        return (round(count / len(widths), 1), width) if width > 1 else (0, 1)

    best = max(_MARKS, key=fit)
    return best if fit(best)[0] > 0 else ","


def _read(lines: Sequence[str], mark: str) -> list[list[str]]:
    try:
        return list(csv.reader((line + "\n" for line in lines), delimiter=mark))
    except csv.Error:
        return []


def _comment(lines: Sequence[str], delimiter: str) -> str | None:
    """What comment lines begin with, where every line that begins so has not the width of a row."""
    widths = Counter(len(row) for row in _read([line for line in lines[:_LINES] if line.strip()], delimiter))
    width = widths.most_common(1)[0][0] if widths else 1
    for sign in _COMMENTS:
        found = [line for line in lines if line.startswith(sign)]
        if found and width > 1 and all(len(row) != width for row in _read(found, delimiter)):
            return sign
    return None


def _cut(lines: Sequence[str], delimiter: str, comment: str | None) -> list[list[str]]:
    """Rows by line of the file: a line that is none, or that belongs to the row above, is an empty row."""
    rows: list[list[str]] = []
    reader = csv.reader(
        ("\n" if comment and line.startswith(comment) else line + "\n" for line in lines), delimiter=delimiter
    )
    try:
        for row in reader:
            rows.append(row)
            rows.extend([] for _more in range(reader.line_num - len(rows)))
    except csv.Error:
        pass
    return rows


def _header_line(rows: Rows) -> tuple[int, bool]:
    """The first line whose cells are mostly filled, words, and as many as in the rows below; titles stand above it."""
    widths = Counter(_width(row) for row in rows[:SAMPLE_ROWS] if _filled(row))
    width = max((w for w, n in widths.items() if n >= 0.2 * sum(widths.values())), default=1)
    for line, row in enumerate(rows[:_TITLES], 1):
        if _filled(row) >= max(1, 0.6 * width) and _is_words(row):
            return line, True
        if _filled(row) > max(1, 0.5 * width):  # neither a title nor a header
            break
    first = next((line for line, row in enumerate(rows[:_TITLES], 1) if _filled(row)), 1)
    return (first, not rows) if first > 1 and not any(map(_filled, rows[: first - 1])) else (1, not rows)


def _width(row: Sequence[str]) -> int:
    return max((k for k, cell in enumerate(row, 1) if cell.strip()), default=0)


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _is_words(row: Sequence[str]) -> bool:
    return not any(_DATUM.fullmatch(cell.strip()) for cell in row if cell.strip())


def _first(row: Sequence[str]) -> str:
    return next((cell.strip() for cell in row if cell.strip()), "")


def _totals(body: Rows, end: Rows) -> list[str]:
    """The words with which totals at the end begin; none where many rows begin so."""
    last = [row for row in end if _filled(row)][-_LAST:]
    words = list(dict.fromkeys(found[0] for row in last if (found := _TOTAL.match(_first(row)))))
    kept = []
    for word in words:
        many = sum(_first(row).lower().startswith(word.lower()) for row in body)
        if many <= max(_LAST, len(body) // 10):
            kept.append(word)
    return kept


def _number_marks(rows: Rows, *, native: bool) -> tuple[dict[str, str], list[str]]:
    """The marks of decimals and thousands over the columns that are numbers."""
    commas, points, grouped, exact = 0, 0, Counter[str](), True
    for cells in zip(*rows, strict=True) if rows else ():
        texts = [text for cell in cells if (text := cell.strip())]
        if not texts or sum(bool(_NUMBER.fullmatch(text)) for text in texts) < 0.8 * len(texts):
            continue
        with_comma = [text for text in texts if _COMMA.fullmatch(text)]
        commas += len(with_comma)
        exact = exact and all(re.search(r",\d{3}$", text) for text in with_comma)
        points += sum(bool(_POINT.fullmatch(text)) for text in texts)
        grouped.update(found[1] for text in texts if (found := _GROUPED.fullmatch(text)))
    if native and not commas:
        return {}, []
    doubts = []
    marks = {"decimal": ","} if commas > points else {}
    if commas and (points or exact):
        doubts.append(_("Whether the comma in numbers parts decimals or thousands is not certain."))
    if commas and exact:
        marks = {}
    mark = grouped.most_common(1)[0][0] if grouped else ""
    mark = " " if mark in "\u00a0\u202f" and mark else mark
    if mark in (" ", "'") or (mark and mark == "." and marks):
        marks["thousands"] = mark
    return marks, doubts
