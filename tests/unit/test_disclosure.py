"""Disclosure control: each kind of result by its rule, worked by hand under midpoint6."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oatmill.disclosure import Plan, Released, cell_of, plan_release, release
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
    cell = cell_of(result.frame.to_dict("records")[0])
    released = release(result, "midpoint6", Plan({"x": (cell,)}))
    assert released.frame["status"].tolist() == ["withheld", "shown"]


def test_one_quantity_has_one_value_in_the_whole_book() -> None:
    one = Result("x", "counts", counts({"a": 20}, estimand="clients", group="g"))
    same = Result("y", "counts", counts({"a": 20}, estimand="clients", group="g"))
    other = Result("z", "counts", counts({"a": 21}, estimand="clients", group="g"))
    assert plan_release([one, same]) == Plan()
    with pytest.raises(DisclosureRefused, match="clients / g / a"):
        plan_release([one, other])


def test_a_result_refuses_repeated_cells_and_unknown_columns() -> None:
    with pytest.raises(ValueError, match="repeat a cell"):
        Result("x", "counts", pd.DataFrame({"level": ["a", "a"], "estimate": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="does not have: client"):
        Result("x", "counts", pd.DataFrame({"client": [1]}))
