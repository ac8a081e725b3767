"""What holds between the definitions of retention, for every log."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.examples import DrawnStudy, shown_by
from hypothesis import given, settings
from hypothesis import strategies as st

from oatmill.definitions import Example
from oatmill.retention import estimate_definitions, estimate_dropout, estimate_incidence, estimate_retention
from oatmill.survival import aalen_johansen, count_by_day

STAYS = "D*160"  # somebody is dosed on every day, so that no log is missing
LINES = st.lists(st.text("DDDDD.E3", min_size=20, max_size=160), min_size=2, max_size=4)
ONE_SITE = st.lists(st.text("DDDDD.3", min_size=20, max_size=160), min_size=2, max_size=4)
REASONS = st.lists(
    st.tuples(
        st.integers(0, 7), st.integers(1, 150), st.sampled_from(["death", "prison", "transfer_out", "administrative"])
    ),
    max_size=12,
)
few = settings(max_examples=8)  # each writes a log and builds its episodes several times


def study(lines, folder, exits=(), **more) -> DrawnStudy:
    """Sixteen of each kind of client and sixteen who stay."""
    log = tuple((16, f"D{line}") for line in (*lines, STAYS))
    known = tuple(each for each in exits if each[0] < len(lines))
    example = Example(log, (), "", cut=160, horizons=(5, 20, 60, 120), exits=known, **more)
    return DrawnStudy(example, Path(folder))


def by_day(shown) -> pd.DataFrame:
    return shown[0].frame.set_index("day")


@few
@given(LINES, st.integers(2, 12))
def test_in_treatment_on_a_day_is_never_less_than_retained(lines, gap):
    with tempfile.TemporaryDirectory() as folder:
        here = study(lines, folder, gap_days=gap)
        fixed, on_oat = (by_day(shown_by(name, here)) for name in ("ret_fixed", "ret_on_oat"))
    assert (fixed["n"] == on_oat["n"]).all()
    assert (on_oat["events"] >= fixed["events"]).all()


@few
@given(LINES, st.integers(2, 12))
def test_staying_at_the_first_site_is_never_more_than_staying(lines, gap):
    with tempfile.TemporaryDirectory() as folder:
        here = study([*lines, "E" * 159], folder, gap_days=gap)  # the log of neither site is missing
        fixed, there = (by_day(shown_by(name, here)) for name in ("ret_fixed", "ret_programme"))
    assert (there["n"] == fixed["n"]).all()
    assert (there["events"] <= fixed["events"]).all()


@few
@given(ONE_SITE)
def test_without_censoring_the_curve_is_the_fixed_share(lines):
    # everybody starts on day 1, and all horizons lie before A = 160 - 7
    with tempfile.TemporaryDirectory() as folder:
        here = study(lines, folder)
        fixed, curve = by_day(shown_by("ret_fixed", here)), shown_by("ret_km", here)[0].where(term="horizon")
    np.testing.assert_allclose(curve.set_index("day")["estimate"], fixed["estimate"], rtol=1e-12)


@few
@given(ONE_SITE, REASONS)
def test_the_curve_is_one_less_the_incidence_of_each_end(lines, exits):
    """And `ret_cif`, made from two released curves, is the Aalen-Johansen estimate where nothing is rounded."""
    with tempfile.TemporaryDirectory() as folder:
        here = study(lines, folder, exits, gap_days=30)
        cohort = here.cohort(by_cause=True)
        every_end, dropout = (
            here.release(estimate(cohort, here.definitions)) for estimate in (estimate_retention, estimate_dropout)
        )
        found = estimate_incidence(every_end, dropout).frame.set_index("day")["estimate"]
    event = cohort.frame["event"].replace(3, 0).to_numpy()  # transfers out
    table = count_by_day(cohort.frame["time"].to_numpy(), event, n_causes=6)
    incidence = aalen_johansen(table)
    for day in found.index:
        reached = incidence[incidence["day"] <= day].groupby("cause")["cif"].last()
        survival = every_end.one(day=day, term="horizon")["estimate"]
        assert survival == pytest.approx(1 - reached.sum(), abs=1e-12)
        assert found[day] == pytest.approx(1 - reached.get(6, 0.0), abs=1e-12)
        assert found[day] >= survival - 1e-12


@few
@given(st.lists(st.text("DDDDD.", min_size=3, max_size=30), min_size=3, max_size=8), st.integers(20, 60))
def test_the_three_parts_of_december_add_up(lines, gap):
    # each mark is four weeks long, so that a log lasts two years and more
    spread = [" ".join(f"{mark}*28" for mark in line) for line in lines]
    log = tuple((8, f"D{line}") for line in (*spread, "D*800"))
    with tempfile.TemporaryDirectory() as folder:
        example = Example(log, (), "", cut=800, gap_days=gap, exits=((0, 400, "death"),))
        frame = shown_by("december", DrawnStudy(example, Path(folder)))[0].frame
    whole, parts = frame[frame["group"] == ""].iloc[0], frame[frame["group"] == "entry"]
    assert (parts["n"].sum(), parts["events"].sum()) == (whole["n"], whole["events"])
    assert (frame["events"] <= frame["n"]).all()


def test_every_definition_is_computed_or_says_what_it_lacks(tmp_path):
    beside = estimate_definitions(study(["D" * 40, "D" * 90 + "." * 20 + "D" * 30], tmp_path, gap_days=7))
    shown = {each.frame["definition"].iloc[0].partition("|")[0] for each in beside.released}
    lacking = dict(beside.lacking)
    assert shown == {"ret_km", "ret_km_net", "ret_cif", "ret_fixed", "ret_on_oat", "ret_programme"}
    assert set(lacking) == {"nqf180", "december", "kp_mat6", "completed_window", "ctn4w"}
    assert lacking["ctn4w"].startswith("This study has no table of tests.")
    assert lacking["december"] == "The log does not hold a whole calendar year up to 31 December."
    assert lacking["nqf180"] == "No starter has been followed to the first horizon."
    assert [each.output for each in beside.released[-1:]] == ["retention_d15of90"]
