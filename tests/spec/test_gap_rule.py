"""The gap rule, drawn: one character is one day, day 1 first.

D a dose, 3 a dose with 3 days to take home, . no dose, E a dose at the second site, b buprenorphine.
Expected: first-last covered day and how the episode ended.
"""

from __future__ import annotations

import pytest
from helpers import dosing


def words(tmp_path, line, gap, cut, **more):
    return dosing.in_words(dosing.built(dosing.drawn(line), tmp_path, dosing.settings(gap, cut), **more))


@pytest.mark.parametrize(
    ("gap", "line", "expected"),
    [
        # doses on day 1 and 8: 8 - 1 - 1 = 6 dose-free days, 8 - 1 = 7, not > 7
        (7, "D......D", "1-8 dropout"),
        # doses on day 1 and 9: 9 - 1 - 1 = 7 dose-free days, 9 - 1 = 8 > 7
        (7, "D.......D", "1-1 dropout | 9-9 dropout"),
        # doses on day 1 and 10: 8 dose-free days
        (7, "D........D", "1-1 dropout | 10-10 dropout"),
        # the same three at G = 8: 7 dose-free days are one too few
        (8, "D......D", "1-8 dropout"),
        (8, "D.......D", "1-9 dropout"),
        (8, "D........D", "1-1 dropout | 10-10 dropout"),
        # only consecutive days count: 6 + 6 dose-free days with a dose between
        (7, "D......D......D", "1-15 dropout"),
        # a client with one dose
        (7, "D", "1-1 dropout"),
        # G = 1: any dose-free day ends it
        (1, "DD.D", "1-2 dropout | 4-4 dropout"),
        # three episodes
        (3, "DD...D..D...D", "1-2 dropout | 6-9 dropout | 13-13 dropout"),
    ],
)
def test_an_episode_ends_at_g_consecutive_dose_free_days(tmp_path, gap, line, expected):
    assert words(tmp_path, line, gap, cut=40) == expected


@pytest.mark.parametrize(
    ("gap", "line", "expected"),
    [
        # day 1 with 3 to take home covers 1..4; next dose day 11: 11 - 4 - 1 = 6 dose-free days
        (7, "3.........D", "1-11 dropout"),
        # next dose day 12: 7 dose-free days
        (7, "3..........D", "1-4 dropout | 12-12 dropout"),
        # take-home cover is part of the episode: it ends on day 4
        (7, "3", "1-4 dropout"),
        # overlapping supply covers a day once and is not carried over: 1..4 and 3..4, not up to 6
        (7, "3.1", "1-4 dropout"),
        # a short supply inside a long one does not shorten it: 1..6
        (7, "5.1", "1-6 dropout"),
        # 5 covers 1..6, the dose on day 3 covers 3: next on day 14 leaves 7..13 dose-free = 7
        (7, "5.D..........D", "1-6 dropout | 14-14 dropout"),
        (7, "5.D.........D", "1-13 dropout"),
    ],
)
def test_take_home_days_are_covered(tmp_path, gap, line, expected):
    assert words(tmp_path, line, gap, cut=40) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        # 6 covers days 1..7; the record ends cover on its day, which is then the last covered day
        (1, "1-1 prison"),
        (4, "1-4 prison"),
        (7, "1-7 prison"),
        # a record after the last day of supply changes no cover
        (8, "1-7 prison"),
    ],
)
def test_take_home_cover_ends_on_the_day_of_imprisonment(tmp_path, day, expected):
    assert words(tmp_path, "6", 7, cut=40, exits=dosing.records((0, day, "prison"))) == expected


def test_take_home_cover_ends_at_the_cut(tmp_path):
    # supply for days 1..7, cut on day 5
    assert words(tmp_path, "6", 2, cut=5) == "1-5 open"


def test_other_exits_do_not_end_take_home_cover(tmp_path):
    # the record of day 4 is followed by covered days 5..7: no exit
    assert words(tmp_path, "6", 7, cut=40, exits=dosing.records((0, 4, "administrative"))) == "1-7 dropout"


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        # C = 20, G = 7, A = 13. The last covered day is A - 1, A: 20 - 13 = 7 dose-free days are seen
        (12, "1-12 dropout"),
        (13, "1-13 dropout"),
        # A + 1: only 6 dose-free days are seen
        (14, "1-14 open"),
        (20, "1-20 open"),
    ],
)
def test_an_episode_is_open_when_its_last_covered_day_is_later_than_the_cut_minus_gap(tmp_path, last, expected):
    assert words(tmp_path, "D" * last, 7, cut=20) == expected


