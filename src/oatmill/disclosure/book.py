"""All counts of a book as a reader sees them, and how they add up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np

from oatmill.disclosure.keys import Curve, Key, curves_of, key_of, keys_of, whole_of
from oatmill.disclosure.plan import Rounding
from oatmill.disclosure.rules import released_frame, rounded_curve
from oatmill.errors import DisclosureRefused
from oatmill.results import Result
from oatmill.text import _

_COUNTS = ("estimate", "n", "events")
FAR = 10**6  # stands for "no upper limit": more clients than any programme has


@dataclass(frozen=True)
class Cell:
    """One count: its true value and, from `low` to `high`, what a reader of this number alone must reckon with.

    `shown` is False where a reader sees no number.
    """

    true: int
    low: int
    high: int
    shown: bool = True


@dataclass(frozen=True)
class Sum:
    """Counts that readers know to add up: those on the left together are those on the right together."""

    left: tuple[Key, ...]
    right: tuple[Key, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        return self.left + self.right


@dataclass
class Book:
    """Every count of a book, the sums they form, and pairs of which the first is never above the second."""

    cells: dict[Key, Cell] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)
    rising: list[tuple[Key, Key]] = field(default_factory=list)

    def add(self, key: Key, cell: Cell) -> None:
        """Note a count; seen in several places it is known as well as they tell together."""
        known = self.cells.get(key)
        if known is None:
            self.cells[key] = cell
            return
        if known.true != cell.true:
            named = " / ".join(filter(None, key))
            raise DisclosureRefused(_("The count {cell} has two values in the book.", cell=named))
        shown = known.shown or cell.shown
        self.cells[key] = Cell(cell.true, max(known.low, cell.low), min(known.high, cell.high), shown)

    def read_again(self, rounding: Rounding) -> Book:
        """The same counts as a reader sees them under another plan."""
        cells = {key: _reread(key, cell, rounding) for key, cell in self.cells.items()}
        return Book(cells, self.sums, self.rising)


def _reread(key: Key, cell: Cell, rounding: Rounding) -> Cell:
    if not cell.shown:
        return cell
    return Cell(cell.true, *_possible(key, cell.true, rounding))


def _possible(key: Key, true: int, rounding: Rounding) -> tuple[int, int]:
    if whole_of(key) in rounding.plan.withheld:
        return 0, FAR
    return rounding.possible(key, rounding.count(key, true))


def build_book(results: Iterable[Result], roundings: Mapping[str, Rounding]) -> Book:
    """Read all Results as they would be released.

    Parameters
    ----------
    roundings : the profile (with what an officer lifted) and the plan, by output

    Raises
    ------
    DisclosureRefused
        where one count has two true values: its two released values would reveal more than either
    """
    book, curves = Book(), []  # type: Book, list[tuple[Curve, Rounding]]
    for result in results:
        rounding = roundings[result.output]
        _add_counts(book, result, rounding)
        curves += [(curve, rounding) for curve in curves_of(result)]
    for _family, members in groupby(sorted(curves, key=_family_of), key=_family_of):
        _add_curves(book, list(members))
    return book


def _add_counts(book: Book, result: Result, rounding: Rounding) -> None:
    keys = keys_of(result)
    if not keys:
        return
    released = released_frame(result, rounding)
    true, seen = ({name: each[name].to_numpy(float) for name in _COUNTS} for each in (result.frame, released))
    small = true["n"] < rounding.profile.small_group
    for (row, column), key in keys.items():
        if not np.isnan(true[column][row]):
            few = column == "n" and bool(small[row])
            book.add(key, _cell(key, int(true[column][row]), seen[column][row], few, rounding))
    for left, right in result.sums:
        book.sums.append(Sum(tuple(keys[place] for place in left), tuple(keys[place] for place in right)))
    for (row, column), key in keys.items():
        whole = keys[row, "n"]
        if column != "n" and not whole[0] and true["n"][row] >= true[column][row]:
            _add_part(book, key, whole, rounding)


def _cell(key: Key, true: int, seen: float, small: bool, rounding: Rounding) -> Cell:
    if not np.isnan(seen):
        # Not what is seen: a part in a finer class than its whole may have been cut to the whole.
        return Cell(true, *rounding.possible(key, rounding.count(key, true)))
    if whole_of(key) in rounding.plan.withheld:
        return Cell(true, 0, FAR)
    if np.isnan(rounding.profile.count(true)):
        return Cell(true, *rounding.profile.possible(np.nan))
    return Cell(true, 0, rounding.profile.small_group - 1 if small else FAR, shown=False)


def _add_part(book: Book, part: Key, whole: Key, rounding: Rounding) -> None:
    """A part and the rest of its population; the rest is a count as well, though nobody printed it."""
    least = book.cells[whole].low - book.cells[part].high
    if least > rounding.profile.protect_up_to:
        book.rising.append((part, whole))
        return
    rest = (f"not {part[0]}", *part[1:])
    book.add(rest, Cell(book.cells[whole].true - book.cells[part].true, 0, FAR, shown=False))
    book.sums.append(Sum((whole,), (part, rest)))


# Curves: only their first exits are small counts, so only the first days matter.


def _family_of(member: tuple[Curve, Rounding]) -> tuple[str, ...]:
    row = member[0].row
    return tuple(str(row[name]) for name in ("estimand", "definition", "population", "model"))


def _add_curves(book: Book, members: list[tuple[Curve, Rounding]]) -> None:
    for curve, rounding in members:
        small = curve.size < rounding.profile.small_group
        size = np.nan if small else rounding.count(curve.size_key, curve.size)
        book.add(curve.size_key, _cell(curve.size_key, curve.size, size, small, rounding))
    known = {curve.size_key: _known_rows(curve, rounding) for curve, rounding in members}
    for what in ("left", "censored"):
        days = sorted({day for curve, rounding in members for day in _early_days(curve, what, rounding)})
        for curve, rounding in members:
            _add_days(book, curve, what, days, rounding, known[curve.size_key])
        for day in days:
            _add_groups(book, [curve for curve, _rounding in members], what, day)


def _early_days(curve: Curve, what: str, rounding: Rounding) -> list[int]:
    """The days on which a curve's count rises while it is small, and the first day after."""
    count = getattr(curve, what)
    rises = np.diff(count, prepend=0) > 0
    early = np.concatenate([[0], count[:-1]]) <= 2 * rounding.profile.protect_up_to
    return [int(day) for day in curve.frame["day"][rises & early]]


