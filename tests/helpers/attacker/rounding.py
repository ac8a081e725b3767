"""A released number -> the true counts that may stand behind it, from the note under each table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

FAR = 100_000  # no programme of these tests has as many clients
Range = tuple[int, int]
ANY: Range = (0, FAR)
_CLASS = re.compile(r"class of (\d+)")


@dataclass(frozen=True)
class Rule:
    """How counts are shown: classes of `base` (midpoints), or hidden up to `hidden` and rounded to `base`."""

    midpoint: bool
    base: int
    hidden: int
    protected: int
    small_group: int
    kept: int

    def shown(self, true: int, width: int) -> int | None:
        """What a reader sees of this count in classes of this width; None where it is hidden."""
        if true == 0 or self.base == 1:
            return true
        if self.midpoint:
            return (true + width - 1) // width * width - width // 2
        if true <= self.hidden:
            return None
        return max((2 * true + width) // (2 * width), 1) * width

    def behind(self, value: int, widths: Iterable[int]) -> Range | None:
        """The smallest and the largest count that is shown as this value in classes of one of these widths."""
        if value < 0:
            found = self.behind(-value, widths)
            return found and (-found[1], -found[0])
        near = [
            true
            for width in widths
            for true in range(max(value - width, 0), value + width + 1)
            if self.shown(true, width) == value
        ]
        return (min(near), max(near)) if near else None

    def widths(self, reason: str) -> list[int]:
        """The widths of class that a row may be shown in: its reason names the widest."""
        named = _CLASS.search(reason)
        widest = int(named[1]) if named else self.base
        return [self.base * 2**step for step in range(int(math.log2(widest / self.base)) + 1)]


RULES = {
    "midpoint6": Rule(True, 6, 0, 6, 15, 8),
    "redact7_round5": Rule(False, 5, 7, 7, 15, 8),
    "acro10": Rule(False, 5, 9, 9, 20, 10),
    "cms11": Rule(False, 5, 10, 10, 22, 11),
    "none": Rule(True, 1, 0, 0, 0, 0),
}
