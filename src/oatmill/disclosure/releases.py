"""Published releases: what readers have already seen, and what they could learn by comparing.

The rule
--------
A count keeps the value of an earlier release until it has moved by `kept_until_moved` or more. "Moved" is measured
from its anchor: the true count when that value was first released, so that many small moves do not go unseen. All
anchors of a count are remembered, those in force last first: a count that comes back to where it once was gets the
value that it had there, or an early and a late release could be compared past the one between them.

To show nothing is a value as well. A count that the profile hid stays hidden, one that the plan withheld stays
withheld, one in a wider class stays in it, until it has moved as far: shown while it has hardly moved, it would give
away what it hid then. Of a curve its size decides; its days keep their values one by one. A zero is kept too: a
released 0 then stands for 0 to `kept_until_moved` - 1 clients, as the note under the table says.

A key tells who is counted, not how the study came to its data. A new definition, data cut or set of exceptions is
therefore no way around the rule: what has the same key keeps its value, whatever moved it; what has another key is
another count, as two definitions are within one report. A count that was never shown and is shown now is taken to
be known by its readers to have moved little, where that is so. Under another profile nothing can be published.

What is assumed
---------------
Readers know the rule, all sums, and both releases; they do not know by how much a count moved. Worlds are made of
this release and the last one (`comparing`); older releases count through the values that they anchor.
Who knows by how much a count moved has counted the others already. Means and ratios are no counts: they follow the
data, on a grid that one client cannot move them on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oatmill.disclosure.book import FAR, Book, Cell, Sum
from oatmill.disclosure.keys import CUMULATIVE, Curve, Key, whole_of
from oatmill.disclosure.plan import Kept, Plan, Rounding
from oatmill.disclosure.rules import curve_counts
from oatmill.profiles import Profile


@dataclass(frozen=True)
class Anchor:
    """A true count and what was released of it.

    Attributes
    ----------
    released : None where nothing was shown
    times : the width of its class
    withheld : by the plan; else it is the profile that hid it
    kept : whether the last release kept the value, so that the true count may have been another by then
    """

    true: int
    released: float | None
    times: int = 1
    withheld: bool = False
    kept: bool = False

    def possible(self, profile: Profile) -> tuple[int, int]:
        if self.withheld:
            return 0, FAR
        return profile.possible(np.nan if self.released is None else self.released, self.times)


Anchors = tuple[Anchor, ...]
Steps = tuple[tuple[int, Anchors], ...]


@dataclass(frozen=True)
class Release:
    """What one published release told: every count as its readers saw it, and how they add up.

    Attributes
    ----------
    anchors : of each count, the anchor in force first; of a curve as a whole, its size stands for the count
    curves : the cumulative counts behind curves, by key without a day: anchors from this day on
    """

    name: str
    profile: str
    anchors: Mapping[Key, Anchors]
    curves: Mapping[Key, Steps]
    book: Book

    def anchors_of(self, key: Key) -> Anchors:
        if not _is_day(key):
            return self.anchors.get(key, ())
        steps = self.curves.get((*key[:7], "", key[8]), ())
        at = bisect_right(steps, int(key[7]), key=lambda step: step[0]) - 1
        return steps[at][1] if at >= 0 else ()

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "profile": self.profile,
            "anchors": [[[*key], _told(anchors)] for key, anchors in sorted(self.anchors.items())],
            "curves": [[[*key], [[day, _told(a)] for day, a in steps]] for key, steps in sorted(self.curves.items())],
            "cells": [[[*key], c.true, c.low, c.high, c.shown] for key, c in sorted(self.book.cells.items())],
            "sums": [each.to_json() for each in self.book.sums],
            "at_most": [each.to_json() for each in self.book.at_most],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Release:
        cells = {tuple(key): Cell(*values) for key, *values in told["cells"]}
        sums, at_most = ([Sum.from_json(each) for each in told[name]] for name in ("sums", "at_most"))
        anchors = {tuple(key): _read(values) for key, values in told["anchors"]}
        curves = {tuple(key): tuple((day, _read(values)) for day, values in steps) for key, steps in told["curves"]}
        return cls(told["name"], told["profile"], anchors, curves, Book(cells, sums, at_most))


def _told(anchors: Anchors) -> list[list[Any]]:
    return [[a.true, a.released, a.times, a.withheld, a.kept] for a in anchors]


def _read(values: Iterable[Iterable[Any]]) -> Anchors:
    return tuple(Anchor(*each) for each in values)


def _is_day(key: Key) -> bool:
    return whole_of(key) != key and key[7] != ""


def _near(anchors: Anchors, true: int, profile: Profile) -> Anchor | None:
    """The anchor in force for this true count: the last one from which it has not moved far enough."""
    return next((each for each in anchors if abs(true - each.true) < profile.kept_until_moved), None)


# What is published now


def release_of(
    name: str, book: Book, curves: Iterable[tuple[Curve, Rounding]], rounding: Rounding, last: Release | None
) -> Release:
    """What a release that is published now tells its readers.

    Parameters
    ----------
    curves : every curve of the book, with the rounding of its output
    """
    anchors = dict(last.anchors) if last else {}
    steps = dict(last.curves) if last else {}
    for key, cell in book.cells.items():
        if cell.shown and not _is_day(key):
            value = rounding.count(key, cell.true)
            fresh = _fresh(key, cell.true, value, rounding)
            anchors[key] = _next(anchors.get(key, ()), fresh, rounding.profile)
    for curve, own in sorted(curves, key=lambda each: len(each[0].frame)):
        whole = whole_of(curve.on("left", ""))
        fresh = _fresh(whole, curve.size, np.nan, own)
        anchors[whole] = _next(last.anchors_of(whole) if last else (), fresh, own.profile)
        for what, told in curve_counts(curve, own).items():
            steps[curve.on(what, "")] = tuple(_steps(curve, what, told, own, last))
    return Release(name, rounding.profile.name, anchors, steps, book)


def _fresh(key: Key, true: int, value: float, rounding: Rounding) -> Anchor:
    kept = rounding.plan.kept.get(key)
    times = kept.times if kept else rounding.times(key)
    return Anchor(true, None if np.isnan(value) else float(value), times, whole_of(key) in rounding.plan.withheld)


def _next(before: Anchors, fresh: Anchor, profile: Profile) -> Anchors:
    near = _near(before, fresh.true, profile)
    if near is None or (near.withheld, near.times) != (fresh.withheld, fresh.times):
        return (fresh, *before)
    return (replace(near, kept=True), *(each for each in before if each is not near))


def _steps(
    curve: Curve, what: str, told: tuple[np.ndarray, np.ndarray], rounding: Rounding, last: Release | None
) -> Iterator[tuple[int, Anchors]]:
    """The anchors of a curve's counts, from each day on which they change; before its first row nobody is counted."""
    values, seen = told
    start = [(-1, 0, 0.0, True)] if seen.any() else []
    rows = zip(curve.frame["day"].astype(int).tolist(), getattr(curve, what).tolist(), values, seen, strict=True)
    noted: Anchors | None = None
    for day, true, value, visible in [*start, *rows]:
        key = curve.on(what, day)
        anchors = last.anchors_of(key) if last else ()
        if visible:  # a value that the day before raises is noted as it was: readers know less than that
            own = np.nan if np.isnan(value) else rounding.count(key, int(true))
            anchors = _next(anchors, _fresh(key, int(true), own, rounding), rounding.profile)
        if anchors != noted:
            yield day, anchors
        noted = anchors


