"""The plan: what the book as a whole needs beyond the rules of each Result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oatmill.disclosure.keys import SIGNED, Key, whole_of
from oatmill.profiles import Profile


@dataclass(frozen=True)
class Kept:
    """A released value that a count keeps from an earlier release (None: hidden), and the width of its class."""

    released: float | None
    times: int = 1


@dataclass(frozen=True)
class Plan:
    """Counts to show otherwise than the profile alone would, by key.

    Attributes
    ----------
    widened : counts shown in classes so many times as wide (of a curve: all its counts)
    withheld : counts that are not shown at all
    kept : counts that keep the value of an earlier published release
    after : the published release that the plan heeds
    """

    widened: Mapping[Key, int] = field(default_factory=dict)
    withheld: frozenset[Key] = frozenset()
    kept: Mapping[Key, Kept] = field(default_factory=dict)
    after: str | None = None

    def entry(self, key: Key) -> tuple[Any, ...]:
        """What the plan says under one key; two plans that say the same show the same."""
        return (self.widened.get(key, 1), key in self.withheld, self.kept.get(key))

    def keys(self) -> set[Key]:
        return {*self.widened, *self.withheld, *self.kept}

    def to_json(self) -> dict[str, Any]:
        return {
            "widened": sorted([[*key], times] for key, times in self.widened.items()),
            "withheld": sorted([*key] for key in self.withheld),
            "kept": sorted([[*key], kept.released, kept.times] for key, kept in self.kept.items()),
            "after": self.after,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Plan:
        return cls(
            {tuple(key): times for key, times in told["widened"]},
            frozenset(tuple(key) for key in told["withheld"]),
            {tuple(key): Kept(released, times) for key, released, times in told["kept"]},
            told.get("after"),
        )


@dataclass(frozen=True)
class Rounding:
    """A profile and a plan: the one place where a true count becomes a released one."""

    profile: Profile
    plan: Plan

    def count(self, key: Key, true_count: float) -> float:
        """The released value; NaN where it is hidden or withheld, or where there is no count."""
        kept = self.plan.kept.get(key)
        if math.isnan(true_count) or whole_of(key) in self.plan.withheld:
            return math.nan
        if kept is not None:
            return math.nan if kept.released is None else kept.released
        return self.profile.count(true_count, self.times(key))

    def times(self, key: Key) -> int:
        """How many times as wide as the profile's the class is that the count is shown in, now or when it was new."""
        if key in self.plan.kept:
            return self.plan.kept[key].times
        return self.plan.widened.get(whole_of(key), 1)

    def possible(self, key: Key, released: float) -> tuple[int, int]:
        """The true counts that a reader must reckon with who sees this released value, and only this."""
        kept = self.plan.kept.get(key)
        if kept is None:
            return self.profile.possible(released, self.times(key))
        released = math.nan if kept.released is None else kept.released
        low, high = self.profile.possible(released, kept.times)
        least = self.profile.kept_until_moved - 1
        return low - least if key[0] in SIGNED else max(low - least, 0), high + least
