"""Why an episode ended: recorded exits and the days on which they count. Ten doses on days 1..10, G = 7, C = 99."""

from __future__ import annotations

import pytest
from helpers import dosing

from oatmill.episodes import build_calendar, count_exit_records

TEN = "DDDDDDDDDD"


def words(tmp_path, *exits, line=TEN, cut=99, gap=7, **more):
    records = dosing.records(*((0, day, why) for day, why in exits))
    definitions = dosing.settings(gap, cut, **more)
    return dosing.in_words(dosing.built(dosing.drawn(line), tmp_path, definitions, exits=records))


@pytest.mark.parametrize(
    ("exits", "expected"),
    [
        ([(10, "death")], "death"),  # on the last covered day
        ([(17, "death")], "death"),  # 10 + 7: G days after it
        ([(18, "death")], "dropout"),  # 10 + 8
        ([(17, "prison")], "prison"),
        ([(18, "prison")], "dropout"),
        ([(40, "transfer_out")], "transfer_out"),  # 10 + 30: exit_link_days, whatever G is
        ([(41, "transfer_out")], "dropout"),
        ([(40, "completed_taper")], "completed_taper"),
        ([(40, "administrative")], "administrative"),
        ([(9, "administrative")], "dropout"),  # followed by a covered day of the same episode
        ([(9, "death")], "dropout"),
        # the earliest counts
        ([(12, "administrative"), (11, "transfer_out"), (13, "death")], "transfer_out"),
        # on one day: death > prison > transfer out > completed taper > administrative
        ([(12, "administrative"), (12, "completed_taper")], "completed_taper"),
        ([(12, "completed_taper"), (12, "transfer_out")], "transfer_out"),
        ([(12, "transfer_out"), (12, "prison")], "prison"),
        ([(12, "prison"), (12, "death")], "death"),
    ],
)
def test_the_record_that_counts(tmp_path, exits, expected):
    assert words(tmp_path, *exits) == f"1-10 {expected}"


@pytest.mark.parametrize(
    ("exits", "expected"),
    [
        # a second episode begins on day 20: a record of day 19 is the first one's, of day 20 the second one's
        ([(19, "administrative")], "1-10 administrative | 20-21 dropout"),
        ([(20, "administrative")], "1-10 dropout | 20-21 dropout"),  # followed by day 21
        ([(21, "administrative")], "1-10 dropout | 20-21 administrative"),
        ([(15, "transfer_out"), (25, "death")], "1-10 transfer_out | 20-21 death"),
    ],
)
def test_a_record_belongs_to_the_latest_episode_begun(tmp_path, exits, expected):
    assert words(tmp_path, *exits, line=TEN + "." * 9 + "DD") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # prison on day 14, doses again on day 21 = 14 + 7: a transfer
        (TEN + "." * 10 + "E", "1-10 transfer_out | 21-21 dropout"),
        # on day 22: the end of treatment
        (TEN + "." * 11 + "E", "1-10 prison | 22-22 dropout"),
        # doses go on within the gap: no exit at all
        (TEN + "....." + "E", "1-16 dropout"),
    ],
)
def test_prison_followed_by_doses_is_a_transfer(tmp_path, line, expected):
    assert words(tmp_path, (14, "prison"), line=line) == expected


def test_prison_followed_by_doses_on_the_same_day_only_is_prison(tmp_path):
    assert words(tmp_path, (10, "prison")) == "1-10 prison"


def test_prison_site_in_the_programme_view(tmp_path):
    found = words(tmp_path, (10, "prison"), line=TEN + "." + "E" * 20, view="programme")
    assert found == "1-10 transfer_out | 12-31 dropout"


def test_an_open_episode_has_no_reason_yet(tmp_path):
    # C = 16: A = 9, the last covered day is later
    assert words(tmp_path, (10, "death"), cut=16) == "1-10 open"
    assert words(tmp_path, (10, "death"), cut=17) == "1-10 death"


def test_exit_link_days_can_be_set(tmp_path):
    assert words(tmp_path, (24, "administrative"), exit_link_days=14) == "1-10 administrative"
    assert words(tmp_path, (25, "administrative"), exit_link_days=14) == "1-10 dropout"


def test_what_became_of_every_record_is_counted(tmp_path):
    exits = dosing.records(
        (0, 9, "administrative"),  # followed by day 10
        (0, 12, "administrative"),
        (0, 13, "death"),  # second
        (0, 60, "transfer_out"),  # 10 + 50
        (1, 12, "prison"),  # followed by doses up to day 95
        (2, 1, "prison"),  # before the first dose
        (7, 1, "prison"),  # not in the log
        (0, 100, "death"),  # after the cut
    )
    log = dosing.drawn(TEN, "." * 10 + "D" * 85, "." * 4 + "D")
    definitions = dosing.settings(7, 99)
    calendar = build_calendar(dosing.write(log, tmp_path), ["A", "B"], definitions)
    found = count_exit_records(tmp_path / "doses.parquet", definitions=definitions, calendar=calendar, exits=exits)
    assert found["count"].sum() == len(exits)
    assert {(why, fate): n for why, fate, n in found.itertuples(index=False)} == {
        ("administrative", "followed_by_doses"): 1,
        ("administrative", "used"): 1,
        ("death", "second"): 1,
        ("transfer_out", "too_late"): 1,
        ("prison", "followed_by_doses"): 1,
        ("prison", "no_episode"): 2,
        ("death", "after_cut"): 1,
    }
