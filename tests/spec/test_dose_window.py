"""Exposure on each day at risk, drawn: the mean over the dosed days among d - lag - 6 .. d - lag."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest
from helpers import dosing

from oatmill.intervals import build_intervals


def intervals(tmp_path, log, time, *, lag=2, event=6, entry=0, start=1, exits=None, **more):
    """`(start, stop] dose`, with ~ where the value was carried forward and * on an event."""
    stays = pd.DataFrame(
        {"client": [0], "start_day": [dosing.absolute(start)], "time": [time], "event": [event], "entry": [entry]}
    )
    to = build_intervals(
        dosing.write(log, tmp_path),
        stays,
        definitions=dosing.settings(7, **more),
        lag_days=lag,
        exits=exits,
        to=tmp_path / "intervals.parquet",
    )
    rows = duckdb.sql(f"SELECT start, stop, dose_mg, carried, event FROM '{to}'").fetchall()
    return [f"({a}, {b}] {mg:g}{'~' * carried}{'*' * (what > 0)}" for a, b, mg, carried, what in rows]


def mg(*daily):
    """One client's doses on days 1, 2, 3 ...; None: no dose."""
    return dosing.doses(*((0, day, dose) for day, dose in enumerate(daily, start=1) if dose is not None))


def test_the_first_day_at_risk_is_lag_plus_seven(tmp_path):
    # lag 2: day 9 has the mean of days 1..7, and no day before it is at risk
    log = mg(*[60] * 9)
    assert intervals(tmp_path, log, time=9) == ["(8, 9] 60*"]
    assert intervals(tmp_path, log, time=8) == []
    assert intervals(tmp_path, log, time=10) == ["(8, 10] 60*"]


def test_each_day_has_the_mean_of_its_own_window(tmp_path):
    # day 9: days 1..7 = (30 + 6 * 60) / 7; day 10: days 2..8 = 60; day 11: days 3..9 = (6 * 60 + 130) / 7 = 70
    log = mg(30, *[60] * 7, 130, 60, 60)
    assert intervals(tmp_path, log, time=11) == [f"(8, 9] {390 / 7:g}", "(9, 10] 60", "(10, 11] 70*"]


def test_the_mean_is_over_dosed_days(tmp_path):
    # day 9: 40 and 80 on two of the days 1..7; day 10: 80 alone; days 2..8
    log = mg(40, None, 80, None, None, None, None, None, None, 60)
    assert intervals(tmp_path, log, time=10) == ["(8, 9] 60", "(9, 10] 80*"]


def test_a_window_without_a_dose_carries_the_last_value_forward(tmp_path):
    # doses of 60 on days 1..3 and 8: windows of days 9..11 reach days 1..3; day 12 is 4..10 with day 8
    log = mg(60, 60, 60, None, None, None, None, None, None, None, 100, 100, 100)
    # day 9: 1..7, 10: 2..8, 11: 3..9 = 60; 12: 4..10 none; 13: 5..11 = 100
    assert intervals(tmp_path, log, time=13) == ["(8, 11] 60", "(11, 12] 60~", "(12, 13] 100*"]


def test_equal_values_from_different_days_are_one_interval(tmp_path):
    log = mg(*[60, 80] * 10)
    # windows of 7 days hold four of one and three of the other, in turn
    found = intervals(tmp_path, log, time=12)
    assert found == [
        f"({day - 1}, {day}] {value / 7:g}{'*' * (day == 12)}"
        for day, value in zip(range(9, 13), [480, 500, 480, 500], strict=True)
    ]
    assert intervals(tmp_path, mg(*[60] * 20), time=20) == ["(8, 20] 60*"]


def test_a_censored_stay_has_no_event(tmp_path):
    assert intervals(tmp_path, mg(*[60] * 20), time=12, event=0) == ["(8, 12] 60"]


def test_doses_after_the_last_day_at_risk_are_not_read(tmp_path):
    assert intervals(tmp_path, mg(*[60] * 9, *[200] * 9), time=9, lag=0) == ["(6, 9] 60*"]


def test_lag_zero_includes_the_day_itself(tmp_path):
    # day 7: days 1..7 = (6 * 60 + 130) / 7 = 70
    assert intervals(tmp_path, mg(*[60] * 6, 130), time=7, lag=0) == ["(6, 7] 70*"]


def test_take_home_days_carry_their_dose(tmp_path):
    # 50 on day 1 with 6 to take home; 120 on day 8. lag 0: day 7 = 50, day 8 = (6 * 50 + 120) / 7 = 60
    log = dosing.doses((0, 1, 50, 6), (0, 8, 120))
    assert intervals(tmp_path, log, time=8, lag=0) == ["(6, 7] 50", "(7, 8] 60*"]


def test_take_home_cover_ends_with_imprisonment(tmp_path):
    # 50 on day 1 with 6 to take home, prison on day 2, 110 on day 8: day 8 = (day 2: 50, day 8: 110) / 2
    log = dosing.doses((0, 1, 50, 6), (0, 8, 110))
    exits = dosing.records((0, 2, "prison"))
    assert intervals(tmp_path, log, time=8, lag=0, exits=exits) == ["(6, 7] 50", "(7, 8] 80*"]


def test_only_the_medication_of_the_study_counts(tmp_path):
    # day 2 buprenorphine, day 3 of unknown dose: 60 and 80 are left
    log = dosing.doses((0, 1, 60), (0, 2, 8, 0, 0, 1), (0, 3, None), (0, 4, 80), (0, 7, 70))
    assert intervals(tmp_path, log, time=7, lag=0) == ["(6, 7] 70*"]


def test_days_before_any_known_dose_have_no_value(tmp_path):
    rows = [(0, day, 8, 0, 0, 1) for day in range(1, 9)] + [(0, 9, 60)]
    stays = pd.DataFrame({"client": [0], "start_day": [dosing.absolute(1)], "time": [9], "event": [6]})
    to = build_intervals(
        dosing.write(dosing.doses(*rows), tmp_path),
        stays,
        definitions=dosing.settings(7),
        lag_days=0,
        to=tmp_path / "i.parquet",
    )
    assert duckdb.sql(f"SELECT start, stop, dose_mg, carried, event FROM '{to}'").fetchall() == [
        (6, 8, None, True, 0),
        (8, 9, 60.0, False, 6),
    ]


def test_late_entry_is_observed_from_the_entry_on(tmp_path):
    # day 1 lies 10 days before the log: the first day observed is 11, the first at risk 11 + 2 + 6 = 19
    log = mg(*[60] * 12)
    assert intervals(tmp_path, log, time=22, entry=10, start=-9) == ["(18, 22] 60*"]


def test_the_default_lag_and_the_earlier_episode(tmp_path):
    # lag 14 of the definitions: first day at risk 21; the 200 mg of an earlier episode are not in any window
    log = dosing.doses((0, 1, 200), *((0, day, 60) for day in range(20, 45)))
    assert intervals(tmp_path, log, time=25, start=20, lag=None) == ["(20, 25] 60*"]


@pytest.mark.parametrize("bad", [(1, 5), (6, 9)])
def test_overlapping_episodes_of_a_client_are_refused(tmp_path, bad):
    first, second = bad
    stays = pd.DataFrame({"client": [0, 0], "start_day": [first, second], "time": [6, 6], "event": [0, 0]})
    with pytest.raises(ValueError, match="overlap"):
        build_intervals(
            dosing.write(mg(60), tmp_path), stays, definitions=dosing.settings(7), to=tmp_path / "i.parquet"
        )
