"""Kaplan-Meier and Aalen-Johansen by hand, and what is read off them."""

from math import sqrt

import numpy as np
import pytest

from oatmill.survival import (
    SurvivalError,
    aalen_johansen,
    aalen_johansen_from_counts,
    count_by_day,
    follow_up,
    incidence_at,
    kaplan_meier,
    kaplan_meier_from_counts,
    log_rank,
    quantile,
    restricted_mean,
    survival_at,
)

# day     1  2  3  4  5  6
# Anna    =  x               leaves on day 2 (cause 1)
# Bek     =  =  o            censored on day 3
# Chen    =  =  =  x         leaves on day 4 (cause 2)
# Dina    =  =  =  =  =  o   censored on day 6
STOP, EVENT = [2, 3, 4, 6], [1, 0, 2, 0]


@pytest.fixture
def table():
    return count_by_day(STOP, EVENT)


def test_kaplan_meier_by_hand(table):
    curve = kaplan_meier(table, interval="plain")
    assert curve["day"].tolist() == [2, 3, 4, 6]
    assert curve["at_risk"].tolist() == [4, 3, 2, 1]
    assert curve["events"].tolist() == [1, 0, 1, 0]
    assert curve["censored"].tolist() == [0, 1, 0, 1]
    # (1 - 1/4), then (1 - 1/2) of it
    np.testing.assert_allclose(curve["survival"], [3 / 4, 3 / 4, 3 / 8, 3 / 8])
    # Greenwood: S^2 (1/(4*3)), then S^2 (1/(4*3) + 1/(2*1))
    se = [3 / 4 * sqrt(1 / 12), 3 / 8 * sqrt(1 / 12 + 1 / 2)]
    np.testing.assert_allclose(curve["se"], [se[0], se[0], se[1], se[1]])
    np.testing.assert_allclose(curve["lower"], np.maximum(curve["survival"] - 1.959963984540054 * curve["se"], 0))
    np.testing.assert_allclose(curve["upper"], np.minimum(curve["survival"] + 1.959963984540054 * curve["se"], 1))


def test_limits_are_the_estimate_until_something_happens():
    curve = kaplan_meier(count_by_day([1, 2, 3], [0, 1, 0]))
    assert curve.loc[0, ["survival", "se", "lower", "upper"]].tolist() == [1, 0, 1, 1]


def test_limits_are_unknown_once_everybody_left():
    curve = kaplan_meier(count_by_day([1, 2], [1, 1]))
    assert curve.loc[1, "survival"] == 0
    assert curve.loc[1, ["se", "lower", "upper"]].isna().all()


@pytest.mark.parametrize("interval", ["log-log", "log", "plain"])
def test_one_person(interval):
    curve = kaplan_meier(count_by_day([5], [1]), interval=interval)
    assert curve["survival"].tolist() == [0]
    assert kaplan_meier(count_by_day([5], [0]), interval=interval)["survival"].tolist() == [1]


def test_curve_of_rounded_counts_keeps_the_counts_as_given():
    curve = kaplan_meier_from_counts([30, 90], [93, 57], [9, 15])
    assert curve["at_risk"].tolist() == [93, 57]
    np.testing.assert_allclose(curve["survival"], [84 / 93, 84 / 93 * 42 / 57])


@pytest.mark.parametrize(
    ("code", "day", "at_risk", "events"),
    [
        ("empty", [], [], []),
        ("days-not-increasing", [2, 2], [5, 4], [1, 1]),
        ("more-events-than-at-risk", [1, 2], [5, 1], [1, 2]),
        ("negative-count", [1, 2], [5, 4], [1, -1]),
        ("length-mismatch", [1, 2], [5], [1, 1]),
        ("missing-values", [1, 2], [5, np.nan], [1, 1]),
    ],
)
def test_counts_that_are_refused(code, day, at_risk, events):
    with pytest.raises(SurvivalError) as raised:
        kaplan_meier_from_counts(day, at_risk, events)
    assert raised.value.code == code


