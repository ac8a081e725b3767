"""From a bad log to episodes: out of order, repeated, absurd, endless, empty, or a single row."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from helpers.small_intake import count, ledger_of, read, refused

from oatmill.episodes import build_calendar, build_episodes
from oatmill.errors import ColumnsWrong, TableEmpty
from oatmill.study import Definitions

HEADER = "client_id,date,dose_mg\n"
FIRST = dt.date(2020, 1, 1)
WHOLE = ["start_day", "end_day", "days", "dosed_days", "max_dose_mg", "open", "closed_by"]


def row(client: str, day: int, dose: object = 60) -> str:
    return f"{client},{FIRST + dt.timedelta(days=day - 1)},{dose}\n"


def episodes_of(folder, text: str, **settings) -> tuple[pd.DataFrame, object]:
    folder.mkdir(exist_ok=True)
    intake = read(folder, {"doses": HEADER + text}, settings)
    definitions = Definitions(gap_days=7, prior_treatment="none", **settings)
    calendar = build_calendar(intake.doses, intake.sites, definitions)
    return build_episodes(intake.doses, definitions=definitions, calendar=calendar), intake


def test_dates_out_of_order_change_nothing(tmp_path):
    rows = [row(client, day) for client in ("A", "B", "C") for day in (1, 2, 3, 11, 12, 30)]
    ordered, _intake = episodes_of(tmp_path / "a", "".join(rows))
    shuffled, _intake = episodes_of(tmp_path / "b", "".join(rows[1::2] + rows[::2][::-1]))
    pd.testing.assert_frame_equal(ordered, shuffled)
    assert ordered["episode"].max() == 3


def test_a_row_without_a_client_is_set_aside(tmp_path):
    episodes, intake = episodes_of(tmp_path, row("A", 1) + row("", 2) + row("A", 3))
    assert ledger_of(intake) == [3, 2, 1]
    assert count(intake, "blank_client_id") == 1
    assert episodes["dosed_days"].tolist() == [2]


def test_doses_of_nothing_and_less_cover_no_day(tmp_path):
    episodes, intake = episodes_of(tmp_path, row("A", 1) + row("A", 5, 0) + row("A", 6, -10) + row("A", 9))
    assert ledger_of(intake) == [4, 4, 0]
    assert count(intake, "dose_zero") == 2
    assert episodes["days"].tolist() == [1, 1]


def test_an_absurd_dose_is_counted_and_does_not_vanish(tmp_path):
    episodes, intake = episodes_of(tmp_path, row("A", 1) + row("A", 2, 900))
    assert count(intake, "implausible_dose_mg") == 1
    assert episodes["max_dose_mg"].tolist() == [900.0]


def test_ten_thousand_copies_of_a_row_are_one_row(tmp_path):
    once, _intake = episodes_of(tmp_path / "a", row("A", 1) + row("A", 2))
    often, intake = episodes_of(tmp_path / "b", row("A", 1) * 10_000 + row("A", 2))
    assert ledger_of(intake) == [10_001, 2, 9_999]
    pd.testing.assert_frame_equal(once, often)


def test_a_client_of_forty_years_is_one_episode(tmp_path):
    n = 40 * 365
    text = "".join(f"A,{dt.date(1980, 1, 1) + dt.timedelta(days=day)},60\n" for day in range(n)) + row("B", 1)
    episodes, _intake = episodes_of(tmp_path, text)
    long = episodes.iloc[0]
    assert (long["days"], long["dosed_days"], long["mean_dose_mg"]) == (n, n, 60.0)
    assert episodes["client"].tolist() == [0, 1]


def test_an_empty_log_is_refused(tmp_path):
    assert "doses" in refused(tmp_path, TableEmpty, {"doses": HEADER})
    assert "doses" in refused(tmp_path, ColumnsWrong, {"doses": "\n"})


def test_a_log_with_one_row_is_one_open_episode(tmp_path):
    episodes, intake = episodes_of(tmp_path, row("A", 1))
    assert ledger_of(intake) == [1, 1, 0]
    assert episodes[WHOLE].iloc[0].tolist()[2:6] == [1, 1, 60.0, True]
    closed, _intake = episodes_of(tmp_path, row("A", 1), data_cut=FIRST + dt.timedelta(days=7))
    assert closed[WHOLE].iloc[0].tolist()[2:] == [1, 1, 60.0, False, "gap7"]


@pytest.mark.parametrize("days", [6, 7])
def test_the_cut_on_both_sides_of_the_gap(tmp_path, days):
    """C at G - 1 and at G dose-free days after the only dose."""
    episodes, _intake = episodes_of(tmp_path, row("A", 1), data_cut=FIRST + dt.timedelta(days=days))
    assert bool(episodes["open"].item()) is (days == 6)
