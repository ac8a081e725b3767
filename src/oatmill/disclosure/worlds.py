"""Which true counts are still possible for somebody who reads everything and does the sums.

A world is one whole number for every count, within what each released number allows, with all sums right. A small
count is known too closely when the worlds agree on it to within fewer than `possible_values` values. The truth is one
world. Each solution of the integer programme is another and gives every count one value, so a handful of worlds near
the truth settles most counts at once; for the rest the smallest and the largest value are found, then those between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack, vstack

from oatmill.disclosure.book import FAR, Book, touching
from oatmill.disclosure.keys import Key
from oatmill.profiles import Profile

_REACHES = (1, 2, 1, 2, 3)  # how far from the truth other worlds are looked for, one after another
_SEED = 1  # only steers the order in which worlds are found
_SOME = 0.5  # of a client: less is the solver's tolerance
_IMPOSSIBLE = 2  # the solver's word for it


def known_too_closely(book: Book, profile: Profile) -> Iterator[Key]:
    """The small counts that all published numbers together tell too closely, in order; the next is looked for when asked.

    A step of the plan needs the first of them only; that there is none is the costly answer, and needed once.
    """
    small = {key for key, cell in book.cells.items() if profile.is_protected(cell.true, cell.true)}
    alone = {key for key in small if profile.too_close(book.cells[key].low, book.cells[key].high)}
    doubtful: dict[Key, _Doubts] = {}
    for group in touching(book):
        keys = sorted((group & small) - alone)
        doubtful |= dict.fromkeys(keys, _Doubts(book, group, keys, profile.possible_values))
    return (key for key in sorted({*alone, *doubtful}) if key in alone or not doubtful[key].may_have_enough(key))


@dataclass
class _Doubts:
    """Small counts that hang together, and the values that worlds found so far give them."""

    book: Book
    group: set[Key]
    keys: Sequence[Key]
    enough: int

    @cached_property
    def worlds(self) -> Worlds:
        return Worlds(self.book, sorted(self.group))

    @cached_property
    def values(self) -> dict[Key, set[int]]:
        """The values that some worlds near the truth give."""
        values = {key: {self.worlds.true[key]} for key in self.keys}
        random = np.random.default_rng(_SEED)
        for reach in _REACHES:
            few = [key for key in self.keys if len(values[key]) < self.enough]
            pull = random.choice([-1.0, 1.0], len(few)) * random.uniform(0.5, 1, len(few))
            for weights in (pull, -pull) if few else ():
                world = self.worlds.near_truth(dict(zip(few, weights, strict=True)), reach)
                for key in few:
                    values[key].add(world[key])
        return values

    def may_have_enough(self, key: Key) -> bool:
        """Whether a count has enough possible values; each world that is looked at tells of the others too."""
        values, enough = self.values[key], self.enough
        if len(values) >= enough:
            return True
        most = max(values) + 2 * enough
        low, high = (self._note(self.worlds.least({key: sign}, {key: most}))[key] for sign in (1.0, -1.0))
        for between in range(low + 1, high):
            if len(values) < enough and self.worlds.allows(key, between):
                values.add(between)
        return len(values) >= enough

    def _note(self, world: dict[Key, int]) -> dict[Key, int]:
        for key, values in self.values.items():
            values.add(world[key])
        return world


class Worlds:
    """The worlds of some counts that hang together."""

    def __init__(self, book: Book, keys: Sequence[Key]):
        self.at = {key: place for place, key in enumerate(keys)}
        cells = [book.cells[key] for key in keys]
        self.true = {key: cell.true for key, cell in zip(keys, cells, strict=True)}
        self.low = np.array([cell.low for cell in cells], float)
        self.high = np.array([cell.high for cell in cells], float)
        sums, at_most = ([each for each in known if each.keys[0] in self.at] for known in (book.sums, book.at_most))
        rows = [[(key, 1) for key in each.left] + [(key, -1) for key in each.right] for each in (*sums, *at_most)]
        entries = [(line, self.at[key], sign) for line, row in enumerate(rows) for key, sign in row]
        line, column, sign = (np.array(each) for each in zip(*entries, strict=True))
        self.matrix = csr_array((sign.astype(float), (line, column)), shape=(len(rows), len(keys)))
        self.row_low = np.concatenate([np.zeros(len(sums)), np.full(len(at_most), -np.inf)])
        self._check(np.array(list(self.true.values()), float), self.low, self.high)

    def near_truth(self, weights: Mapping[Key, float], reach: int) -> dict[Key, int]:
        """A world with the smallest weighted sum of these counts, each of them within `reach` of its true value."""
        low, high = self.low.copy(), self.high.copy()
        for key in weights:
            place = self.at[key]
            low[place] = max(low[place], self.true[key] - reach)
            high[place] = min(high[place], self.true[key] + reach)
        return self._named(self._solve(weights, low, high))

    def least(self, weights: Mapping[Key, float], most: Mapping[Key, int] | None = None) -> dict[Key, int]:
        """A world with the smallest weighted sum of counts, none above its `most`."""
        high = self.high.copy()
        for key, value in (most or {}).items():
            high[self.at[key]] = min(high[self.at[key]], value)
        return self._named(self._solve(weights, self.low, high))

    def least_change(self, key: Key, value: int, loss: Mapping[Key, float]) -> set[Key] | None:
        """The counts to show less exactly so that `key` may have this value too, at the least total loss.

        Each count with a `loss` may leave the values that its released number allows, and pays for the way; None
        where that is not enough.
        """
        elastic = np.array([self.at[each] for each in loss])
        size, more = len(self.at), len(elastic)
        way = csr_array((np.ones(more), (elastic, np.arange(more))), shape=(size, more))
        low, high = self.low.copy(), self.high.copy()
        low[elastic], high[elastic] = np.minimum(0, low[elastic]), FAR
        low[self.at[key]] = high[self.at[key]] = value
        allowed = [self.low, -self.high]  # x + below >= low and -x + above >= -high
        matrix = vstack([hstack([self.matrix, csr_array((self.matrix.shape[0], 2 * more))]),
                         hstack([eye_array(size), way, 0 * way]), hstack([-eye_array(size), 0 * way, way])])  # fmt: skip
        rows = LinearConstraint(
            csr_array(matrix), np.concatenate([self.row_low, *allowed]),
            np.concatenate([np.zeros(len(self.row_low)), np.full(2 * size, np.inf)]),
        )  # fmt: skip
        cost = np.concatenate([np.zeros(size), *[list(loss.values())] * 2])
        bounds = Bounds(np.concatenate([low, np.zeros(2 * more)]), np.concatenate([high, np.full(2 * more, 2.0 * FAR)]))
        found = milp(
            cost, integrality=np.concatenate([np.ones(size), np.zeros(2 * more)]), bounds=bounds, constraints=rows
        )
        if found.x is None:
            return None
        ways = found.x[size : size + more] + found.x[size + more :]
        return {each for each, far in zip(loss, ways, strict=True) if far > _SOME}

    def allows(self, key: Key, value: int) -> bool:
        """Whether there is a world in which the count has this value."""
        low, high = self.low.copy(), self.high.copy()
        low[self.at[key]] = high[self.at[key]] = value
        return self._solve({}, low, high) is not None

    def _solve(self, weights: Mapping[Key, float], low: np.ndarray, high: np.ndarray) -> np.ndarray | None:
        cost = np.zeros(len(self.at))
        for key, weight in weights.items():
            cost[self.at[key]] = weight
        rows = LinearConstraint(self.matrix, self.row_low, 0.0)
        found = milp(cost, integrality=np.ones(len(cost)), bounds=Bounds(low, high), constraints=rows)
        if found.status == _IMPOSSIBLE:
            return None
        if found.x is None:
            raise RuntimeError(f"the solver stopped without an answer: {found.message}")
        world = np.round(found.x)
        self._check(world, low, high)
        return world

    def _check(self, world: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """A world is believed only when its sums are right: the solver works in floating point, an estimator may err."""
        sums = self.matrix @ world
        if (world < low).any() or (world > high).any() or (sums > 0).any() or (sums < self.row_low).any():
            raise RuntimeError("counts that should add up do not")

    def _named(self, world: np.ndarray | None) -> dict[Key, int]:
        if world is None:
            raise RuntimeError("no world fits the released numbers, so one of the sums is wrong")
        return {key: int(world[place]) for key, place in self.at.items()}
