"""Disclosure control: each kind of result by its rule, worked by hand under midpoint6."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oatmill.disclosure import Plan, Released, release
from oatmill.disclosure.keys import curves_of, keys_of, whole_of
from oatmill.errors import DisclosureRefused
from oatmill.profiles import PROFILES
from oatmill.results import Result, counts


@pytest.mark.parametrize(
    ("profile", "pairs"),
    [
        ("midpoint6", {0: 0, 1: 3, 6: 3, 7: 9, 12: 9, 13: 15, 600: 597, 601: 603}),
        ("redact7_round5", {0: 0, 1: np.nan, 7: np.nan, 8: 10, 12: 10, 13: 15}),
        ("acro10", {0: 0, 9: np.nan, 10: 10, 12: 10}),
        ("cms11", {0: 0, 10: np.nan, 11: 10}),
        ("none", {0: 0, 1: 1, 601: 601}),
    ],
)
def test_counts_by_profile(profile: str, pairs: dict[int, float]) -> None:
    released = [PROFILES[profile].count(true) for true in pairs]
    np.testing.assert_array_equal(released, list(pairs.values()))


def test_a_small_count_is_shown_as_a_midpoint_and_a_zero_as_zero() -> None:
    released = release(
        Result("x", "counts", counts({"a": 0, "b": 2, "c": 40}, estimand="clients", group="g")), "midpoint6"
    )
    assert released.frame["estimate"].tolist() == [0, 3, 39]
    assert released.notes == (PROFILES["midpoint6"].note,)


def test_a_hidden_count_keeps_its_row_and_says_why() -> None:
    released = release(Result("x", "counts", counts({"a": 5}, estimand="clients", group="g")), "redact7_round5")
    row = released.one(level="a")
    assert np.isnan(row["estimate"])
    assert (row["status"], row["reason"]) == ("withheld", "count too small")


def test_person_days_of_few_clients_are_withheld_however_many_days_they_are() -> None:
    frame = pd.DataFrame({"level": ["a", "b"], "estimate": [4000.0, 4000.0], "n": [14, 15]})
    released = release(Result("x", "counts", frame.assign(unit="client-days")), "midpoint6")
    assert released.frame["status"].tolist() == ["withheld", "shown"]


def test_a_percentage_comes_from_rounded_counts() -> None:
    """7 of 20: 9 of 21, not 35%."""
    frame = pd.DataFrame([{"level": "a", "events": 7, "n": 20, "estimate": 0.35}])
    row = release(Result("x", "proportions", frame), "midpoint6").one(level="a")
    assert (row["events"], row["n"]) == (9, 21)
    assert row["estimate"] == pytest.approx(9 / 21)
    # R: prop.test(9, 21, correct = FALSE)$conf.int
    assert (row["lower"], row["upper"]) == pytest.approx((0.2446996893, 0.6345344563), abs=1e-9)


def test_a_small_group_has_no_percentage() -> None:
    frame = pd.DataFrame([{"level": "a", "events": 7, "n": 14, "estimate": 0.5}])
    assert release(Result("x", "proportions", frame), "midpoint6").one(level="a")["status"] == "withheld"


def curve_of(n: int, events: list[int], censored: list[int], horizon: int) -> Result:
    days = np.arange(1, len(events) + 1)
    gone = np.concatenate([[0], np.cumsum(np.add(events, censored))[:-1]])
    frame = pd.DataFrame({"day": days, "n": n - gone, "events": events, "censored": censored, "estimate": 0.0})
    term = np.where(days == horizon, "horizon", "")
    return Result("curve", "curve", frame.assign(term=term, estimand="retention", population="starters"))


def test_curve_steps_are_merged_until_six_events() -> None:
    """120 starters (117 released), one leaves each day: cumulative events 1..13 are released as 3, 9, 15.

    Steps only on days 1, 7 and 13; S = (1 - 3/117)(1 - 6/114)(1 - 6/108) = 102/117.
    """
    released = release(curve_of(120, [1] * 13, [0] * 13, horizon=10), "midpoint6")
    assert released.frame["day"].tolist() == [1, 7, 10, 13]
    assert released.frame["events"].tolist() == [3, 6, 0, 6]
    assert released.one(day=13)["estimate"] == pytest.approx(102 / 117)
    assert released.one(day=10)["estimate"] == pytest.approx(108 / 117)


def test_the_tail_of_a_curve_with_few_at_risk_is_withheld() -> None:
    released = release(curve_of(120, [1] * 100, [0] * 100, horizon=95), "midpoint6")
    assert released.one(term="horizon")["status"] == "withheld"
    assert released.where(status="shown")["n"].tolist() == [117, 114, 108, 102, 96, 90, 84, 78, 72, 66, 60, 54]


def test_a_hidden_number_of_exits_is_not_nobody_left() -> None:
    """Under redact7_round5 the first 7 exits are hidden: no share is given until the eighth."""
    released = release(curve_of(120, [1] * 20, [0] * 20, horizon=5), "redact7_round5")
    assert released.one(term="horizon")["status"] == "withheld"
    assert released.where(status="shown")["day"].min() == 8


def test_limits_are_widened_by_what_the_rounding_can_move() -> None:
    """On day 13 S is 102/117 of 108 at risk: Greenwood's log-log limits and 3/108 of S more on either side."""
    row = release(curve_of(120, [1] * 13, [0] * 13, horizon=13), "midpoint6").one(day=13)
    # R: summary(survfit(Surv(rep(1:2, c(15, 102)), rep(1:0, c(15, 102))) ~ 1, conf.type = "log-log"))
    lower, upper = 0.7963855340, 0.9206447466
    moved = 102 / 117 * 3 / 108
    assert (row["lower"], row["upper"]) == pytest.approx((lower - moved, upper + moved), abs=1e-9)


