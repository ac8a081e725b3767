"""The analysis table: flow chart, covariates, and spells without a dosing log."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from helpers import dosing

from oatmill.cohort import build_cohort, build_cohort_from_episodes
from oatmill.errors import NotSupported
from oatmill.study import Definitions

LINES = (
    "D" * 60,  # prevalent: in the log from its first day
    "." * 20 + "D" * 5 + "." * 10 + "D",  # starter, two episodes
    "." * 20 + "D" * 5,  # starter, marked repeat below
    "." * 54 + "D" * 6,  # starts after A = 60 - 7 = 53
    "." * 30 + "D" * 30,  # starter, open
)


def build(tmp_path, clients):
    definitions = dosing.settings(7, 60, prior_treatment="unknown")
    log = dosing.drawn(*LINES)
    episodes = dosing.built(log, tmp_path, definitions, clients=clients)
    return build_cohort(episodes, clients, definitions, dosing.calendar_of(log, tmp_path, definitions))


@pytest.fixture
def clients():
    return pd.DataFrame(
        {
            "client": [0, 1, 2, 3, 4],
            "enrolment_type": [None, "primary", "repeat", None, None],
            "sex": ["male", "female", "male", "male", None],
            "age": [30.0, 41.5, None, 22, None],
            "birth_date_day": pd.array([None, None, None, None, dosing.absolute(31) - 365 * 20], dtype="Int32"),
        }
    )


def test_the_flow_chart_accounts_for_every_client(tmp_path, clients):
    cohort = build(tmp_path, clients)
    assert [(step.step, step.n, step.removed) for step in cohort.attrition] == [
        ("clients", 5, 0),
        ("first_episode", 5, 0),
        ("washout", 4, 1),
        ("first_enrolment", 3, 1),
        ("started_before", 2, 1),
    ]
    assert len(cohort.frame) == cohort.attrition[-1].n
    for before, after in zip(cohort.attrition, cohort.attrition[1:], strict=False):
        assert before.n - after.removed == after.n


def test_every_column_of_the_clients_is_joined(tmp_path, clients):
    frame = build(tmp_path, clients).frame
    assert frame["client"].tolist() == [1, 4]
    assert frame["sex"].tolist() == ["female", None]
    # a recorded age stays; a missing one comes from the date of birth: 20 * 365 days are 19.98 years
    assert frame["age"].tolist() == [41.5, 19.0]
    # 53 - 31 + 1 = 23 days up to A
    assert frame[["time", "event", "entry", "potential_days"]].to_numpy().tolist() == [[5, 6, 0, 33], [23, 0, 0, 23]]


def test_without_a_clients_table(tmp_path):
    assert build(tmp_path, None).frame["client"].tolist() == [1, 2, 4]


def spells(**columns):
    return pd.DataFrame({"client": range(len(next(iter(columns.values()))))} | columns)


def days(*numbers):
    return pd.array([None if n is None else dosing.absolute(n) for n in numbers], dtype="Int32")


def result(table, **settings):
    frame = build_cohort_from_episodes(table, Definitions(**settings)).frame
    return frame[["client", "time", "event"]].to_numpy().tolist()


def test_spells_with_dates():
    table = spells(
        start_day=days(1, 1, 1, 25, 31),
        end_day=days(10, None, 30, 40, None),
        exit_reason=["death", None, None, "prison", None],
    )
    cut = dosing.date_of(30)
    # T = end - start + 1; still in treatment: 30; ended on the cut: an event; ended after it: censored on day 6
    assert result(table, data_cut=cut) == [[0, 10, 1], [1, 30, 0], [2, 30, 6], [3, 6, 0]]
    attrition = build_cohort_from_episodes(table, Definitions(data_cut=cut)).attrition
    assert [(step.step, step.n, step.removed) for step in attrition] == [
        ("clients", 5, 0),
        ("first_episode", 5, 0),
        ("started_before", 4, 1),
        ("known_time", 4, 0),
    ]
    # by default the last day in the table is the cut
    assert result(table)[3:] == [[3, 16, 2], [4, 10, 0]]


def test_spells_where_ended_and_the_dates_disagree():
    ended = pd.array([True, False, True, None], dtype="boolean")
    table = spells(start_day=days(1, 1, 1, 1), end_day=days(10, 10, None, 10), ended=ended)
    # last seen on day 10, not ended: censored there; ended on an unknown day: out; not said: the end is an end
    assert result(table, data_cut=dosing.date_of(30)) == [[0, 10, 6], [1, 10, 0], [3, 10, 6]]


def test_spells_with_days_only():
    ended = pd.array([True, False, True, True], dtype="boolean")
    table = spells(days=pd.array([10, 20, 0, None], dtype="Int32"), ended=ended, sex=["male"] * 4)
    # 0 days: seen on one day; unknown days: out
    assert result(table) == [[0, 10, 6], [1, 20, 0], [2, 1, 6]]


def test_spells_followed_for_a_window():
    table = spells(days=[10, 20, 21, 30], ended=[True, True, True, False])
    assert result(table, follow_up_days=20) == [[0, 10, 6], [1, 20, 6], [2, 20, 0], [3, 20, 0]]


def test_the_first_spell_of_each_client():
    table = spells(start_day=days(20, 1, 5), end_day=days(25, 3, 9)).assign(client=[0, 0, 1])
    assert result(table) == [[0, 3, 6], [1, 5, 6]]


@pytest.mark.parametrize(
    "table",
    [
        spells(days=[10, 20]),
        spells(ended=[True, False]),
        spells(days=[10, 20], ended=pd.array([True, None], dtype="boolean")),
    ],
)
def test_spells_that_cannot_be_used_are_refused(table):
    with pytest.raises(NotSupported, match="need a start and an end"):
        build_cohort_from_episodes(table, Definitions(data_cut=dt.date(2020, 1, 1)))
