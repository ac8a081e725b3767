"""Lines of a text file that are no rows: titles, comments, blank ones, and what a quoted cell runs on to."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from oatmill.source import Source


@dataclass
class Quotes:
    """Whether a line begins inside a quoted cell, line after line."""

    delimiter: str
    inside: bool = False

    def __post_init__(self) -> None:
        mark = re.escape(self.delimiter)
        self._whole = re.compile(rf'(^|{mark})"(?:[^"]|"")*"(?={mark}|$)')
        self._opens = re.compile(rf'(?:^|{mark})"')
        self._closes = re.compile(r'(?:[^"]|"")*"(?!")')

    def take(self, line: str) -> None:
        """Go past a line (without its end)."""
        if '"' not in line:
            return
        if self.inside:
            closed = self._closes.match(line)
            if closed is None:
                return
            line = line[closed.end() :]
        self.inside = bool(self._opens.search(self._whole.sub(r"\1", line)))


def has_care(source: Source) -> bool:
    """Whether lines must be looked at one by one before they are read."""
    return source.header_line > 1 or bool(source.comment) or bool(source.total_lines)


def without_rows(
    lines: Iterator[str], source: Source, delimiter: str, *, one_column: bool
) -> Iterator[tuple[str, str]]:
    """Each line with what it is: row, title, comment, blank or inside (of a cell that began above)."""
    quotes = Quotes(delimiter)
    for number, line in enumerate(lines, 1):
        bare = line.rstrip("\n")
        if number < source.header_line:
            yield line, "title"
            continue
        why = "inside" if quotes.inside else "row"
        if why == "row" and source.comment and bare.startswith(source.comment):
            yield line, "comment"
            continue
        if why == "row" and not bare and not one_column:
            why = "blank"
        quotes.take(bare)
        yield line, why


def header_of(text: str, source: Source, delimiter: str | None) -> str:
    """The beginning of a file from the line with the names on."""
    lines = io.StringIO(text, newline=None)
    for number, line in enumerate(lines, 1):
        if number >= source.header_line and not (source.comment and line.startswith(source.comment)) and line != "\n":
            return line + lines.read()
    return ""


def widen(line: str, source: Source, delimiter: str, width: int) -> str:
    """A total line with as many cells as a row has, so that it can be set aside as one."""
    words = tuple(word.lower() for word in source.total_lines)
    if not words or not line.lower().lstrip(f' \t"\ufeff\u00a0{delimiter}').startswith(words):
        return line
    cells = next(csv.reader([line.rstrip("\n")], delimiter=delimiter), [])
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    if len(cells) > width:
        return line
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow(cells + [""] * (width - len(cells)))
    return out.getvalue()


def copy_rows(stream: TextIO, target: TextIO, source: Source, delimiter: str, width: int) -> list[tuple[int, str]]:
    """Copy the header and the rows; return the other lines, by number."""
    skipped: list[tuple[int, str]] = []
    for number, (line, why) in enumerate(without_rows(stream, source, delimiter, one_column=width == 1), 1):
        if why in ("row", "inside"):
            target.write(widen(line, source, delimiter, width) if why == "row" and source.total_lines else line)
        if why != "row":
            skipped.append((number, why))
    return skipped