# What the plan keeps


def keep_old(plan: Plan, book: Book, curves: Iterable[Curve], last: Release, profile: Profile) -> Plan:
    """The plan in which every count of the book that has not moved far enough is as it was: value, class, or nothing.

    Which days of curves the book looks at depends on the plan, so this is asked again of every new book.
    """
    kept: dict[Key, Kept] = {}
    widened = dict(plan.widened)
    withheld = set(plan.withheld)
    wholes = {whole_of(curve.on("left", "")): curve.size for curve in curves}
    for key, true in [*wholes.items(), *((key, cell.true) for key, cell in book.cells.items())]:
        anchor = _near(last.anchors_of(key), true, profile)
        if anchor is None:
            continue
        if anchor.withheld:
            withheld.add(whole_of(key))
        elif key not in wholes:
            kept[key] = Kept(anchor.released, anchor.times)
        if anchor.times > 1:
            widened[whole_of(key)] = max(anchor.times, widened.get(whole_of(key), 1))
    return Plan(widened, frozenset(withheld), kept | {**plan.kept}, after=last.name)


def keep_later_days(plan: Plan, curves: Iterable[Curve], last: Release, profile: Profile) -> Plan:
    """The plan with the days of curves that no world depends on: those that would have another value by now."""
    kept = dict(plan.kept)
    for curve in curves:
        for what in CUMULATIVE:
            times = plan.widened.get(whole_of(curve.on(what, "")), 1)
            for day, true in zip(curve.frame["day"].astype(int).tolist(), getattr(curve, what).tolist(), strict=True):
                key = curve.on(what, day)
                anchor = _near(last.anchors_of(key), int(true), profile)
                if anchor and not anchor.withheld and key not in kept and not _same(anchor, profile.count(true, times)):
                    kept[key] = Kept(anchor.released, anchor.times)
    return replace(plan, kept=kept)


def _same(anchor: Anchor, value: float) -> bool:
    return np.isnan(value) if anchor.released is None else anchor.released == value
