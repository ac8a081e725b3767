"""`d15of90`, drawn: the 16th dose-free day within any 90 days ends an episode, on the last covered day before it.

D*10 stands for ten days with a dose. Expected: first-last covered day and how the episode ended.
"""

from __future__ import annotations

import pytest
from helpers import dosing

from oatmill.rules import Log, build_by_rule


def words(tmp_path, line, cut, *, others=(), **more):
    log = dosing.drawn(line, *others)
    definitions = dosing.settings(30, cut)
    calendar = dosing.calendar_of(log, tmp_path, definitions, None, more.pop("missing_log", "skip"))
    found = build_by_rule("d15of90", Log(tmp_path / "doses.parquet", definitions, calendar, **more))
    return dosing.in_words(found[found["client"] == 0])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # 15 in a row are too few
        ("D*10 .*15 D*95", "1-120 open"),
        # 16 in a row: the 16th is day 26
        ("D*10 .*16 D*94", "1-10 dropout | 27-120 open"),
        # 8 + 8 with ten days of doses between: the 16th is day 36
        ("D*10 .*8 D*10 .*8 D*84", "1-28 dropout | 37-120 open"),
        # the 16th breaks off a run: 8 + 9, the 16th is day 36, the 17th (37) belongs to no episode
        ("D*10 .*8 D*10 .*9 D*83", "1-28 dropout | 38-120 open"),
        # one day in five: dose-free on days 5, 10, 15 ... the 16th is day 80 = 16 x 5
        ("DDDD. " * 24, "1-79 dropout | 81-119 open"),
        # one day in six: days 6, 12 ... 90 are 15 in 90 days, and so on for ever
        ("DDDDD. " * 20, "1-119 open"),
    ],
)
def test_sixteen_dose_free_days_end_an_episode(tmp_path, line, expected):
    assert words(tmp_path, line, cut=120) == expected


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        # dose-free on days 2 .. 16 and then on day 91: days 2 .. 91 are 90 days
        (74, "1-90 dropout | 92-140 open"),
        # on day 92: days 3 .. 92 hold 15
        (75, "1-140 open"),
    ],
)
def test_both_sides_of_ninety_days(tmp_path, between, expected):
    rest = 140 - 1 - 15 - between - 1
    assert words(tmp_path, f"D .*15 D*{between} . D*{rest}", cut=140) == expected


def test_the_window_holds_days_of_the_episode_only(tmp_path):
    # the first ends on day 1: dose-free 2-17; from day 18 on, 15 more within 90 days of day 2 are a fresh count
    assert words(tmp_path, "D .*16 D*10 .*15 D*98", cut=140) == "1-1 dropout | 18-140 open"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # supply for days 11-14 leaves 15 of the 19 days 11-29
        ("D*9 4 .*19 D*91", "1-120 open"),
        # supply for days 11-13 leaves 16: the 16th is day 29, and the last covered day before it is day 13
        ("D*9 3 .*19 D*91", "1-13 dropout | 30-120 open"),
        # supply that begins after the 16th does not undo it
        ("D*10 .*16 9 .*9 D*84", "1-10 dropout | 27-120 open"),
    ],
)
def test_days_of_take_home_supply_are_covered(tmp_path, line, expected):
    assert words(tmp_path, line, cut=120) == expected


def test_take_home_cover_ends_with_prison(tmp_path):
    # supply for days 11-18, prison on day 12: dose-free 13-28
    exits = dosing.records((0, 12, "prison"))
    assert words(tmp_path, "D*9 8 .*18 D*92", cut=120, exits=exits) == "1-12 prison | 29-120 open"


@pytest.mark.parametrize(
    ("away", "missing_log", "expected"),
    [
        # the clinic's log lacks days 31-40. Away on days 26-50: 25 days, 15 of them dose-free
        (25, "skip", "1-120 open"),
        # away on days 26-51: 16
        (26, "skip", "1-25 dropout | 52-120 open"),
        # counted as dose-free: 16 are reached on day 41
        (25, "dose_free", "1-25 dropout | 51-120 open"),
    ],
)
def test_days_of_missing_log_are_not_dose_free(tmp_path, away, missing_log, expected):
    clinic = ["D*30 .*10 D*80"] * 5
    line = f"D*25 .*{away} D*{95 - away}"
    assert words(tmp_path, line, cut=120, others=clinic, missing_log=missing_log) == expected


def test_days_of_missing_log_are_left_out_of_the_ninety(tmp_path):
    # dose-free 2-16, the log lacks days 31-40: day 101 is the 91st day of log after day 1, day 102 the 92nd
    clinic = ["D*30 .*10 D*110"] * 5
    for day, expected in ((101, "1-100 dropout | 102-150 open"), (102, "1-150 open")):
        line = f"D .*15 D*14 .*10 D*{day - 41} . D*{150 - day}"
        assert words(tmp_path, line, cut=150, others=clinic) == expected


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        # dose-free from day 31: the 16th is day 46
        (45, "1-30 open"),
        (46, "1-30 dropout"),
        (47, "1-30 dropout"),
    ],
)
def test_an_episode_is_open_until_the_sixteenth_day_is_seen(tmp_path, cut, expected):
    assert words(tmp_path, "D*30", cut, others=["D*60"]) == expected


def test_an_end_after_the_analysis_date_is_known_and_still_censored(tmp_path):
    """C = 60, A = 44. Dose-free 2-16 and 51: an end on day 50, known on day 51, while others who left on day 50 are not.

    Of a client who left on day 50 for good nobody knows by day 60, so the one who is known must not count either.
    """
    from oatmill.cohort import build_cohort
    from oatmill.definitions import definition_of
    from oatmill.rules import definitions_under

    definitions = dosing.settings(30, 60)
    log = dosing.drawn("D .*15 D*34 . D*9", "D*50", "D*60")
    calendar = dosing.calendar_of(log, tmp_path, definitions)
    found = build_by_rule("d15of90", Log(tmp_path / "doses.parquet", definitions, calendar))
    assert dosing.in_words(found[found["client"] == 0]) == "1-50 dropout | 52-60 open"
    settings = definitions_under(definition_of("d15of90"), definitions)
    cohort = build_cohort(found, None, settings, calendar, ends="d15of90").frame
    assert cohort[["time", "event"]].to_numpy().tolist() == [[44, 0]] * 3
