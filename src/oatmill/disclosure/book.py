"""All counts of a book as a reader sees them, and how they add up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from oatmill.disclosure.keys import Curve, Key, curves_of, keys_of, whole_of
from oatmill.disclosure.plan import Rounding
from oatmill.disclosure.rules import released_frame
from oatmill.errors import DisclosureRefused
from oatmill.results import Place, Result
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

    def to_json(self) -> list[list[list[str]]]:
        return [[[*key] for key in side] for side in (self.left, self.right)]

    @classmethod
    def from_json(cls, told: Sequence[Sequence[Sequence[str]]]) -> Sum:
        left, right = (tuple(map(tuple, side)) for side in told)
        return cls(left, right)


@dataclass
class Book:
    """Every count of a book and what readers know to hold between them.

    Attributes
    ----------
    sums : left = right
    at_most : left <= right
    """

    cells: dict[Key, Cell] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)
    at_most: list[Sum] = field(default_factory=list)

    def add(self, key: Key, cell: Cell) -> None:
        """Note a count; seen in several places it is known as well as they tell together."""
        known = self.cells.get(key)
        if known is None:
            self.cells[key] = cell
            return
        if known.true != cell.true:
            named = " / ".join(filter(None, key[:5]))  # never a level, which may be text from a file
            raise DisclosureRefused(_("The count {cell} has two values in the book.", cell=named))
        shown = known.shown or cell.shown
        self.cells[key] = Cell(cell.true, max(known.low, cell.low), min(known.high, cell.high), shown)

    def add_rest(self, rest: Key, whole: Iterable[Key], parts: Iterable[Key], most: int = FAR) -> None:
        """Note a count that nobody printed: what is left of the whole without the parts."""
        whole, parts = tuple(whole), tuple(parts)
        true = sum(self.cells[key].true for key in whole) - sum(self.cells[key].true for key in parts)
        self.add(rest, Cell(true, 0, most, shown=False))
        self.sums.append(Sum(whole, (*parts, rest)))


def possible_at(key: Key, true: int, rounding: Rounding) -> tuple[int, int]:
    if whole_of(key) in rounding.plan.withheld:
        return 0, FAR
    return rounding.possible(key, rounding.count(key, true))


@dataclass
class Reading:
    """A Result with its keys, read under one plan after another: what a plan does not touch looks as it did before."""

    result: Result
    keys: Mapping[Place, Key] = field(init=False)
    curves: Sequence[Curve] = field(init=False)
    _told: object = field(init=False, default=None)
    _seen: dict[str, np.ndarray] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.keys, self.curves = keys_of(self.result), curves_of(self.result)
        self._wholes = {*self.keys.values(), *map(whole_of, self.keys.values())}

    def seen(self, rounding: Rounding) -> dict[str, np.ndarray]:
        """The counts as released, by column."""
        plan = rounding.plan
        told = rounding.profile, {key: plan.entry(key) for key in self._wholes & plan.keys()}
        if told != self._told:
            released = released_frame(self.result, rounding)
            self._told, self._seen = told, {name: released[name].to_numpy(float) for name in _COUNTS}
        return self._seen


def build_book(results: Iterable[Result], roundings: Mapping[str, Rounding]) -> Book:
    """Read all Results as they would be released."""
    return read_book([Reading(result) for result in results], roundings)


def read_book(readings: Iterable[Reading], roundings: Mapping[str, Rounding]) -> Book:
    """Read all Results as they would be released.

    Parameters
    ----------
    roundings : the profile (with what an officer lifted) and the plan, by output

    Raises
    ------
    DisclosureRefused
        where one count has two true values: its two released values would reveal more than either
    """
    from oatmill.disclosure.curves import add_curves
    from oatmill.disclosure.implied import add_implied

    book = Book()
    curves: list[tuple[Curve, Rounding]] = []
    for reading in readings:
        rounding = roundings[reading.result.output]
        _add_counts(book, reading, rounding)
        curves += [(curve, rounding) for curve in reading.curves]
    add_implied(book, add_curves(book, curves))
    return book


def _add_counts(book: Book, reading: Reading, rounding: Rounding) -> None:
    result, keys = reading.result, reading.keys
    if not keys:
        return
    true, seen = {name: result.frame[name].to_numpy(float) for name in _COUNTS}, reading.seen(rounding)
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
        # Not what is seen: a part in a finer class than its whole is cut to the whole.
        return Cell(true, *rounding.possible(key, rounding.count(key, true)))
    if whole_of(key) in rounding.plan.withheld:
        return Cell(true, 0, FAR)
    if np.isnan(rounding.count(key, true)):
        return Cell(true, *rounding.possible(key, np.nan))
    return Cell(true, 0, rounding.profile.small_group - 1 if small else FAR, shown=False)


def _add_part(book: Book, part: Key, whole: Key, rounding: Rounding) -> None:
    """A part and the rest of its population; the rest is a count as well, though nobody printed it."""
    least = book.cells[whole].low - book.cells[part].high
    if least > rounding.profile.protect_up_to:
        book.at_most.append(Sum((part,), (whole,)))
        return
    book.add_rest((f"not {part[0]}", *part[1:]), [whole], [part])


def touching(book: Book) -> Iterator[set[Key]]:
    """The counts that hang together through sums, one set after another."""
    links: dict[Key, set[Key]] = {}
    for keys in [each.keys for each in (*book.sums, *book.at_most)]:
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


def twins(book: Book) -> dict[Key, set[Key]]:
    """Counts under several keys that are one count: each stands alone, but for zeros, on a side of a sum with the next."""
    zeros = {key for key, cell in book.cells.items() if cell.low == cell.high == 0}
    found: dict[Key, set[Key]] = {}
    for each in book.sums:
        left, right = ([key for key in side if key not in zeros] for side in (each.left, each.right))
        if len(left) == len(right) == 1:
            group = {left[0], right[0]} | found.get(left[0], set()) | found.get(right[0], set())
            found.update(dict.fromkeys(group, group))
    return found