def _known_rows(curve: Curve, rounding: Rounding) -> np.ndarray:
    """Whether a reader sees the curve on the day of each of its rows."""
    size = rounding.count(curve.size_key, curve.size)
    if curve.size < rounding.profile.small_group or np.isnan(size):
        return np.zeros(len(curve.left), bool)
    return rounded_curve(curve, size, rounding)["known"].to_numpy()


def _add_days(book: Book, curve: Curve, what: str, days: list[int], rounding: Rounding, known: np.ndarray) -> None:
    at = np.searchsorted(curve.frame["day"].to_numpy(), days, side="right") - 1
    for day, row in zip(days, at, strict=True):
        key, true = curve.on(what, day), int(getattr(curve, what)[row]) if row >= 0 else 0
        seen = _possible(key, true, rounding) if known.any() and known[max(row, 0)] else (0, FAR)
        book.add(key, Cell(true, *seen, shown=seen != (0, FAR)))
    for before, after in pairwise(days):
        book.rising.append((curve.on(what, before), curve.on(what, after)))
    if days:
        book.rising.append((curve.on(what, days[-1]), curve.size_key))


def _add_groups(book: Book, curves: list[Curve], what: str, day: int) -> None:
    """The curves of a group's levels, and of clients whose level is not known, make up the curve of all."""
    whole = [curve for curve in curves if curve.size_key == key_of("", curve.row)]
    groups = sorted({str(curve.row["group"]) for curve in curves} - {""})
    for group in groups if whole else []:
        parts = [curve for curve in curves if curve.row["group"] == group]
        keys = tuple(curve.on(what, day) for curve in parts)
        total, known = whole[0].on(what, day), sum(book.cells[key].true for key in keys)
        rest = (f"not known {total[0]}", *total[1:4], group, *total[5:])
        most = 0 if sum(curve.size for curve in parts) == whole[0].size else FAR
        book.add(rest, Cell(book.cells[total].true - known, 0, most, shown=False))
        book.sums.append(Sum((total,), (*keys, rest)))


def touching(book: Book) -> Iterator[set[Key]]:
    """The counts that hang together through sums, one set after another."""
    links: dict[Key, set[Key]] = {}
    for keys in [*(each.keys for each in book.sums), *book.rising]:
        for key in keys:
            links.setdefault(key, set()).update(keys)
    seen: set[Key] = set()
    for start in links:
        if start not in seen:
            group, todo = {start}, [start]
            while todo:
                fresh = links[todo.pop()] - group
                group |= fresh
                todo += fresh
            seen |= group
            yield group
