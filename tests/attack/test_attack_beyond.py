"""The attack under the other profiles, on releases that follow one another, and without a plan; see test_attack.py."""

from __future__ import annotations

import pytest
from helpers.campaign import campaign


@pytest.mark.parametrize("profile", ["redact7_round5", "acro10", "cms11"])
def test_nothing_is_narrowed_under_other_profiles(profile, record_property):
    figures = campaign(range(1, 13), profile)
    record_property("attack", str(figures))
    assert figures.holes == [], str(figures)


@pytest.mark.parametrize(("releases", "seeds"), [(2, range(1, 9)), (3, range(1, 4))])
def test_nothing_is_narrowed_by_comparing_releases(releases, seeds, record_property):
    figures = campaign(seeds, "midpoint6", releases)
    record_property("attack", str(figures))
    assert figures.holes == [], str(figures)


def test_the_attacker_recovers_counts_where_there_is_no_plan(record_property):
    figures = campaign(range(1, 17), "redact7_round5", without_plan=True)
    record_property("attack", str(figures))
    assert figures.programmes_recovered >= 4, str(figures)
