"""Which values each count can take: the truth, and every other world that fits what is published.

A world is one value for every count. Propagation of bounds proves that a count has few values; a solution of the
integer programme proves that it has one more. A solution is believed only when its sums are right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from helpers.attacker.system import Contradiction, Count, System
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ENOUGH = 3
_REACHES = (1, 2, 1, 2, 3)  # how far from the truth other worlds are looked for, round by round
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
    check_truth(system, truth)
    parts = [_Worlds(part, truth) for part in independent(system)]
    at_risk = [count for part in parts for count in part.counts if 1 <= truth[count] <= protected]
    narrowed = [each for part in parts for each in part.narrowed(protected)]
    return Found(len(at_risk), tuple(narrowed))


def check_truth(system: System, truth: Mapping[Count, int]) -> None:
    """The truth must be one of the worlds, or the attacker believes something that is false."""
    for count, (low, high) in system.bounds.items():
        if count in truth and not low <= truth[count] <= high:
            raise Contradiction(f"{count} is {truth[count]}, not {low} to {high}")
    for terms, (low, high) in system.rows:
        if all(count in truth for count in terms):
            total = sum(truth[count] * weight for count, weight in terms.items())
            if not low <= total <= high:
                raise Contradiction(f"{dict(terms)} is {total}, not {low} to {high}")


def independent(system: System) -> Iterator[System]:
    """The system in parts that have no count in common."""
    counts, rows = list(system.bounds), system.rows
    at = {count: place for place, count in enumerate(counts)}
    links = [(at[next(iter(terms))], at[count]) for terms, _ in rows for count in terms]
    one, other = np.array(links or [(0, 0)]).T
    graph = csr_array((np.ones(len(one)), (one, other)), shape=(len(counts), len(counts)))
    number, labels = connected_components(graph, directed=False)
    parts = [System() for _ in range(number)]
    for count, label in zip(counts, labels, strict=True):
        parts[label].bounds[count] = system.bounds[count]
    for terms, within in rows:
        if terms:
            parts[labels[at[next(iter(terms))]]].rows.append((terms, within))
    return iter(parts)


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
        self.truth = truth

    def narrowed(self, protected: int) -> Iterator[Narrowed]:
        values = {count: {self.truth[count]} for count in self.counts if 1 <= self.truth[count] <= protected}
        random = np.random.default_rng(1)
        for reach in _REACHES:
            few = [count for count, seen in values.items() if len(seen) < ENOUGH]
            signs = random.choice([-1.0, 1.0], len(few)) * random.uniform(0.5, 1, len(few))
            for cost in (signs, -signs) if few else ():
                for count, value in self.near(few, cost, reach).items():
                    values[count].add(value)
        for count, seen in values.items():
            possible = tuple(seen) if len(seen) >= ENOUGH else self.all_of(count, seen)
            if len(possible) < ENOUGH:
                yield Narrowed(count, self.truth[count], possible)

    def near(self, few: Sequence[Count], signs: np.ndarray, reach: int) -> dict[Count, int]:
        """A world in which these counts differ from the truth, by no more than `reach`, one way or the other."""
        places, true = [self.at[count] for count in few], np.array([self.truth[count] for count in few])
        cost, low, high = np.zeros(len(self.at)), self.low.copy(), self.high.copy()
        cost[places] = signs
        low[places] = np.maximum(low[places], true - reach)
        high[places] = np.minimum(high[places], true + reach)
        world = self._solve(cost, low, high)
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
            world = self._solve(cost, self.low, high, exact=True)
            ends.append(int(world[place]) if world is not None else max(found))
        found |= set(ends)
        for between in range(ends[0] + 1, ends[1]):
            if len(found) >= ENOUGH:
                break
            low, high = self.low.copy(), self.high.copy()
            low[place] = high[place] = between
            if between not in found and self._solve(0 * cost, low, high, exact=True) is not None:
                found.add(between)
        return tuple(sorted(found))

    def _solve(self, cost: np.ndarray, low: np.ndarray, high: np.ndarray, *, exact: bool = False) -> np.ndarray | None:
        """`exact`: without presolve, which takes longer, and now and then calls a world best that is not."""
        rows = LinearConstraint(self.matrix, self.row_low, self.row_high)
        options = {"presolve": not exact}
        found = milp(cost, integrality=np.ones(len(cost)), bounds=Bounds(low, high), constraints=rows, options=options)
        if found.status == _IMPOSSIBLE:
            return None
        if found.x is None:
            raise Contradiction(f"the solver stopped without an answer: {found.message}")
        world = np.round(found.x)
        sums = self.matrix @ world
        if (sums < self.row_low).any() or (sums > self.row_high).any() or (world < low).any() or (world > high).any():
            raise Contradiction("the solver's world does not add up")
        return world
