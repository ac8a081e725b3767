"""Published releases: what readers have already seen, and what they could learn by comparing.

A count keeps the value of the last release until it has moved by `kept_until_moved` or more; "moved" is measured
from its anchor, the true count when that value was first released, so that many small moves do not go unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oatmill.disclosure.book import FAR, Book, Cell, Sum
from oatmill.disclosure.keys import Key
from oatmill.disclosure.plan import Kept, Plan, Rounding
from oatmill.profiles import Profile

_THEN, _ANCHOR, _MOVED = "then ", "anchor ", "moved "


@dataclass(frozen=True)
class Anchor:
    """A released value, the width of its class, the true count that gave it, and whether it was kept last time."""

    released: float
    times: int
    true: int
    kept: bool


@dataclass(frozen=True)
class Release:
    """What one published release told: every count as its readers saw it, and how they add up."""

    name: str
    profile: str
    anchors: Mapping[Key, Anchor]
    book: Book

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "profile": self.profile,
            "anchors": [[[*key], a.released, a.times, a.true, a.kept] for key, a in sorted(self.anchors.items())],
            "cells": [[[*key], c.true, c.low, c.high, c.shown] for key, c in sorted(self.book.cells.items())],
            "sums": [[[[*key] for key in each.left], [[*key] for key in each.right]] for each in self.book.sums],
            "rising": [[[*small], [*large]] for small, large in self.book.rising],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Release:
        cells = {tuple(key): Cell(*values) for key, *values in told["cells"]}
        sums = [Sum(tuple(map(tuple, left)), tuple(map(tuple, right))) for left, right in told["sums"]]
        rising = [(tuple(small), tuple(large)) for small, large in told["rising"]]
        anchors = {tuple(key): Anchor(*values) for key, *values in told["anchors"]}
        return cls(told["name"], told["profile"], anchors, Book(cells, sums, rising))


def build_release(name: str, book: Book, rounding: Rounding, last: Release | None) -> Release:
    """What a release that is published now tells, from the book as its readers see it."""
    anchors = {}
    for key, cell in book.cells.items():
        released = rounding.count(key, cell.true)
        if cell.shown and released == released:
            before = last.anchors[key] if last and key in rounding.plan.kept else None
            true, times = (before.true, before.times) if before else (cell.true, rounding.times(key))
            anchors[key] = Anchor(released, times, true, kept=before is not None)
    return Release(name, rounding.profile.name, anchors, book)


def kept_values(book: Book, last: Release, profile: Profile) -> dict[Key, Kept]:
    """The counts that have not moved far enough for a new value."""
    return {
        key: Kept(last.anchors[key].released, last.anchors[key].times)
        for key, cell in book.cells.items()
        if key in last.anchors and abs(cell.true - last.anchors[key].true) < profile.kept_until_moved
    }


def add_release(book: Book, last: Release, plan: Plan, profile: Profile) -> None:
    """Add to a book what its readers know from the last release: its counts, its sums, and how far counts moved."""
    for key, cell in last.book.cells.items():
        book.add(_named(_THEN, key), cell)
    then = [Sum(_all(each.left), _all(each.right)) for each in last.book.sums]
    book.sums += then
    book.rising += [(_named(_THEN, small), _named(_THEN, large)) for small, large in last.book.rising]
    for key in [key for key in last.book.cells if key in book.cells and key in last.anchors]:
        _add_move(book, key, last, plan, profile)


def _add_move(book: Book, key: Key, last: Release, plan: Plan, profile: Profile) -> None:
    """now = then + moved, and what keeping or changing a value says of the way from the anchor."""
    anchor, now, then = last.anchors[key], book.cells[key], last.book.cells[key]
    least = profile.kept_until_moved
    book.add(_named(_MOVED, key), Cell(now.true - then.true, -FAR, FAR, shown=False))
    book.sums.append(Sum((key,), (_named(_THEN, key), _named(_MOVED, key))))
    low, high = profile.possible(anchor.released, anchor.times)
    book.add(_named(_ANCHOR, key), Cell(anchor.true, low, high, shown=False))
    _add_way(book, key, anchor, (1 - least, least - 1) if key in plan.kept else _changed(now, low, high, least))
    if not anchor.kept:
        book.sums.append(Sum((_named(_THEN, key),), (_named(_ANCHOR, key),)))


def _add_way(book: Book, key: Key, anchor: Anchor, way: tuple[int, int]) -> None:
    name = _named("way of ", key)
    book.add(name, Cell(book.cells[key].true - anchor.true, *way, shown=False))
    book.sums.append(Sum((key,), (_named(_ANCHOR, key), name)))


def _changed(now: Cell, low: int, high: int, least: int) -> tuple[int, int]:
    """A count with a new value has moved by `least` or more; which way, its readers see where the classes differ."""
    if now.low > low:
        return least, FAR
    return (-FAR, -least) if now.high < high else (-FAR, FAR)


def _named(what: str, key: Key) -> Key:
    return (what + key[0], *key[1:])


def _all(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    return tuple(_named(_THEN, key) for key in keys)
