"""Which true counts are still possible for somebody who reads everything and does the sums.

A world is one whole number for every count, within what each released number allows, with all sums right. A count
is too close when the worlds agree on it to within fewer than `possible_values` values. Each solution of the integer
programme is one world and gives every count one value, so a handful of solutions settles most counts at once; for
the rest the smallest and the largest value are found, and then the values between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack, vstack

from oatmill.disclosure.book import FAR, Book, touching
from oatmill.disclosure.keys import Key
from oatmill.profiles import Profile

_ROUNDS = 3
_SEED = 1  # only steers the order in which worlds are found


def known_too_closely(book: Book, profile: Profile, around: Key | None = None) -> list[Key]:
    """The counts that may be small and that all published numbers together tell too closely.

    `around`: look only at the counts that hang together with this one.
    """
    alone = {key for key, cell in book.cells.items() if profile.too_close(cell.low, cell.high)}
    found = set(alone)
    for group in touching(book):
        if around is not None and around not in group:
            continue
        doubtful = [
            key for key in sorted(group - alone) if profile.is_protected(book.cells[key].low, book.cells[key].high)
        ]
        if doubtful:
            found |= _too_close_among(doubtful, Worlds(book, sorted(group)), profile)
    return sorted(found)


def _too_close_among(doubtful: Sequence[Key], worlds: Worlds, profile: Profile) -> set[Key]:
    values = {key: {worlds.true[key]} for key in doubtful}
    random = np.random.default_rng(_SEED)
    for _round in range(_ROUNDS):
        open_keys = [key for key in doubtful if len(values[key]) < profile.possible_values]
        if not open_keys:
            return set()
        weights = {
            key: float(sign) for key, sign in zip(open_keys, random.choice([-1, 1], len(open_keys)), strict=True)
        }
        opposite = {key: -weight for key, weight in weights.items()}
        for world in (worlds.least(weights), worlds.least(opposite)):
            _note(values, world, open_keys)
        between = {key: min(values[key]) + 1 for key in open_keys}
        _note(values, worlds.nearest(between), open_keys)
    left = [key for key in doubtful if len(values[key]) < profile.possible_values]
    return {key for key in left if not _has_enough(key, values[key], worlds, profile)}


def _note(values: Mapping[Key, set[int]], world: Mapping[Key, int], keys: Sequence[Key]) -> None:
    for key in keys:
        values[key].add(world[key])


def _has_enough(key: Key, values: set[int], worlds: Worlds, profile: Profile) -> bool:
    low, high = worlds.least({key: 1.0})[key], worlds.least({key: -1.0})[key]
    if not profile.is_protected(low, high):
        return True
    values |= {low, high}
    for between in range(low + 1, high):
        if len(values) >= profile.possible_values:
            break
        if between not in values and worlds.has(key, between):
            values.add(between)
    return len(values) >= profile.possible_values


class Worlds:
    """The worlds of some counts that hang together."""

    def __init__(self, book: Book, keys: Sequence[Key]):
        self.keys = list(keys)
        self.at = {key: place for place, key in enumerate(self.keys)}
        cells = [book.cells[key] for key in self.keys]
        self.true = {key: cell.true for key, cell in zip(self.keys, cells, strict=True)}
        self.low = np.array([cell.low for cell in cells], float)
        self.high = np.array([cell.high for cell in cells], float)
        sums = [each for each in book.sums if each.keys[0] in self.at]
        at_most = [each for each in book.at_most if each.keys[0] in self.at]
        rows = [[(key, 1) for key in each.left] + [(key, -1) for key in each.right] for each in (*sums, *at_most)]
        self.matrix = self._matrix(rows)
        self.row_low = np.concatenate([np.zeros(len(sums)), np.full(len(at_most), -np.inf)])
        self._check(np.array(list(self.true.values()), float), self.low, self.high)

    def _matrix(self, rows: Sequence[Sequence[tuple[Key, int]]]) -> csr_array:
        entries = [(line, self.at[key], sign) for line, row in enumerate(rows) for key, sign in row]
        line, column, sign = (np.array(each) for each in zip(*entries, strict=True))
        return csr_array((sign.astype(float), (line, column)), shape=(len(rows), len(self.keys)))

    def least(self, weights: Mapping[Key, float]) -> dict[Key, int]:
        """A world with the smallest weighted sum of counts."""
        cost = np.zeros(len(self.keys))
        for key, weight in weights.items():
            cost[self.at[key]] = weight
        return self._named(self._solve(cost, self.matrix, self.row_low, self.low, self.high))

    def nearest(self, targets: Mapping[Key, float]) -> dict[Key, int]:
        """A world with these counts near these values: one distance per count, at least the difference either way."""
        places = [self.at[key] for key in targets]
        picked = eye_array(len(self.keys), format="csr")[places]
        one, values = eye_array(len(places)), np.array(list(targets.values()))
        matrix = vstack(
            [
                hstack([self.matrix, csr_array((self.matrix.shape[0], len(places)))]),
                hstack([-picked, one]),
                hstack([picked, one]),
            ]
        )
        cost = np.concatenate([np.zeros(len(self.keys)), np.ones(len(places))])
        low = np.concatenate([self.low, np.zeros(len(places))])
        high = np.concatenate([self.high, np.full(len(places), 2.0 * FAR)])
        row_low = np.concatenate([self.row_low, -values, values])
        row_high = np.concatenate([np.zeros(len(self.row_low)), np.full(2 * len(places), np.inf)])
        return self._named(self._solve(cost, matrix, row_low, low, high, row_high))

    def has(self, key: Key, value: int) -> bool:
        """Whether there is a world in which the count has this value."""
        low, high = self.low.copy(), self.high.copy()
        low[self.at[key]] = high[self.at[key]] = value
        return self._solve(np.zeros(len(self.keys)), self.matrix, self.row_low, low, high) is not None

    def _solve(
        self,
        cost: np.ndarray,
        matrix: csr_array,
        row_low: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        row_high: np.ndarray | float = 0.0,
    ) -> np.ndarray | None:
        whole = np.concatenate([np.ones(len(self.keys)), np.zeros(len(cost) - len(self.keys))])
        rows = LinearConstraint(matrix, row_low, row_high)
        found = milp(cost, integrality=whole, bounds=Bounds(low, high), constraints=rows)
        if found.status == _IMPOSSIBLE:
            return None
        if found.x is None:
            raise RuntimeError(f"the solver stopped without an answer: {found.message}")
        world = np.round(found.x[: len(self.keys)])
        self._check(world, low[: len(self.keys)], high[: len(self.keys)])
        return world

    def _check(self, world: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """A world is believed only when its sums are right: the solver works in floating point, an estimator may err."""
        sums = self.matrix @ world
        if (world < low).any() or (world > high).any() or (sums > 0).any() or (sums < self.row_low).any():
            raise RuntimeError("counts that should add up do not")

    def _named(self, world: np.ndarray | None) -> dict[Key, int]:
        if world is None:
            raise RuntimeError("no world fits the released numbers, so one of the sums is wrong")
        return {key: int(value) for key, value in zip(self.keys, world, strict=True)}


_IMPOSSIBLE = 2
