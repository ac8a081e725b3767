"""The machinery around the gap rule: files, chunks, types. The rule itself is drawn in tests/spec."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from helpers import dosing

from oatmill.episodes import build_calendar, build_episodes
from oatmill.episodes import calendar as calendar_module
from oatmill.episodes.log import map_rows
from oatmill.errors import TableEmpty

LINES = ("DD...D..3....", ".D.E......bDD", "D" * 13, "....?", "6....EE.....D")


@pytest.fixture
def log():
    return dosing.drawn(*LINES)


def test_chunks_hold_whole_clients_and_change_nothing(log, tmp_path):
    exits = dosing.records((0, 9, "prison"), (1, 5, "transfer_out"), (4, 3, "death"), (4, 7, "administrative"))
    definitions = dosing.settings(3, 20)
    whole = dosing.built(log, tmp_path, definitions, exits=exits)
    pd.testing.assert_frame_equal(whole, dosing.built(log, tmp_path, definitions, exits=exits, rows_at_once=1))


def long_log(clients: int = 700) -> pd.DataFrame:
    """More rows than DuckDB hands over at once."""
    rng = np.random.default_rng(3)
    client = np.repeat(np.arange(clients), 300)
    day = np.tile(np.arange(300), clients)
    come = rng.random(len(day)) < 0.9
    columns = {
        "client": 10 + 3 * client,
        "day": 18000 + day,
        "dose_dmg": rng.integers(50, 1200, len(day)),
        "site": client % 2,
    }
    more = {"medication": 0, "take_home_days": rng.integers(0, 3, len(day))}
    log = pd.DataFrame(columns | more)[come].astype("Int64")
    log.loc[rng.random(len(log)) < 0.01, ["dose_dmg", "site"]] = None
    return log


def test_a_long_log_comes_in_chunks_of_whole_clients(tmp_path):
    log = long_log()
    path = dosing.write(log, tmp_path)
    chunks = map_rows(lambda rows: rows.client.copy(), path, 20_000, rows_at_once=50_000)
    assert len(chunks) >= 3
    assert np.concatenate(chunks).tolist() == log["client"].tolist()
    assert all(a[-1] < b[0] for a, b in pairwise(chunks)), "a client lies in two chunks"


@pytest.mark.parametrize("view", ["any_oat", "programme"])
@pytest.mark.parametrize("route", ["in memory", "on disk", "too wide for one integer"])
def test_the_order_of_rows_in_the_file_is_irrelevant(tmp_path, route, view):
    log, definitions = long_log(), dosing.settings(3, view=view)
    if route == "too wide for one integer":
        log.iloc[5, log.columns.get_loc("dose_dmg")] = 100_000
    first = dosing.built(log, tmp_path, definitions)
    calendar = dosing.calendar_of(log, tmp_path, definitions)
    path = tmp_path / "shuffled.parquet"
    with duckdb.connect() as connection:
        connection.register("log", log.sample(frac=1, random_state=1))
        connection.execute(f"COPY log TO '{path}' (FORMAT parquet)")
    memory = 2**20 if route == "on disk" else 2**30  # bytes; a row takes 12
    found = build_episodes(path, definitions=definitions, calendar=calendar, memory=memory, rows_at_once=20_000)
    pd.testing.assert_frame_equal(first, found)
    assert not list(tmp_path.glob(".sorted-*"))


@pytest.mark.parametrize("lines", [LINES, ("D" * 8, "D" * 8, "D" * 8, "DDD...DD", "D.......")])
def test_site_days_are_the_same_by_either_count(tmp_path, monkeypatch, lines):
    log, definitions = dosing.drawn(*lines), dosing.settings(3, 20)
    log["site"] = log["site"].astype("Int64").mask(log["day"] % 5 == 0)
    first = dosing.calendar_of(log, tmp_path, definitions)
    monkeypatch.setattr(calendar_module, "MOST_SITE_DAYS", 0)
    second = dosing.calendar_of(log, tmp_path, definitions)
    for name in ("first_day", "last_day", "cut_day", "run_site", "run_start", "run_end"):
        assert getattr(first, name).tolist() == getattr(second, name).tolist()


def test_columns_and_types(log, tmp_path):
    episodes = dosing.built(log, tmp_path, dosing.settings(3, 20))
    assert episodes.dtypes.astype(str).to_dict() == {
        "client": "int32",
        "episode": "int32",
        "start_day": "int32",
        "end_day": "int32",
        "days": "int32",
        "dosed_days": "int32",
        "missed_days": "int32",
        "missing_log_days": "int32",
        "first_dose_mg": "float64",
        "mean_dose_mg": "float64",
        "last_dose_mg": "float64",
        "max_dose_mg": "float64",
        "site": "object",
        "last_site": "object",
        "n_sites": "int32",
        "medication": "object",
        "n_medications": "int32",
        "open": "bool",
        "closed_by": "object",
        "exit_reason": "object",
        "exit_day": "Int32",
        "moved": "bool",
        "known_day": "Int32",
        "cut_day": "int32",
        "analysis_day": "int32",
        "cause_analysis_day": "int32",
        "log_first_day": "int32",
        "washout_met": "bool",
        "marked_repeat": "bool",
        "starter": "bool",
        "prevalent": "bool",
        "enrolled_day": "Int32",
    }


def test_rows_without_a_site_are_one_site(tmp_path):
    log = dosing.drawn("DDD.......D").assign(site=-1)
    episodes = dosing.built(log, tmp_path, dosing.settings(7, 40))
    assert dosing.in_words(episodes) == "1-3 dropout | 11-11 dropout"
    assert episodes["site"].tolist() == [None, None]
    assert set(episodes["log_first_day"]) == {dosing.absolute(1)}
    calendar = build_calendar(tmp_path / "doses.parquet", (), dosing.settings(7, 40))
    without_codes = build_episodes(tmp_path / "doses.parquet", definitions=dosing.settings(7, 40), calendar=calendar)
    pd.testing.assert_frame_equal(without_codes, episodes)


def test_gap_and_view_can_be_overruled_and_the_washout_follows(tmp_path):
    log = dosing.drawn("." * 10 + "DDD.......D", "D" * 60)
    definitions = dosing.settings(30, 60, prior_treatment="unknown")
    calendar = dosing.calendar_of(log, tmp_path, definitions)
    path = tmp_path / "doses.parquet"
    wide = build_episodes(path, definitions=definitions, calendar=calendar)
    narrow = build_episodes(path, definitions=definitions, calendar=calendar, gap_days=7)
    assert dosing.in_words(wide[wide["client"] == 0]) == "11-21 dropout"
    assert dosing.in_words(narrow[narrow["client"] == 0]) == "11-13 dropout | 21-21 dropout"
    # 10 days after the log began: fewer than 30, at least 7
    assert (wide["starter"].iloc[0], narrow["starter"].iloc[0]) == (False, True)


def test_a_log_that_begins_after_the_cut_is_refused(log, tmp_path):
    with pytest.raises(TableEmpty, match="no dose on or before the data cut"):
        dosing.built(log, tmp_path, dosing.settings(7, 0))


def test_days_before_1970_are_days_too(tmp_path):
    log = dosing.drawn(*LINES)
    episodes = dosing.built(log, tmp_path, dosing.settings(3))
    early = log.assign(day=log["day"] - 30_000)
    calendar = build_calendar(dosing.write(early, tmp_path), ["A", "B"], dosing.settings(3))
    assert calendar.data_cut == dosing.absolute(13) - 30_000 < 0
    shifted = build_episodes(tmp_path / "doses.parquet", definitions=dosing.settings(3), calendar=calendar)
    assert (shifted["start_day"] + 30_000).tolist() == episodes["start_day"].tolist()
    assert (shifted["end_day"] + 30_000).tolist() == episodes["end_day"].tolist()


def test_moved_says_that_doses_at_another_site_follow(tmp_path):
    log = dosing.drawn("DDDD......E", "DDDD.......E", "DDDD")
    episodes = dosing.built(log, tmp_path, dosing.settings(7, 60, view="programme"))
    # day 4, then day 11 = 4 + 7; day 12
    assert episodes.loc[episodes["episode"] == 1, "moved"].tolist() == [True, False, False]


def test_opening_days_may_be_dates_or_day_numbers(log, tmp_path):
    dates = dosing.calendar_of(log, tmp_path, dosing.settings(7), {"A": dt.date(2020, 1, 1)})
    numbers = dosing.calendar_of(log, tmp_path, dosing.settings(7), {"A": dosing.absolute(1)})
    assert dates.opened_day.tolist() == numbers.opened_day.tolist()


def test_without_numba_the_same_episodes(log, tmp_path):
    exits = dosing.records((0, 9, "prison"), (4, 3, "death"))
    definitions = dosing.settings(3, 20)
    expected = dosing.built(log, tmp_path, definitions, exits=exits)
    script = f"""
import sys
sys.modules["numba"] = None
sys.path.insert(0, {str(Path(dosing.__file__).parents[1])!r})
import pandas as pd
from helpers import dosing
log = dosing.drawn(*{LINES!r})
exits = dosing.records((0, 9, "prison"), (4, 3, "death"))
definitions, folder = dosing.settings(3, 20), __import__("pathlib").Path({str(tmp_path)!r})
found = dosing.built(log, folder, definitions, exits=exits)
shuffled = dosing.built(log.sample(frac=1, random_state=2), folder, definitions, exits=exits)
assert found.equals(shuffled)
print(found.to_json())
"""
    out = subprocess.run(
        [sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, encoding="utf-8", timeout=120
    )
    assert out.stdout.strip() == expected.to_json()
