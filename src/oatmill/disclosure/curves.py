"""The counts behind curves, day by day, as a reader sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np

from oatmill.disclosure.book import FAR, Book, Cell, Sum, possible_at
from oatmill.disclosure.keys import Curve, Key, key_of
from oatmill.disclosure.plan import Rounding
from oatmill.disclosure.rules import rounded_curve

_MOST_DAYS = 120  # beyond, only days on which a count is small; elsewhere classes are too wide for two groups to tell


@dataclass(frozen=True)
class Seen:
    """A curve as a reader sees it."""

    curve: Curve
    rounding: Rounding

    @cached_property
    def known(self) -> np.ndarray:
        """Whether a reader sees the curve on the day of each of its rows."""
        curve, rounding = self.curve, self.rounding
        size = rounding.count(curve.size_key, curve.size)
        if curve.size < rounding.profile.small_group or np.isnan(size):
            return np.zeros(len(curve.left), bool)
        at_risk = rounded_curve(curve, size, rounding)["n"].to_numpy()
        return at_risk >= rounding.profile.curve_at_risk


@dataclass(frozen=True)
class Family:
    """Curves of one population: of all (`whole`) and of groups, by rule (`ret_km`); and the days looked at."""

    population: str
    ends: str
    curves: tuple[Seen, ...]
    days: tuple[int, ...]

    @property
    def each(self) -> list[Curve]:
        return [seen.curve for seen in self.curves]

    def whole(self, rule: str) -> Curve | None:
        return next((c for c in self.each if _rule(c) == rule and c.size_key == key_of("", c.row)), None)


def _rule(curve: Curve) -> str:
    return str(curve.row["definition"]).partition("|")[0]


def add_curves(book: Book, curves: Sequence[tuple[Curve, Rounding]]) -> list[Family]:
    """Note the cumulative counts of all curves on the days that matter, and what holds between them."""
    families = []
    seen = sorted((Seen(*each) for each in curves), key=_population)
    for (population, ends), members in groupby(seen, key=_population):
        found = tuple(members)
        for each in found:
            _add_size(book, each.curve, each.rounding)
        family = Family(population, ends, found, _days(found, _special_days(book, population, ends)))
        for each in found:
            _add_days(book, each, family.days)
        for rule in sorted(set(map(_rule, family.each))):
            _add_groups(book, [curve for curve in family.each if _rule(curve) == rule], family)
        families.append(family)
    return families


def _population(seen: Seen) -> tuple[str, str]:
    key = seen.curve.size_key
    return key[1], key[2]


def _add_size(book: Book, curve: Curve, rounding: Rounding) -> None:
    if curve.size < rounding.profile.small_group:
        seen = Cell(curve.size, 0, rounding.profile.small_group - 1, shown=False)
    else:
        seen = Cell(curve.size, *possible_at(curve.size_key, curve.size, rounding))
    book.add(curve.size_key, seen)


def _special_days(book: Book, population: str, ends: str) -> set[int]:
    """Days that other outputs speak of: the last before the risk of the dose model, and the horizons of fixed shares."""
    named = [key for key in book.cells if key[2] == ends and key[1].startswith(population) and key[7].isdigit()]
    return {int(key[7]) - back for key in named if key[4] in ("", "dose_model") for back in (0, 1)}


def _days(members: Sequence[Seen], special: set[int]) -> tuple[int, ...]:
    """The days with a step and the days before; of long curves those with small counts, and each curve's last."""
    steps = {
        int(d) - back
        for each in members
        for d in each.curve.frame["day"][np.diff(each.curve.left, prepend=0) > 0]
        for back in (0, 1)
    }
    last = {int(each.curve.frame["day"].iloc[-1]) for each in members}
    if len(steps) > _MOST_DAYS:
        steps = {day for each in members for day in _early(each.curve, each.rounding)} | _last_seen(members)
    return tuple(sorted(day for day in steps | special | last if 0 <= day <= max(last)))


def _early(curve: Curve, rounding: Rounding) -> set[int]:
    """The days on which a count rises while it is small, and the days before."""
    found = set()
    for count in (curve.left, curve.censored):
        early = np.concatenate([[0], count[:-1]]) <= 2 * rounding.profile.protect_up_to
        found |= {int(day) for day in curve.frame["day"][(np.diff(count, prepend=0) > 0) & early]}
    return found | {day - 1 for day in found}


def _last_seen(members: Sequence[Seen]) -> set[int]:
    return {int(each.curve.frame["day"][each.known].iloc[-1]) for each in members if each.known.any()}


def _add_days(book: Book, seen: Seen, days: Sequence[int]) -> None:
    curve, rounding, known = seen.curve, seen.rounding, seen.known
    rows = np.searchsorted(curve.frame["day"].to_numpy(), days, side="right") - 1
    for what in ("left", "censored"):
        for day, row in zip(days, rows, strict=True):
            key, true = curve.on(what, day), int(getattr(curve, what)[row]) if row >= 0 else 0
            possible = possible_at(key, true, rounding) if known.any() and known[max(row, 0)] else (0, FAR)
            book.add(key, Cell(true, *possible, shown=possible != (0, FAR)))
        for before, after in pairwise(days):
            since = (f"since {before} {what}", *curve.on(what, after)[1:], curve.on(what, after)[0])
            book.add_rest(since, [curve.on(what, after)], [curve.on(what, before)])
    for day in days:
        book.at_most.append(Sum((curve.on("left", day), curve.on("censored", day)), (curve.size_key,)))


def _add_groups(book: Book, curves: Sequence[Curve], family: Family) -> None:
    """The curves of a group's levels, and of clients whose level is not known, make up the curve of all."""
    whole = next((curve for curve in curves if curve.size_key == key_of("", curve.row)), None)
    if whole is None:
        return
    for group in sorted({str(curve.row["group"]) for curve in curves} - {""}):
        parts = [curve for curve in curves if curve.row["group"] == group]
        most = 0 if sum(curve.size for curve in parts) == whole.size else FAR
        missing = key_of("", whole.row, group=group, level="missing")
        for what in ("left", "censored"):
            for day in family.days:
                rest: Key = (
                    f"not known {what}",
                    *whole.on(what, day)[1:4],
                    group,
                    *whole.on(what, day)[5:],
                    _rule(whole),
                )
                book.add_rest(rest, [whole.on(what, day)], [curve.on(what, day) for curve in parts], most)
                if missing in book.cells:
                    book.at_most.append(Sum((rest,), (missing,)))