def test_options_that_are_refused(table):
    with pytest.raises(SurvivalError, match="confidence must lie between 0 and 1"):
        kaplan_meier(table, confidence=95)
    with pytest.raises(SurvivalError, match="interval must be one of"):
        kaplan_meier(table, interval="loglog")


def test_early_exit_of_everybody_keeps_the_curve_at_zero():
    # Anna leaves on day 1, alone; Bek and Chen enter on day 2: the curve knows nothing of them.
    curve = kaplan_meier(count_by_day([1, 5, 6], [1, 1, 0], [0, 1, 1]))
    assert curve["survival"].tolist() == [0, 0, 0]


def test_follow_up_swaps_events_and_censorings(table):
    watched = follow_up(table)
    assert watched["events"].tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(watched["survival"], [1, 2 / 3, 2 / 3, 0])
    assert quantile(watched)["quantile"].tolist() == [6]


def test_survival_before_on_between_and_after_the_steps(table):
    at = survival_at(kaplan_meier(table), [0, 1, 2, 3, 5, 6, 7])
    np.testing.assert_allclose(at["survival"], [1, 1, 3 / 4, 3 / 4, 3 / 8, 3 / 8, np.nan])
    assert at.loc[0, ["se", "lower", "upper"]].tolist() == [0, 1, 1]


def test_survival_after_everybody_left_is_zero():
    assert survival_at(kaplan_meier(count_by_day([1, 2], [1, 1])), [9])["survival"].tolist() == [0]


def test_survival_at_refuses_a_day_before_0(table):
    with pytest.raises(SurvivalError, match="days must be 0 or later"):
        survival_at(kaplan_meier(table), [-1])


def test_median_on_a_step_on_a_flat_and_never(table):
    assert quantile(kaplan_meier(table))["quantile"].tolist() == [4]
    # Two of four left by day 2, the third on day 6: S is exactly 1/2 on days 2 to 5.
    assert quantile(kaplan_meier(count_by_day([1, 2, 6, 7], [1, 1, 1, 0])))["quantile"].tolist() == [4]
    assert quantile(kaplan_meier(count_by_day([1, 2, 6, 7], [1, 0, 0, 0])))["quantile"].isna().all()


def test_quantile_of_nothing_is_day_0(table):
    assert quantile(kaplan_meier(table), [0])["quantile"].tolist() == [0]


def test_quantile_refuses_percent(table):
    with pytest.raises(SurvivalError, match="p must lie within 0 and 1"):
        quantile(kaplan_meier(table), 50)


def test_restricted_mean_by_hand(table):
    # Days 0-2 at 1, 2-4 at 3/4, 4-6 at 3/8.
    ours = restricted_mean(kaplan_meier(table), 6)
    assert ours.mean == pytest.approx(2 + 2 * 3 / 4 + 2 * 3 / 8)
    # Areas after days 2 and 4, each squared, times d / (n (n - d)).
    assert ours.se == pytest.approx(sqrt((2 * 3 / 4 + 2 * 3 / 8) ** 2 / 12 + (2 * 3 / 8) ** 2 / 2))
    assert 0 <= ours.lower < ours.mean < ours.upper <= 6


def test_restricted_mean_before_any_event_is_the_horizon(table):
    ours = restricted_mean(kaplan_meier(table), 1)
    assert (ours.mean, ours.se) == (1, 0)


def test_restricted_mean_refuses_to_extend_the_curve(table):
    with pytest.raises(SurvivalError, match="Nobody was observed after day 6; horizon: 7") as raised:
        restricted_mean(kaplan_meier(table), 7)
    assert raised.value.code == "horizon-beyond-follow-up"


def test_restricted_mean_may_go_past_a_curve_at_zero():
    # Everybody has left by day 2, so nothing is unknown about day 100.
    assert restricted_mean(kaplan_meier(count_by_day([1, 2], [1, 1])), 100).mean == pytest.approx(1.5)


