"""Time and event of starters, drawn. `13*` is an event on day 13, `20` censored on day 20, `-` not in the cohort."""

from __future__ import annotations

import pytest
from helpers import dosing

from oatmill.cohort import build_cohort
from oatmill.errors import NotSupported, StudyInvalid


def cohort(tmp_path, line, definitions, exits=(), by_cause=False, others=()):
    log = dosing.drawn(line, *others)
    episodes = dosing.built(log, tmp_path, definitions, exits=dosing.records(*exits))
    calendar = dosing.calendar_of(log, tmp_path, definitions)
    return build_cohort(episodes, None, definitions, calendar, by_cause=by_cause)


def outcome(*args, **more):
    frame = cohort(*args, **more).frame
    if not len(frame):
        return "-"
    row = frame.iloc[0]
    window = f" {row['completed_window']}" if "completed_window" in row else ""
    return f"{row['time']}{'*' if row['event'] else ''}{window}"


@pytest.mark.parametrize(
    ("line", "minus_gap", "at_cut"),
    [
        # C = 20, G = 7, A = 13
        ("D" * 12, "12*", "12*"),
        ("D" * 13, "13*", "13*"),  # the last covered day is A: 7 dose-free days are seen
        ("D" * 14, "13", "20"),  # open: censored at A, or at C
        ("D" * 20, "13", "20"),
        ("." * 12 + "D" * 8, "1", "8"),  # starts on A
        ("." * 13 + "D" * 7, "-", "7"),  # starts after A
        ("..DD" + "." * 9 + "D", "2*", "2*"),  # days count from the first dose; a return changes nothing
    ],
)
def test_open_episodes(tmp_path, line, minus_gap, at_cut):
    assert outcome(tmp_path, line, dosing.settings(7, 20)) == minus_gap
    assert outcome(tmp_path, line, dosing.settings(7, 20, open_episode_censoring="cut")) == at_cut


@pytest.mark.parametrize(
    ("line", "inside", "ahead"),
    [
        # H = 20, G = 7, C = 99. Doses to day 13 = H - G: days 14..20 are 7 dose-free days inside the window
        ("D" * 13, "13* False", "13* False"),
        ("D" * 12, "12* False", "12* False"),
        # to day 14: only 6 of them lie inside. Looking ahead, the end on day 14 is seen
        ("D" * 14, "20 True", "14* True"),
        ("D" * 20, "20 True", "20* True"),  # looking ahead: left on day H
        ("D" * 21, "20 True", "20 True"),
        # the run begins inside and is broken outside: 8 dose-free days 15..22, 6 of them inside
        ("D" * 14 + "." * 8 + "D", "20 True", "14* True"),
        # two runs: the first of at least 7 is the end
        ("DD" + "." * 6 + "D" + "." * 7 + "D" * 10, "9* False", "9* False"),
        # the window is counted from the first dose, day 4: day H is day 23, doses to day 16 = day 13 of treatment
        ("..." + "D" * 13, "13* False", "13* False"),
        ("..." + "D" * 14, "20 True", "14* True"),
    ],
)
def test_follow_up_window(tmp_path, line, inside, ahead):
    assert outcome(tmp_path, line, dosing.settings(7, 99, follow_up_days=20)) == inside
    assert outcome(tmp_path, line, dosing.settings(7, 99, follow_up_days=20, look_ahead=True)) == ahead


@pytest.mark.parametrize(
    ("cut", "days", "inside", "ahead"),
    [
        # H = 20, G = 7. C = 20 = day H: the window is whole
        (20, 13, "13* False", "13* False"),
        (20, 14, "20 True", "13 True"),  # looking ahead there is nothing ahead: A = 13
        # C = 19: day H lies after C, everything is as of A = 12
        (19, 12, "12* <NA>", "12* <NA>"),
        (19, 13, "12 <NA>", "12 <NA>"),
        (19, 19, "12 <NA>", "12 <NA>"),
    ],
)
def test_follow_up_window_at_the_cut(tmp_path, cut, days, inside, ahead):
    assert outcome(tmp_path, "D" * days, dosing.settings(7, cut, follow_up_days=20)) == inside
    assert outcome(tmp_path, "D" * days, dosing.settings(7, cut, follow_up_days=20, look_ahead=True)) == ahead


def test_a_death_on_the_last_day(tmp_path):
    frame = cohort(tmp_path, "D" * 13, dosing.settings(7, 20), exits=[(0, 13, "death")]).frame
    assert frame[["time", "event", "exit_reason"]].iloc[0].tolist() == [13, 1, "death"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("death", 1),
        ("prison", 2),
        ("transfer_out", 3),
        ("completed_taper", 4),
        ("administrative", 5),
        ("dropout", 6),
    ],
)
def test_event_codes(tmp_path, reason, code):
    frame = cohort(tmp_path, "DDD", dosing.settings(7, 99), exits=[(0, 3, reason)]).frame
    assert frame["event"].tolist() == [code]


@pytest.mark.parametrize(
    ("days", "expected"),
    [(68, "68*"), (69, "69*"), (70, "69"), (91, "69"), (93, "69")],
)
def test_exits_by_cause_are_assessed_as_of_the_cut_minus_the_longer_of_gap_and_linkage(tmp_path, days, expected):
    # C = 99, G = 7, exit_link_days = 30: as of day 69, while A = 92
    assert outcome(tmp_path, "D" * days, dosing.settings(7, 99), by_cause=True) == expected


def test_exits_by_cause_in_a_window(tmp_path):
    # C = 50, G = 7, link 30: A by cause is 20 and a window may end on day 27 to be whole
    assert outcome(tmp_path, "D" * 20, dosing.settings(7, 50, follow_up_days=27), by_cause=True) == "20* False"
    assert outcome(tmp_path, "D" * 21, dosing.settings(7, 50, follow_up_days=27), by_cause=True) == "27 True"
    assert outcome(tmp_path, "D" * 20, dosing.settings(7, 50, follow_up_days=28), by_cause=True) == "20* <NA>"
    assert outcome(tmp_path, "D" * 21, dosing.settings(7, 50, follow_up_days=28), by_cause=True) == "20 <NA>"


def test_exits_by_cause_are_refused_when_censoring_at_the_cut(tmp_path):
    with pytest.raises(NotSupported, match="not offered where open episodes are censored at the data cut"):
        cohort(tmp_path, "DDD", dosing.settings(7, 99, open_episode_censoring="cut"), by_cause=True)


def test_a_window_not_longer_than_the_gap_is_refused(tmp_path):
    with pytest.raises(StudyInvalid, match="Within 7 days no run of 7 dose-free days can follow a dose"):
        cohort(tmp_path, "DDD", dosing.settings(7, 99, follow_up_days=7))
    assert outcome(tmp_path, "D", dosing.settings(7, 99, follow_up_days=8)) == "1* False"
