"""Unknown counts, and what must hold between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from helpers.attacker.rounding import ANY, Range

Count = tuple[str, ...]  # what is counted, in whatever words; equal words are one quantity
Terms = Mapping[Count, int]


class Contradiction(Exception):
    """What the attacker holds to be true cannot all be true."""


@dataclass
class System:
    """`bounds` of every count, `rows`: low <= a weighted sum of counts <= high, `derived`: counts nobody printed."""

    bounds: dict[Count, Range] = field(default_factory=dict)
    rows: list[tuple[Terms, tuple[float, float]]] = field(default_factory=list)
    derived: dict[Count, Terms] = field(default_factory=dict)

    def bound(self, count: Count, within: Range | None = None) -> Count:
        """Note a count, and between which values it lies; without them, it is any number of clients."""
        if within is None:
            self.bounds.setdefault(count, ANY)
            return count
        low, high = self.bounds.get(count, within)
        self.bounds[count] = (max(low, within[0]), min(high, within[1]))
        return count

    def equal(self, left: Iterable[Count], right: Iterable[Count]) -> None:
        self._row(left, right, (0, 0))

    def at_most(self, left: Iterable[Count], right: Iterable[Count]) -> None:
        self._row(left, right, (-math.inf, 0))

    def _row(self, left: Iterable[Count], right: Iterable[Count], within: tuple[float, float]) -> None:
        terms: dict[Count, int] = {}
        for sign, counts in ((1, left), (-1, right)):
            for count in counts:
                self.bound(count)
                terms[count] = terms.get(count, 0) + sign
        self.rows.append((terms, within))

    def derive(self, count: Count, plus: Iterable[Count], minus: Iterable[Count], within: Range = ANY) -> Count:
        """A count that follows from others: those in `plus` without those in `minus`."""
        plus, minus = list(plus), list(minus)
        self.derived[count] = {each: plus.count(each) - minus.count(each) for each in {*plus, *minus}}
        self.bound(count, within)
        self.equal(plus, [*minus, count])
        return count

    def values(self) -> dict[Count, int]:
        """The counts of a system read from unrounded numbers."""
        known = {count: low for count, (low, high) in self.bounds.items() if low == high}
        for count, terms in self.derived.items():
            if all(term in known for term in terms):
                known[count] = sum(weight * known[term] for term, weight in terms.items())
        return known

    def merge(self, other: System, rename: str) -> None:
        """Another book's counts and knowledge, under names of their own."""

        def named(count: Count) -> Count:
            return (rename, *count)

        for count, within in other.bounds.items():
            self.bound(named(count), within)
        self.rows += [({named(count): weight for count, weight in terms.items()}, w) for terms, w in other.rows]
        for count, terms in other.derived.items():
            self.derived[named(count)] = {named(term): weight for term, weight in terms.items()}
