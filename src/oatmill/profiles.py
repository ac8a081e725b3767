"""Disclosure profiles, read from `profiles.toml`: the one place where a threshold is written."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_FILE = Path(__file__).with_name("profiles.toml")


@dataclass(frozen=True)
class Profile:
    """The thresholds of one profile; `profiles.toml` says what each means."""

    name: str
    rule: Literal["midpoint", "redact_round", "exact"]
    base: int
    redact_up_to: int
    small_group: int
    curve_at_risk: int
    events_per_term: int
    internal: bool
    note: str

    def __post_init__(self) -> None:
        if self.rule not in ("midpoint", "redact_round", "exact"):
            raise ValueError(f"profiles.toml: unknown rule {self.rule!r} in profile {self.name!r}")

    def count(self, true_count: float) -> float:
        """The released value of a count; NaN where it is hidden.

        >>> [PROFILES["midpoint6"].count(x) for x in (0, 1, 6, 7, 12, 13)]
        [0, 3, 3, 9, 9, 15]
        """
        if math.isnan(true_count) or self.rule == "exact" or true_count == 0:
            return true_count
        if self.rule == "midpoint":
            return math.ceil(true_count / self.base) * self.base - self.base // 2
        if true_count <= self.redact_up_to:
            return math.nan
        return math.floor(true_count / self.base + 0.5) * self.base


def read_profiles(file: Path = _FILE) -> dict[str, Profile]:
    with file.open("rb") as stream:
        return {name: Profile(name=name, **values) for name, values in tomllib.load(stream).items()}


PROFILES = read_profiles()
