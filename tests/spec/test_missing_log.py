"""Days on which the log itself is missing, drawn. Six clients at site A; X marks the days without any row.

They are missing log because at least 5 clients had a dose there in the 7 days before.
"""

from __future__ import annotations

import pytest
from helpers import dosing

#        1         11        21        31
CLINIC = "DDDDDDDDDD.....DDDDDDDDDDDDDDDDDDDDDDDDD"  # days 11..15 are missing, 40 days


def words(tmp_path, line, gap, clinic=CLINIC, clients=5, cut=40, **more):
    log = dosing.drawn(line, *[clinic] * clients)
    definitions = dosing.settings(gap, cut, closing_weekdays=more.pop("closing", ()))
    episodes = dosing.built(log, tmp_path, definitions, **more)
    return dosing.in_words(episodes[episodes["client"] == 0])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # last 8, next 20: 20 - 8 - 1 = 11 days, 5 of them missing log: 6 dose-free < 7
        ("DDDDDDDD...........D", "1-20 dropout"),
        # next 21: 12 - 5 = 7
        ("DDDDDDDD............D", "1-8 dropout | 21-21 dropout"),
        # the missing run does not break the run of dose-free days: 9, 10 | 16..20 = 7
        ("DDDDDDDD............DD", "1-8 dropout | 21-22 dropout"),
        # covered to the missing log and back on its last day + 1: nothing dose-free
        ("DDDDDDDDDD.....D", "1-16 dropout"),
    ],
)
def test_missing_log_days_neither_count_nor_break_a_run(tmp_path, line, expected):
    assert words(tmp_path, line, 7) == expected


@pytest.mark.parametrize(
    ("missing_log", "line", "expected"),
    [
        # counted as dose-free: 11 days >= 7
        ("dose_free", "DDDDDDDD...........D", "1-8 dropout | 20-20 dropout"),
        # counted as covered: 9, 10 free, 11..15 covered, 16..21 free = 6 < 7
        ("covered", "DDDDDDDD.............D", "1-22 dropout"),
        # 16..22 free = 7: ends on day 15, the last day counted as covered
        ("covered", "DDDDDDDD..............D", "1-15 dropout | 23-23 dropout"),
        # left 7 days before the missing log began: not covered by it
        ("covered", "DDD", "1-3 dropout"),
        # 6 days before: covered
        ("covered", "DDDD", "1-15 dropout"),
    ],
)
def test_bounds(tmp_path, missing_log, line, expected):
    assert words(tmp_path, line, 7, missing_log=missing_log) == expected


def test_days_without_rows_are_dose_free_where_fewer_than_five_clients_were_dosed_before(tmp_path):
    # 3 of the clinic + this one = 4 clients in the 7 days before day 11: 11 dose-free days
    assert words(tmp_path, "DDDDDDDD...........D", 7, clients=3) == "1-8 dropout | 20-20 dropout"
    # 4 + this one = 5
    assert words(tmp_path, "DDDDDDDD...........D", 7, clients=4) == "1-20 dropout"
    # 4 + this one, whose last dose on day 3 is 8 days before day 11: 4 clients. On day 4, 7 days before: 5 clients,
    # so that days 5..10 and 16 are the 7 dose-free ones and the dose on day 16 is too early
    assert words(tmp_path, "DDD............D", 7, clients=4) == "1-3 dropout | 16-16 dropout"
    assert words(tmp_path, "DDDD...........D", 7, clients=4) == "1-16 dropout"


def test_declared_closing_days_are_not_missing_log(tmp_path):
    # 2020-01-01 is a Wednesday (2), so day 12 is a Sunday (6): closed, and nobody takes doses home
    clinic = "DDDDDDDDDDD.DDDDDDDDDDDDDDDDDDDDDDDDDDDD"
    # last 10, next 18: 7 days, the Sunday one of them
    line = "DDDDDDDDDD.......D"
    assert words(tmp_path, line, 7, clinic, closing=(6,)) == "1-10 dropout | 18-18 dropout"
    # not declared: missing log, 6 dose-free days
    assert words(tmp_path, line, 7, clinic) == "1-18 dropout"


def test_a_missing_log_that_lasts_to_the_cut_makes_the_day_before_it_the_cut(tmp_path):
    # the log of A ends on day 30, C = 40: C of its clients is 30, A = 30 - 7 = 23
    clinic = "D" * 30
    log = dosing.drawn("D" * 23, "D" * 24, *[clinic] * 5, "." * 39 + "E")
    episodes = dosing.built(log, tmp_path, dosing.settings(7))
    assert dosing.in_words(episodes[episodes["client"] < 2]) == "1-23 dropout | 1-24 open"
    assert list(episodes["cut_day"] - dosing.DAY_1 + 1) == [30] * 7 + [40]
    assert list(episodes["analysis_day"] - dosing.DAY_1 + 1) == [23] * 7 + [33]


def test_the_analysis_day_lies_g_days_of_log_before_the_cut(tmp_path):
    # C = 20, days 16, 17 missing: G = 7 days of log are 11..15 less ... 20, 19, 18, 15, 14, 13, 12: A = 11
    clinic = "D" * 15 + ".." + "DDD"
    log = dosing.drawn("D" * 11, "D" * 12, *[clinic] * 5)
    episodes = dosing.built(log, tmp_path, dosing.settings(7, 20))
    assert dosing.in_words(episodes[episodes["client"] < 2]) == "1-11 dropout | 1-12 open"
    assert set(episodes["analysis_day"] - dosing.DAY_1 + 1) == {11}
    # known on the 7th dose-free day after day 11: 12, 13, 14, 15, 18, 19, 20
    assert episodes["known_day"].iloc[0] - dosing.DAY_1 + 1 == 20


def test_missing_runs_are_listed(tmp_path):
    log = dosing.drawn(*[CLINIC[:30]] * 5, "." * 39 + "E")
    calendar = dosing.calendar_of(log, tmp_path, dosing.settings(7))
    runs = calendar.missing_runs.assign(start_day=lambda f: f["start_day"] - dosing.DAY_1 + 1)
    assert runs[["site", "start_day", "days"]].to_numpy().tolist() == [["A", 11, 5], ["A", 31, 10]]
