"""Which values each count can take: the truth, and every other world that fits what is published.

A world is one value for every count. Propagation of bounds proves that a count has few values; a solution of the
integer programme proves that it has one more. A solution is believed only when its sums are right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from helpers.attacker.system import Contradiction, Count, System

ENOUGH = 3
_POOL = 4
_IMPOSSIBLE = 2


@dataclass(frozen=True)
class Narrowed:
    """A small count and the few values that are left for it."""

    count: Count
    true: int
    possible: tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """What an attack came to: how many true counts were small, and which of them are known too closely."""

    at_risk: int
    narrowed: tuple[Narrowed, ...]


def attack(system: System, truth: Mapping[Count, int], protected: int) -> Found:
    """Every true count from 1 to `protected` that is left with fewer than three values.

    `truth` tells which counts are small, so that no time goes into others, and is the first world; the attacker
    learns nothing from it.
    """
    worlds = _Worlds(system, truth)
    at_risk = [count for count in worlds.counts if 1 <= truth[count] <= protected]
    values = {count: {truth[count]} for count in at_risk}
    random = np.random.default_rng(1)
    for _ in range(_POOL):
        few = [count for count in at_risk if len(values[count]) < ENOUGH]
        if not few:
            return Found(len(at_risk), ())
        for count, value in worlds.away(few, values, random).items():
            values[count].add(value)
    few = [count for count in at_risk if len(values[count]) < ENOUGH]
    narrowed = [Narrowed(count, truth[count], worlds.all_of(count, values[count])) for count in few]
    return Found(len(at_risk), tuple(each for each in narrowed if len(each.possible) < ENOUGH))


class _Worlds:
    def __init__(self, system: System, truth: Mapping[Count, int]):
        self.counts = [count for count in system.bounds if count in truth]
        unknown = [count for count in system.bounds if count not in truth]
        self.at = {count: place for place, count in enumerate([*self.counts, *unknown])}
        self.low, self.high = np.array([system.bounds[count] for count in self.at], float).reshape(-1, 2).T
        entries = [(line, self.at[c], w) for line, (terms, _) in enumerate(system.rows) for c, w in terms.items()]
        line, column, weight = np.array(entries or [(0, 0, 0)]).T
        shape = (max(len(system.rows), 1), len(self.at))
        self.matrix = csr_array((weight.astype(float), (line, column)), shape=shape)
        self.row_low, self.row_high = np.array([w for _, w in system.rows] or [(0, 0)], float).T
        self._check_truth(system, truth)

    def _check_truth(self, system: System, truth: Mapping[Count, int]) -> None:
        """The truth must be one of the worlds, or the attacker believes something that is false."""
        for count, (low, high) in system.bounds.items():
            if count in truth and not low <= truth[count] <= high:
                raise Contradiction(f"{count} is {truth[count]}, not {low} to {high}")
        for terms, (low, high) in system.rows:
            if all(count in truth for count in terms):
                total = sum(truth[count] * weight for count, weight in terms.items())
                if not low <= total <= high:
                    raise Contradiction(f"{dict(terms)} is {total}, not {low} to {high}")

    def away(
        self, few: Sequence[Count], values: Mapping[Count, set[int]], random: np.random.Generator
    ) -> dict[Count, int]:
        """A world in which these counts are, on the whole, far from the values already seen."""
        cost = np.zeros(len(self.at))
        cost[[self.at[count] for count in few]] = random.choice([-1.0, 1.0], len(few)) * random.uniform(0.5, 1, len(few))
        high = self.high.copy()
        for count in few:  # near values are worth more than one far one
            high[self.at[count]] = min(high[self.at[count]], max(values[count]) + len(few) + 2)
        world = self._solve(cost, self.low, high)
        if world is None:
            raise Contradiction("no world fits, not even the truth")
        return {count: int(world[self.at[count]]) for count in few}

    def all_of(self, count: Count, seen: set[int]) -> tuple[int, ...]:
        """The count's possible values, up to as many as are enough."""
        place, found = self.at[count], set(seen)
        cost = np.zeros(len(self.at))
        ends = []
        for sign in (1.0, -1.0):
            cost[place] = sign
            high = np.minimum(self.high, np.where(np.arange(len(self.at)) == place, max(found) + 2 * ENOUGH, np.inf))
            world = self._solve(cost, self.low, high)
            ends.append(int(world[place]) if world is not None else max(found))
        found |= set(ends)
        for between in range(ends[0] + 1, ends[1]):
            if len(found) >= ENOUGH:
                break
            low, high = self.low.copy(), self.high.copy()
            low[place] = high[place] = between
            if between not in found and self._solve(0 * cost, low, high) is not None:
                found.add(between)
        return tuple(sorted(found))

    def _solve(self, cost: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray | None:
        rows = LinearConstraint(self.matrix, self.row_low, self.row_high)
        found = milp(cost, integrality=np.ones(len(cost)), bounds=Bounds(low, high), constraints=rows)
        if found.status == _IMPOSSIBLE:
            return None
        if found.x is None:
            raise Contradiction(f"the solver stopped without an answer: {found.message}")
        world = np.round(found.x)
        sums = self.matrix @ world
        if (sums < self.row_low).any() or (sums > self.row_high).any() or (world < low).any() or (world > high).any():
            raise Contradiction("the solver's world does not add up")
        return world
