"""Hundreds of random programmes, published and attacked by somebody who combines all numbers of the book.

No true count of 1-6 (or of the profile's own protected range) may be left with fewer than three possible values. The
attacker is tested too: with the plan switched off it does recover counts of the same programmes.
"""

from __future__ import annotations

import pytest
from helpers.campaign import campaign

PER_BLOCK = 24


def block(number: int) -> range:
    return range(1 + PER_BLOCK * number, 1 + PER_BLOCK * (number + 1))


@pytest.mark.parametrize("number", range(5))
def test_nothing_is_narrowed(number, record_property):
    figures = campaign(block(number), "midpoint6")
    record_property("attack", str(figures))
    assert figures.holes == [], str(figures)