def test_doses_after_the_cut_are_not_seen(tmp_path):
    # C = 5: day 9 does not exist yet
    assert words(tmp_path, "DD......D", 3, cut=5) == "1-2 dropout"


def test_the_cut_is_the_last_day_of_the_log_by_default(tmp_path):
    # second client's dose on day 12 makes C = 12: 12 - 5 = 7 dose-free days
    log = dosing.drawn("DDDDD", "...........D")
    assert dosing.in_words(dosing.built(log, tmp_path, dosing.settings(7))) == "1-5 dropout | 12-12 open"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("DDD..bbb", "1-8 dropout"),  # a switch inside the gap continues the episode
        ("DDD.......bbb", "1-3 dropout | 11-13 dropout"),  # after 7 dose-free days it does not
        ("DDD..EEE", "1-8 dropout"),  # nor does a move to another site end it
    ],
)
def test_any_oat_view_joins_medications_and_sites(tmp_path, line, expected):
    assert words(tmp_path, line, 7, cut=40) == expected


def test_a_switch_is_recorded(tmp_path):
    episode = dosing.built(dosing.drawn("DDD..bbE"), tmp_path, dosing.settings(7, 40)).iloc[0]
    assert (episode["medication"], episode["n_medications"]) == ("methadone", 2)
    assert (episode["site"], episode["last_site"], episode["n_sites"]) == ("A", "B", 2)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # a move: the old episode ends on the last covered day at the old site
        ("DDDDEEEEEEEEEEEEEEEEEEEE", "1-4 dropout | 5-24 dropout"),
        # guest doses elsewhere on 6 days change nothing
        ("DDDEEEEEEDDDDDDDDDDDDDDD", "1-24 dropout"),
        # 7 days without a dose at the old site end its episode there
        ("DDDEEEEEEEDDDDDDDDDDDDDD", "1-3 dropout | 4-10 dropout | 11-24 dropout"),
        # two sites in turn: episodes overlap, and neither lies inside the other
        ("DEDEDEDE", "1-7 dropout | 2-8 dropout"),
    ],
)
def test_programme_view_takes_one_site_at_a_time(tmp_path, line, expected):
    definitions = dosing.settings(7, 40, view="programme")
    assert dosing.in_words(dosing.built(dosing.drawn(line), tmp_path, definitions)) == expected


def test_days_are_covered_missed_or_missing_log(tmp_path):
    # covered 1, 2, 3 (take-home), 6; missed 4, 5
    episode = dosing.built(dosing.drawn("D1..." + "D"), tmp_path, dosing.settings(7, 40)).iloc[0]
    assert (episode["days"], episode["dosed_days"], episode["missed_days"]) == (6, 4, 2)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # (day, mg, take home): 60 on day 1, 80 on day 2, nothing on day 3, 100 on day 4 = 240 / 3 dosed days
        ([(1, 60), (2, 80), (4, 100)], (60, 80, 100, 100)),
        # take-home days carry the dose: 60, 60, 60, 100 = 280 / 4
        ([(1, 60, 2), (4, 100)], (60, 70, 100, 100)),
        # the latest dispensing that covers a day gives its dose: 60, 90, 60 = 210 / 3
        ([(1, 60, 2), (2, 90)], (60, 70, 60, 90)),
        # two rows of one day are summed: 60 + 20
        ([(1, 60), (1, 20, 0, 1)], (80, 80, 80, 80)),
        # milligrams of another medication are not mixed in: 60, -, 80 = 140 / 2
        ([(1, 60), (2, 8, 0, 0, 1), (3, 80)], (60, 70, 80, 80)),
        # a covered day of unknown dose is left out of the mean: 60, ?, 80
        ([(1, 60), (2, None), (3, 80)], (60, 70, 80, 80)),
    ],
)
def test_doses_are_taken_over_dosed_days(tmp_path, rows, expected):
    log = dosing.doses(*((0, *row) for row in rows))
    episode = dosing.built(log, tmp_path, dosing.settings(7, 40)).iloc[0]
    found = [episode[f"{name}_dose_mg"] for name in ("first", "mean", "last", "max")]
    assert tuple(found) == expected