def test_before_the_first_exit_there_is_no_interval() -> None:
    row = release(curve_of(120, [0] * 10, [0] * 10, horizon=5), "midpoint6").one(term="horizon")
    assert row["estimate"] == 1
    assert np.isnan(row["lower"]) and np.isnan(row["upper"])


def test_a_small_group_has_no_curve() -> None:
    released = release(curve_of(14, [1] * 5, [0] * 5, horizon=3), "midpoint6")
    assert released.frame["status"].tolist() == ["withheld"]
    assert released.frame[["estimate", "n", "events"]].isna().all(axis=None)


def test_a_regression_needs_ten_events_per_term() -> None:
    frame = pd.DataFrame([{"term": "a", "estimate": 0.8, "n": 500, "events": 29}])
    assert release(Result("x", "regression", frame, parameters=3), "midpoint6").one(term="a")["status"] == "withheld"
    frame["events"] = 30
    shown = release(Result("x", "regression", frame, parameters=3), "midpoint6").one(term="a")
    assert (shown["status"], shown["estimate"], shown["events"]) == ("shown", 0.8, 27)


def test_published_numbers_stay_exact() -> None:
    released = release(Result("x", "counts", counts({"a": 2}, estimand="clients"), public=True), "midpoint6")
    assert released.one(level="a")["estimate"] == 2
    assert released.notes == ()


def test_it_fails_closed() -> None:
    result = Result("x", "counts", counts({"a": 2}, estimand="clients"))
    with pytest.raises(DisclosureRefused):
        release(result, "midpoint66")
    with pytest.raises(DisclosureRefused):
        release(Result("x", "indicators", pd.DataFrame([{"estimate": 2.0}])), "midpoint6")
    with pytest.raises(DisclosureRefused):
        release(Result("x", "regression", pd.DataFrame([{"estimate": 2.0, "n": 99, "events": 99}])), "midpoint6")
    with pytest.raises(DisclosureRefused):
        Released("x", "counts", result.frame, "midpoint6", ())
    with pytest.raises(ValueError, match="unknown kind"):
        Result("x", "picture", pd.DataFrame())  # type: ignore[arg-type]


def test_a_planned_cell_is_withheld() -> None:
    result = Result("x", "counts", counts({"a": 20, "b": 30}, estimand="clients", group="g"))
    released = release(result, "midpoint6", Plan(withheld=frozenset({keys_of(result)[0, "estimate"]})))
    assert released.frame["status"].tolist() == ["withheld", "shown"]


