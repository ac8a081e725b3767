"""What the cells of one column can be: dates in some format, numbers with some marks, codes."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from oatmill.proposal.words import is_missing
from oatmill.schema import Column

MOST_CODES = 20  # different values of a column that is taken for one of codes
_ANSWERS = 4  # different values of a column of yes and no
_LONGEST_CODE = 40  # characters
_MOSTLY = 0.8  # of the cells must be readable for a column to be taken for dates or numbers at all

_DAYS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%Y年%m月%d日", "%d-%b-%Y", "%d %b %Y", "%d%b%Y", "%d %B %Y",
)  # fmt: skip
_TIMES = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S")
_DATE_LIKE = re.compile(r"\d{1,4}\D{1,2}\d{1,2}\D{1,2}\d{1,4}日?([ T][\d:]+)?|\d{8}|\d{1,2}[- ]?[^\W\d]{3,9}[- ]?\d{4}")
_YEARS = (1900, 2100)

# (decimal mark, thousands mark), the plain one first.
MARKS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"))
_SPACES = re.compile("[\u00a0\u202f\u2009]")


@dataclass(frozen=True)
class Cells:
    """The cells of one column: `values` counts what is neither blank nor a word for "not known"."""

    name: str
    values: Counter[str]
    blank: int
    missing: Counter[str]

    @property
    def filled(self) -> int:
        return self.values.total()

    @property
    def rows(self) -> int:
        return self.filled + self.blank + self.missing.total()

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True)
class Reading:
    """Ways to read a column that read the most of its cells: `read` of them, all where `whole`."""

    ways: tuple[str | tuple[str, str], ...]
    read: int
    whole: bool


def read_cells(name: str, cells: Sequence[str]) -> Cells:
    """Count the cells of a column."""
    counts = Counter(cell.strip() for cell in cells)
    blank = counts.pop("", 0)
    missing = Counter({cell: n for cell, n in counts.items() if is_missing(cell)})
    return Cells(name, counts - missing, blank, missing)


@functools.lru_cache(maxsize=4096)
def date_formats(cells: Cells) -> Reading:
    """The strptime formats that read most cells.

    >>> date_formats(read_cells("d", ["31.12.2019", "01.02.2020"])).ways
    ('%d.%m.%Y',)
    >>> date_formats(read_cells("d", ["03/04/2019", "01/02/2020"])).ways
    ('%d/%m/%Y', '%m/%d/%Y')
    """
    like = Counter({cell: n for cell, n in cells.values.items() if _DATE_LIKE.fullmatch(cell)})
    if like.total() < _MOSTLY * cells.filled or not cells.filled:
        return Reading((), 0, False)
    some = list(like)[:20]
    formats = [day + time for day in _DAYS for time in _TIMES if any(_is_date(cell, day + time) for cell in some)]
    reads = {form: sum(n for cell, n in like.items() if _is_date(cell, form)) for form in formats}
    most = max(reads.values(), default=0)
    if most < _MOSTLY * cells.filled:
        return Reading((), 0, False)
    return Reading(tuple(form for form in formats if reads[form] == most), most, most == cells.filled)


@functools.lru_cache(maxsize=4096)
def number_marks(cells: Cells) -> Reading:
    """The marks with which most cells are numbers.

    >>> number_marks(read_cells("x", ["1,5", "2 020,25"])).ways
    ((',', ' '),)
    """
    if not cells.filled:
        return Reading((), 0, False)
    reads = {marks: sum(n for cell, n in cells.values.items() if number(cell, *marks) is not None) for marks in MARKS}
    most = max(reads.values())
    if most < _MOSTLY * cells.filled:
        return Reading((), 0, False)
    return Reading(tuple(marks for marks in MARKS if reads[marks] == most), most, most == cells.filled)


def number(cell: str, decimal: str, thousands: str) -> float | None:
    """A cell as a number; None where it is none with these marks."""
    text = _SPACES.sub(" ", cell)
    part = re.escape(thousands)
    whole = rf"\d{{1,3}}(?:{part}\d{{3}})*|\d+" if thousands else r"\d+"
    if not re.fullmatch(rf"[+-]?(?:{whole})?(?:{re.escape(decimal)}\d*)?(?:[eE][+-]?\d+)?", text):
        return None
    bare = text.replace(thousands, "") if thousands else text
    try:
        return float(bare.replace(decimal, "."))
    except ValueError:
        return None


def last_day(cells: Cells, form: str) -> dt.date | None:
    days = [day for cell in cells.values if (day := _date(cell, form))]
    return max(days, default=None)


def fits(column: Column, cells: Cells) -> bool:
    """Whether the cells can be what a column holds. An empty column can be anything."""
    if not cells.filled:
        return True
    if column.kind == "date":
        return bool(date_formats(cells).ways)
    if column.kind in ("number", "integer"):
        return bool(number_marks(cells).ways) and not _only_dates(cells)
    if column.kind == "id":
        return not _only_dates(cells) and not any("." in cell and "," in cell for cell in cells.values)
    if column.kind == "flag":
        return len(cells.values) <= _ANSWERS and all(len(cell) <= _LONGEST_CODE for cell in cells.values)
    if column.kind == "category":
        return _are_codes(column, cells)
    return True


def _are_codes(column: Column, cells: Cells) -> bool:
    if _only_dates(cells) or any(len(cell) > _LONGEST_CODE for cell in cells.values):
        return False
    most = MOST_CODES if column.allowed else max(MOST_CODES, cells.filled // 4)
    return column.name == "site_id" or len(cells.values) <= most


def _only_dates(cells: Cells) -> bool:
    """Dates, and not just numbers of eight digits."""
    return bool(date_formats(cells).ways) and not all(cell.isdigit() for cell in cells.values)


@functools.lru_cache(maxsize=1 << 17)
def _date(cell: str, form: str) -> dt.date | None:
    try:
        day = dt.datetime.strptime(cell, form).date()  # noqa: DTZ007 - a day, no moment
    except ValueError:
        return None
    return day if _YEARS[0] <= day.year <= _YEARS[1] else None


def _is_date(cell: str, form: str) -> bool:
    return _date(cell, form) is not None