def test_aalen_johansen_by_hand(table):
    incidence = aalen_johansen(table)
    assert incidence["cause"].tolist() == [1] * 4 + [2] * 4
    # Cause 1: 1/4 on day 2. Cause 2: of the 3/4 still in, half leave on day 4.
    np.testing.assert_allclose(incidence["cif"], [1 / 4] * 4 + [0, 0, 3 / 8, 3 / 8])
    assert incidence.loc[incidence["cif"] == 0, ["se", "lower", "upper"]].to_numpy().tolist() == [[0, 0, 0]] * 2


def test_aalen_johansen_without_censoring_has_the_error_of_a_proportion():
    # 10 people, all leave; 3 by cause 1 by day 5: sqrt(p (1 - p) / n).
    incidence = aalen_johansen(count_by_day([1, 2, 3, 3, 4, 5, 5, 6, 7, 8], [2, 1, 1, 2, 2, 1, 2, 1, 2, 2]))
    at = incidence_at(incidence, [5]).set_index("cause")
    assert at.loc[1, "cif"] == pytest.approx(0.3)
    assert at.loc[1, "se"] == pytest.approx(sqrt(0.3 * 0.7 / 10))


def test_incidence_before_on_and_after_the_steps(table):
    at = incidence_at(aalen_johansen(table), [1, 4, 7])
    np.testing.assert_allclose(at["cif"], [0, 1 / 4, np.nan, 0, 3 / 8, np.nan])
    everybody_left = incidence_at(aalen_johansen(count_by_day([1, 2], [1, 2])), [9])
    assert everybody_left["cif"].tolist() == [0.5, 0.5]


def test_aalen_johansen_needs_a_column_per_cause():
    with pytest.raises(SurvivalError, match="one column per cause"):
        aalen_johansen_from_counts([1], [5], [1])


def test_aalen_johansen_refuses_more_exits_than_people():
    with pytest.raises(SurvivalError) as raised:
        aalen_johansen_from_counts([1], [5], [[3, 3]])
    assert raised.value.code == "more-events-than-at-risk"


def test_log_rank_by_hand():
    # Group 1: leaves on days 1 and 2. Group 2: leaves on day 3, censored on day 4.
    test = log_rank([count_by_day([1, 2], [1, 1]), count_by_day([3, 4], [1, 0])])
    # Day 1: 2 of 4 at risk are in group 1. Day 2: 1 of 3. Day 3: 0 of 2.
    expected, variance = 1 / 2 + 1 / 3, 1 / 4 + 2 / 9
    np.testing.assert_allclose(test.expected, [expected, 3 - expected])
    assert test.observed.tolist() == [2, 1]
    assert test.statistic == pytest.approx((2 - expected) ** 2 / variance)
    assert test.df == 1


def test_log_rank_of_equal_groups_is_zero(table):
    test = log_rank([table, table, table])
    assert test.statistic == pytest.approx(0, abs=1e-12)
    assert (test.df, test.p_value) == (2, pytest.approx(1))


def test_log_rank_leaves_out_a_group_never_at_risk_on_an_event_day():
    groups = [count_by_day([3, 4], [1, 1]), count_by_day([3, 5], [1, 0]), count_by_day([1, 1], [0, 0])]
    assert log_rank(groups).df == 1


@pytest.mark.parametrize(
    ("code", "groups"),
    [
        ("too-few-groups", [([1, 2], [1, 1], [0, 0])]),
        ("no-events", [([1, 2], [0, 0], [0, 0]), ([1, 2], [0, 0], [0, 0])]),
        ("no-comparison", [([1, 2], [1, 1], [0, 0]), ([8, 9], [1, 1], [5, 5])]),
    ],
)
def test_log_rank_refuses(code, groups):
    with pytest.raises(SurvivalError) as raised:
        log_rank([count_by_day(*group) for group in groups])
    assert raised.value.code == code