def test_a_count_in_a_wider_class_says_so() -> None:
    result = Result("x", "counts", counts({"a": 20, "b": 30}, estimand="clients", group="g"))
    released = release(result, "midpoint6", Plan(widened={keys_of(result)[0, "estimate"]: 2}))
    assert released.frame["estimate"].tolist() == [18, 27]  # 13-24 as 18, 25-30 as 27
    assert "in a class of 12" in released.frame["reason"].iloc[0]
    assert released.frame["status"].tolist() == ["shown", "shown"]


def test_a_curve_in_wider_classes_has_fewer_steps() -> None:
    """120 starters, one leaves each day: cumulative exits 1-12 are 6, 13 is 18; steps on days 1 and 13."""
    result = curve_of(120, [1] * 13, [0] * 13, horizon=13)
    whole = whole_of(curves_of(result)[0].on("left", 1))
    released = release(result, "midpoint6", Plan(widened={whole: 2}))
    assert released.where(status="shown")["day"].tolist() == [1, 13]
    assert released.frame["events"].tolist() == [6, 12]


def test_a_mean_is_no_finer_than_one_client_can_move_it() -> None:
    """Standard error 0.5 over 400 clients: one client moves the mean by about 0.5 / 20 = 0.025, so tenths are shown."""
    row = {"estimate": 35.17308, "se": 0.5, "n": 400}
    assert release(Result("x", "means", pd.DataFrame([row])), "midpoint6").frame["estimate"].iloc[0] == 35.2
    assert release(Result("x", "means", pd.DataFrame([row])), "none").frame["estimate"].iloc[0] == 35.17308


def test_a_mean_without_a_standard_error_moves_by_its_own_size() -> None:
    """A share of 0.003836 over 2,228 clients: one client in 2,228 is 0.00045, so thousandths are shown."""
    row = {"estimate": 0.003836, "n": 2228}
    assert release(Result("x", "means", pd.DataFrame([row])), "midpoint6").frame["estimate"].iloc[0] == 0.004


def test_a_ratio_is_no_finer_than_one_event_can_move_it() -> None:
    """log 0.862222 = -0.148243; 0.016 / sqrt(954) = 0.0005, so the logarithm has three decimals."""
    frame = pd.DataFrame([{"estimate": 0.862222, "lower": 0.83, "upper": 0.89, "se": 0.016, "n": 2228, "events": 954}])
    row = release(Result("x", "regression", frame, parameters=4), "midpoint6").frame.iloc[0]
    assert np.log(row["estimate"]) == pytest.approx(-0.148, abs=1e-12)


def test_derived_numbers_need_released_ones() -> None:
    source = release(Result("x", "counts", counts({"a": 20}, estimand="clients")), "midpoint6")
    rate = pd.DataFrame([{"estimate": 21 / 100, "events": 21.0}, {"level": "b", "estimate": np.nan}])
    released = release(Result("r", "derived", rate, sources=(source,)), "midpoint6")
    assert released.frame["events"].iloc[0] == 21  # not rounded again
    assert released.frame["status"].tolist() == ["shown", "withheld"]
    for sources in ((), (source.frame,)):
        with pytest.raises(DisclosureRefused, match="must name the released results"):
            release(Result("r", "derived", rate, sources=sources), "midpoint6")


def test_a_threshold_is_lifted_for_one_output_only() -> None:
    frame = pd.DataFrame([{"level": "a", "events": 7, "n": 14, "estimate": 0.5}])
    result = Result("x", "proportions", frame)
    assert release(result, "midpoint6").one(level="a")["status"] == "withheld"
    assert release(result, "midpoint6", lifted=("small_group",)).one(level="a")["events"] == 9


def test_a_result_refuses_repeated_cells_and_unknown_columns() -> None:
    with pytest.raises(ValueError, match="repeat a cell"):
        Result("x", "counts", pd.DataFrame({"level": ["a", "a"], "estimate": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="does not have: client"):
        Result("x", "counts", pd.DataFrame({"client": [1]}))
