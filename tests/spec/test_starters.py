"""Who is a starter: the first day of the log is day 1 of the drawing."""

from __future__ import annotations

import pandas as pd
import pytest
from helpers import dosing

from oatmill.cohort import build_cohort
from oatmill.episodes import check_washout
from oatmill.errors import StudyInvalid
from oatmill.study import Definitions

REFUSAL = """\
The study file must say whether clients were in treatment before the log begins.
60% of first episodes begin less than 7 days after the first day of their site's log, so that starters cannot be told \
from clients who were in treatment before
  expected: `definitions.prior_treatment: none` (a trial or a new programme: nobody was treated before), or \
`definitions.prior_treatment: unknown` (they may have been: they are left out of curves and models)
  what to do: Add one of the two lines to the study file; or give the sites' opening dates (`sites.opened`), or a \
shorter `definitions.washout_days`."""

LONG = "D" * 99  # a client who makes the log of site A begin on day 1


def kind(tmp_path, line, *, gap=7, enrolment_type=None, enrolled=None, **more):
    opened = more.pop("opened", None)
    definitions = dosing.settings(gap, 99, **({"prior_treatment": "unknown"} | more))
    clients = pd.DataFrame({"client": [0, 1], "enrolment_type": [enrolment_type, None]})
    if enrolled is not None:
        clients["enrolled_day"] = pd.array([dosing.absolute(enrolled), None], dtype="Int32")
    log = dosing.drawn(line, LONG)
    episodes = dosing.built(log, tmp_path, definitions, clients=clients, opened=opened)
    first = episodes[(episodes["client"] == 0) & (episodes["episode"] == 1)].iloc[0]
    assert first["starter"] != first["prevalent"]
    return "starter" if first["starter"] else "prevalent"


@pytest.mark.parametrize(
    ("first_day", "more", "expected"),
    [
        (7, {}, "prevalent"),  # 7 - 1 = 6 days after the first day of the log
        (8, {}, "starter"),  # 8 - 1 = 7 >= washout, which is the gap
        (9, {}, "starter"),
        (8, {"washout_days": 8}, "prevalent"),
        (9, {"washout_days": 8}, "starter"),
        (1, {"washout_days": 0}, "starter"),
        (1, {"prior_treatment": "none"}, "starter"),
    ],
)
def test_washout(tmp_path, first_day, more, expected):
    assert kind(tmp_path, "." * (first_day - 1) + "DDD", **more) == expected


@pytest.mark.parametrize(
    ("enrolment_type", "expected"),
    [("primary", "starter"), (None, "starter"), ("repeat", "prevalent"), ("transfer_in", "prevalent")],
)
def test_marked_as_not_the_first(tmp_path, enrolment_type, expected):
    assert kind(tmp_path, "." * 20 + "D", enrolment_type=enrolment_type) == expected


def test_a_site_that_opened_on_its_first_log_day_needs_no_washout(tmp_path):
    assert kind(tmp_path, "DDD", opened={"A": dosing.date_of(1)}) == "starter"
    assert kind(tmp_path, "DDD", opened={"A": dosing.absolute(0)}) == "prevalent"
    # the site of the first dose decides: B opened on day 3 with this client's dose
    assert kind(tmp_path, "..EEE", opened={"B": dosing.date_of(3)}) == "starter"
    assert kind(tmp_path, "..EEE") == "prevalent"


def test_later_episodes_are_neither(tmp_path):
    log = dosing.drawn("." * 20 + "D" + "." * 20 + "D", LONG)
    episodes = dosing.built(log, tmp_path, dosing.settings(7, 99, prior_treatment="unknown"))
    assert episodes[["client", "episode", "starter", "prevalent"]].to_numpy().tolist() == [
        [0, 1, True, False],
        [0, 2, False, False],
        [1, 1, False, True],
    ]


def half(tmp_path, n_early, n_late, definitions):
    log = dosing.drawn(*["DDD"] * n_early, *["." * 50 + "DDD"] * n_late)
    return dosing.built(log, tmp_path, definitions)


def test_more_than_half_failing_the_washout_is_asked_about(tmp_path):
    definitions = Definitions(gap_days=7, data_cut=dosing.date_of(99))
    check_washout(half(tmp_path, 2, 2, definitions), definitions)  # exactly half is accepted
    with pytest.raises(StudyInvalid) as caught:
        check_washout(half(tmp_path, 3, 2, definitions), definitions)
    assert str(caught.value) == REFUSAL


@pytest.mark.parametrize(("answer", "n"), [("none", 5), ("unknown", 2)])
def test_either_answer_settles_the_question(tmp_path, answer, n):
    definitions = Definitions(gap_days=7, data_cut=dosing.date_of(99), prior_treatment=answer)
    episodes = half(tmp_path, 3, 2, definitions)
    calendar = dosing.calendar_of(dosing.drawn("D"), tmp_path, definitions)
    assert len(build_cohort(episodes, None, definitions, calendar).frame) == n


def late_entry(tmp_path, enrolled, line="DDDDD"):
    clients = pd.DataFrame({"client": [0], "enrolled_day": pd.array([enrolled], dtype="Int32")})
    clients["enrolled_day"] += dosing.DAY_1 - 1
    definitions = dosing.settings(7, 99, prior_treatment="unknown")
    episodes = dosing.built(dosing.drawn(line, LONG), tmp_path, definitions, clients=clients)
    calendar = dosing.calendar_of(dosing.drawn(line, LONG), tmp_path, definitions)
    cohort = build_cohort(episodes, clients, definitions, calendar, prevalent="late_entry")
    return cohort.frame[["client", "entry", "time", "days", "event"]].to_numpy().tolist()


@pytest.mark.parametrize(
    ("enrolled", "line", "expected"),
    [
        # enrolled 10 days before the log: its first day is day 11 of treatment, entry 11 - 1; 5 doses: day 15
        (-9, "DDDDD", [[0, 10, 15, 15, 6]]),
        # first dose in the log on day 3: entry still on the log's first day
        (-9, "..DDD", [[0, 10, 15, 15, 6]]),
        # enrolled on the day of the first dose, inside the log: nothing came before
        (3, "..DDD", [[0, 0, 3, 3, 6]]),
        # an enrolment date after the first dose says nothing about day 1
        (4, "..DDD", []),
    ],
)
def test_prevalent_clients_with_an_enrolment_date_enter_late(tmp_path, enrolled, line, expected):
    assert late_entry(tmp_path, enrolled, line) == expected


def test_a_follow_up_that_ends_before_the_log_begins_is_left_out(tmp_path):
    # enrolled 10 days before the log, followed for days 1..10 of treatment, observed from day 11 on
    clients = pd.DataFrame({"client": [0], "enrolled_day": pd.array([dosing.absolute(-9)], dtype="Int32")})
    definitions = dosing.settings(7, 99, prior_treatment="unknown", follow_up_days=10)
    log = dosing.drawn("D" * 20, LONG)
    episodes = dosing.built(log, tmp_path, definitions, clients=clients)
    calendar = dosing.calendar_of(log, tmp_path, definitions)
    cohort = build_cohort(episodes, clients, definitions, calendar, prevalent="late_entry")
    assert [(step.step, step.n) for step in cohort.attrition] == [
        ("clients", 2),
        ("first_episode", 2),
        ("known_start", 1),
        ("started_before", 1),
        ("time_at_risk", 0),
    ]
