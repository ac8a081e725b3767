"""Disclosure profiles, read from `profiles.toml`: the one place where a threshold is written."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

_FILE = Path(__file__).with_name("profiles.toml")

Threshold = Literal["small_group", "curve_at_risk", "events_per_term"]


@dataclass(frozen=True)
class Profile:
    """The thresholds of one profile; `profiles.toml` says what each means."""

    name: str
    rule: Literal["midpoint", "redact_round", "exact"]
    base: int
    redact_up_to: int
    protect_up_to: int
    possible_values: int
    widest: int
    kept_until_moved: int
    small_group: int
    curve_at_risk: int
    events_per_term: int
    internal: bool
    note: str

    def __post_init__(self) -> None:
        if self.rule not in ("midpoint", "redact_round", "exact"):
            raise ValueError(f"profiles.toml: unknown rule {self.rule!r} in profile {self.name!r}")

    def count(self, true_count: float, times: int = 1) -> float:
        """The released value of a count; NaN where it is hidden. `times`: in classes so many times as wide.

        >>> [PROFILES["midpoint6"].count(x) for x in (0, 1, 6, 7, 12, 13)]
        [0, 3, 3, 9, 9, 15]
        >>> [PROFILES["midpoint6"].count(x, times=2) for x in (0, 1, 12, 13)]
        [0, 6, 6, 18]
        """
        if math.isnan(true_count) or self.rule == "exact" or true_count == 0:
            return true_count
        if true_count < 0:  # a residual
            return -self.count(-true_count, times)
        width = self.base * times
        if self.rule == "midpoint":
            return math.ceil(true_count / width) * width - width // 2
        if true_count <= self.redact_up_to:
            return math.nan
        return max(math.floor(true_count / width + 0.5), 1) * width

    def possible(self, released: float, times: int = 1) -> tuple[int, int]:
        """The smallest and the largest true count that give this released value; of NaN, those that are hidden.

        >>> PROFILES["midpoint6"].possible(9), PROFILES["redact7_round5"].possible(10)
        ((7, 12), (8, 12))
        """
        if math.isnan(released):
            return 1, self.redact_up_to
        if released == 0 or self.rule == "exact":
            return int(released), int(released)
        if released < 0:
            low, high = self.possible(-released, times)
            return -high, -low
        width = self.base * times
        if self.rule == "midpoint":
            top = int(released) + width // 2
            return top - width + 1, top
        low = 0 if released == width else math.ceil(released - width / 2)
        return max(low, self.redact_up_to + 1), math.ceil(released + width / 2) - 1

    def too_close(self, low: int, high: int) -> bool:
        """Whether a count that can only lie between these values is known more closely than is allowed."""
        return self.is_protected(low, high) and high - low + 1 < self.possible_values

    def is_protected(self, low: int, high: int) -> bool:
        """Whether a count between these values, or how far one has moved, may be a small one."""
        return low <= self.protect_up_to and high >= -self.protect_up_to and (low, high) != (0, 0)

    def without(self, *thresholds: Threshold) -> Profile:
        """The profile with these thresholds lifted: what a named officer has agreed to for one output."""
        lifted = {name: getattr(PROFILES["none"], name) for name in thresholds}
        return replace(self, **lifted)


def read_profiles(file: Path = _FILE) -> dict[str, Profile]:
    with file.open("rb") as stream:
        return {name: Profile(name=name, **values) for name, values in tomllib.load(stream).items()}


PROFILES = read_profiles()
