"""The attack under the other profiles, on releases that follow one another, and without a plan; see test_attack.py."""

from __future__ import annotations

import pytest
from helpers.attacker import Contradiction
from helpers.campaign import Figures, campaign


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


def test_a_contradiction_is_counted_by_seed_and_the_campaign_goes_on(monkeypatch):
    def one(seed, *_settings):
        if seed == 8:
            raise Contradiction("left is 1, not 0 to 0")
        return Figures(1, at_risk=10)

    monkeypatch.setattr("helpers.campaign._one", one)
    figures = campaign(range(7, 10), "midpoint6")
    assert (figures.programmes, figures.at_risk, figures.contradictions) == (3, 20, 1)
    assert figures.holes == ["seed 8 midpoint6: left is 1, not 0 to 0"]
    assert "0 narrowed, 1 contradictions" in str(figures)
