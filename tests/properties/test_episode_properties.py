"""What holds for every log."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from helpers import dosing
from hypothesis import given, settings
from hypothesis import strategies as st

from oatmill.cohort import build_cohort
from oatmill.episodes import build_episodes

LINES = st.lists(st.text("D.D.D..3Eb?", min_size=1, max_size=45).filter(lambda s: s.strip(".")), min_size=1, max_size=7)
GAPS = st.integers(1, 12)
few = settings(max_examples=30)


def build(log, definitions, **more) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return dosing.built(log, Path(folder), definitions, **more)


def cohort_of(log, definitions) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        calendar = dosing.calendar_of(log, Path(folder), definitions)
        episodes = build_episodes(Path(folder) / "doses.parquet", definitions=definitions, calendar=calendar)
        return build_cohort(episodes, None, definitions, calendar).frame


@few
@given(LINES, GAPS)
def test_episodes_are_in_order_apart_and_hold_every_row(lines, gap):
    log = dosing.drawn(*lines)
    episodes = build(log, dosing.settings(gap))
    assert (episodes["days"] == episodes["end_day"] - episodes["start_day"] + 1).all()
    parts = episodes["dosed_days"] + episodes["missed_days"] + episodes["missing_log_days"]
    assert (episodes["days"] == parts).all()
    assert (episodes[["dosed_days", "missed_days", "missing_log_days"]] >= 0).all(axis=None)
    same = episodes["client"].diff() == 0
    apart = episodes["start_day"] - episodes["end_day"].shift()
    assert (apart[same] > gap).all()
    held = log.merge(episodes, on="client")
    assert held["day"].between(held["start_day"], held["end_day"]).sum() == len(log)


@few
@given(LINES, GAPS)
def test_a_wider_gap_never_makes_more_episodes(lines, gap):
    log = dosing.drawn(*lines)
    narrow, wide = (build(log, dosing.settings(g)).groupby("client")["days"] for g in (gap, gap + 1))
    assert (wide.size() <= narrow.size()).all()
    assert (wide.first() >= narrow.first()).all()


@few
@given(LINES, GAPS)
def test_missing_log_lies_between_its_bounds(lines, gap):
    log = dosing.drawn(*lines, *["DDDDD......DDDDDDDD"] * 5)
    first = {
        how: build(log, dosing.settings(gap), missing_log=how).groupby("client")[["days", "open"]].first()
        for how in ("dose_free", "skip", "covered")
    }
    days = {how: frame["days"] for how, frame in first.items()}
    # a log that is missing to the end makes C earlier, and with it the end of take-home cover of open episodes
    known = ~first["skip"]["open"]
    assert (days["dose_free"] <= days["skip"])[known].all()
    assert (days["skip"] <= days["covered"]).all()


@few
@given(LINES, GAPS, st.integers(-400, 400))
def test_time_has_no_origin(lines, gap, shift):
    log = dosing.drawn(*lines)
    here = build(log, dosing.settings(gap))
    there = build(log.assign(day=log["day"] + 7 * shift), dosing.settings(gap))
    pd.testing.assert_series_equal(there["start_day"] - 7 * shift, here["start_day"])
    pd.testing.assert_frame_equal(there[["days", "dosed_days", "open"]], here[["days", "dosed_days", "open"]])


@few
@given(LINES, GAPS)
def test_the_first_programme_episode_is_never_longer_than_the_first_of_any_oat(lines, gap):
    log = dosing.drawn(*lines)
    # a site whose log is missing to the end has an earlier C, and the two views may end on different sites
    same = {"missing_log": "dose_free"}
    any_oat = build(log, dosing.settings(gap), **same).groupby("client")["end_day"].first()
    programme = build(log, dosing.settings(gap, view="programme"), **same).groupby("client")["end_day"].first()
    assert (programme <= any_oat).all()


@few
@given(LINES, GAPS, st.integers(1, 70))
def test_nobody_leaves_after_the_analysis_date(lines, gap, cut):
    log = dosing.drawn("D", *lines)
    frame = cohort_of(log, dosing.settings(gap, cut))
    assert (frame["time"] >= 1).all()
    assert (frame["time"] <= frame["potential_days"]).all()
    assert (frame["start_day"] + frame["time"] - 1 <= frame["analysis_day"]).all()
    assert ((frame["event"] > 0) | (frame["time"] == frame["potential_days"])).all()


@few
@given(LINES, GAPS, st.integers(0, 30), st.integers(1, 90))
def test_no_exit_falls_after_day_h_minus_g_and_looking_ahead_finds_all_others(lines, gap, more, cut):
    log, window = dosing.drawn("D", *lines), gap + 1 + more
    inside = cohort_of(log, dosing.settings(gap, cut, follow_up_days=window))
    left = inside[inside["event"] > 0]
    assert (left["time"] <= window - gap).all()
    assert not left["completed_window"].fillna(False).any()
    ahead = cohort_of(log, dosing.settings(gap, cut, follow_up_days=window, look_ahead=True))
    assert (ahead["event"] > 0).sum() >= (inside["event"] > 0).sum()
    both = inside["event"].to_numpy() > 0
    np.testing.assert_array_equal(inside["time"][both], ahead["time"][both])


@few
@given(LINES, GAPS)
def test_cutting_the_log_early_changes_nothing_that_was_known(lines, gap):
    """What is known as of A stays known: later doses do not change an outcome assessed as of A."""
    log = dosing.drawn("D", *lines)
    early = cohort_of(log[log["day"] <= dosing.absolute(30)], dosing.settings(gap, 30))
    late = cohort_of(log, dosing.settings(gap, 30))
    pd.testing.assert_frame_equal(early[["client", "time", "event"]], late[["client", "time", "event"]])
