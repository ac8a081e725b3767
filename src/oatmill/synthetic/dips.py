"""Doses that fall in the days before some dropouts: a consequence of leaving, not a cause."""

from __future__ import annotations

import numpy as np

from oatmill.synthetic import model
from oatmill.synthetic.course import CAUSES
from oatmill.synthetic.model import Floats, Ints


class Dips:
    """Which spells end with a falling dose, over how many days; spells may come in several lots."""

    def __init__(self, clients: int):
        self._end = np.full((clients, 1), -1, dtype=np.int64)
        self._days = np.zeros((clients, 1), dtype=np.int64)

    def add(self, spells: list[Ints], rng: np.random.Generator) -> None:
        """Some dropouts take less in their last days: fewer days than the lag, so the true exposure is as before.

        Parameters
        ----------
        spells : client, spell, start, last covered day, cause, day of the event, as `Course.spells` holds them
        """
        who, number, _start, last, cause, _day = spells
        falls = (cause == CAUSES.index("dropout")) & (rng.random(cause.size) < model.DIP)
        days = np.where(falls, rng.integers(*model.DIP_DAYS, cause.size, endpoint=True), 0)
        self._widen(int(number.max(initial=0)))
        self._end[who, number], self._days[who, number] = last, days

    def lowered(self, client: Ints, day: Ints, dose: Floats, spell: Ints) -> Floats:
        """The doses of these rows as they were given."""
        self._widen(int(spell.max(initial=0)))
        days = self._days[client, spell]
        to_go = self._end[client, spell] - day
        falling = (days > 0) & (to_go >= 0) & (to_go < days)
        share = 0.5 + 0.5 * to_go / np.maximum(1, days)
        return np.where(falling, np.maximum(5.0, np.round(dose * share / 5) * 5), dose)

    def _widen(self, spell: int) -> None:
        more = spell + 1 - self._end.shape[1]
        if more > 0:
            self._end = np.pad(self._end, ((0, 0), (0, more)), constant_values=-1)
            self._days = np.pad(self._days, ((0, 0), (0, more)))
