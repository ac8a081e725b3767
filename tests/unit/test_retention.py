"""Retention by hand: small cohorts whose curves can be worked out on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oatmill.cohort import Cohort, Step
from oatmill.errors import NotSupported
from oatmill.retention import (
    estimate_completed_window,
    estimate_exits,
    estimate_fixed_retention,
    estimate_retention,
    horizons_within,
)
from oatmill.schema import EXIT_REASONS
from oatmill.study import Definitions

CODE = {reason: code for code, reason in enumerate(EXIT_REASONS, start=1)}


def cohort_of(rows: list[tuple[int, int, int]], **columns: object) -> Cohort:
    """Rows of (number of clients, days in treatment, event); everyone could be followed for 1,000 days."""
    frame = pd.DataFrame(
        [{"time": days, "days": days, "event": event} for number, days, event in rows for _k in range(number)]
    )
    frame = frame.assign(client=np.arange(len(frame)), entry=0, start_day=0, analysis_day=999, **columns)
    return Cohort(frame, (Step("clients", len(frame), 0, "all"),))


def at(result: object, day: int) -> pd.Series:
    frame = result.frame  # type: ignore[attr-defined]
    return frame[frame["day"] == day].iloc[0]


def test_retained_at_day_t_means_more_than_t_days_in_treatment() -> None:
    """40 clients: 10 leave on day 30 itself, 30 stay; day 30 is not retained for those 10."""
    result = estimate_retention(cohort_of([(10, 30, CODE["dropout"]), (30, 400, 0)]), Definitions())
    assert at(result, 30)["estimate"] == pytest.approx(30 / 40)
    assert at(result, 90)["estimate"] == pytest.approx(30 / 40)


def test_a_transfer_out_is_censored_and_a_death_is_an_exit() -> None:
    """Day 10: 10 of 40 die; day 20: 10 transferred; day 25: 5 of 20 drop out. S(30) = 3/4 x 3/4; net of deaths 3/4."""
    rows = [(10, 10, CODE["death"]), (10, 20, CODE["transfer_out"]), (5, 25, CODE["dropout"]), (15, 400, 0)]
    assert at(estimate_retention(cohort_of(rows), Definitions()), 30)["estimate"] == pytest.approx(9 / 16)
    assert at(estimate_retention(cohort_of(rows), Definitions(), net=True), 30)["estimate"] == pytest.approx(3 / 4)


def test_without_censoring_kaplan_meier_is_the_fixed_share() -> None:
    cohort = cohort_of([(7, 12, CODE["dropout"]), (5, 95, CODE["prison"]), (9, 181, CODE["death"]), (19, 600, 0)])
    curve = estimate_retention(cohort, Definitions())
    fixed = estimate_fixed_retention(cohort, Definitions())
    for day in (30, 90, 180, 365):
        assert at(curve, day)["estimate"] == pytest.approx(at(fixed, day)["estimate"])


@pytest.mark.parametrize(("analysis_day", "counted"), [(88, False), (89, True)])
def test_the_fixed_share_counts_whoever_could_reach_the_day_by_the_analysis_date(
    analysis_day: int, counted: bool
) -> None:
    cohort = cohort_of([(40, 100, CODE["dropout"])])
    cohort.frame["analysis_day"] = analysis_day
    result = estimate_fixed_retention(cohort, Definitions())
    assert (90 in set(result.frame["day"])) is counted


def test_a_limited_window_reports_no_horizon_after_h_minus_g() -> None:
    assert horizons_within(Definitions(follow_up_days=120, gap_days=30), 1000) == [30, 90]
    assert horizons_within(Definitions(follow_up_days=119, gap_days=30), 1000) == [30]
    assert horizons_within(Definitions(follow_up_days=119, gap_days=30, look_ahead=True)) == [30, 90]


def test_recorded_ends_are_known_up_to_day_h_itself() -> None:
    assert horizons_within(Definitions(follow_up_days=90, gap_days=30), recorded=True) == [30, 90]
    assert horizons_within(Definitions(follow_up_days=89, gap_days=30), recorded=True) == [30]


def test_completed_window_counts_those_without_a_gap_in_the_window() -> None:
    cohort = cohort_of([(40, 100, 0)], completed_window=pd.array([True] * 25 + [False] * 10 + [None] * 5, "boolean"))
    result = estimate_completed_window(cohort, Definitions(follow_up_days=100))
    assert (result.frame["events"].iloc[0], result.frame["n"].iloc[0]) == (25, 35)
    with pytest.raises(NotSupported):
        estimate_completed_window(cohort, Definitions())


def test_exit_reasons_add_up_to_the_cohort() -> None:
    result = estimate_exits(cohort_of([(10, 10, CODE["death"]), (12, 20, CODE["dropout"]), (8, 400, 0)]), Definitions())
    found = result.frame.set_index("level")["estimate"]
    assert (found["death"], found["dropout"], found["in_treatment"], found.sum()) == (10, 12, 8, 30)


def test_groups_have_one_curve_each_and_unknown_values_none() -> None:
    cohort = cohort_of([(40, 100, CODE["dropout"]), (40, 400, 0)], sex=["male"] * 20 + ["female"] * 50 + [None] * 10)
    result = estimate_retention(cohort, Definitions(), group="sex")
    assert set(result.frame["level"]) == {"male", "female"}
    assert result.frame.groupby("level")["n"].first().to_dict() == {"female": 50, "male": 20}


def test_too_few_starters_are_refused() -> None:
    with pytest.raises(NotSupported, match="Fewer than 30 clients"):
        estimate_retention(cohort_of([(29, 100, 1)]), Definitions())
