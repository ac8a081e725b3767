"""The rule as an Ibis expression on DuckDB: the same episodes as the built-in engine, for everything that it may meet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from helpers import dosing
from helpers.spells import IBIS_WARNS, assert_same
from oracle.plain_episodes import missing_days
from oracle.test_episodes_pandas import random_exits, random_log

from oatmill.definitions import GAP_GRID

pytestmark = [pytest.mark.ibis, pytest.mark.filterwarnings(IBIS_WARNS)]

VIEWS = ("any_oat", "programme")
BOUNDS = ("skip", "dose_free", "covered")
CUT = 140  # day of the drawing


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("missing_log", BOUNDS)
@pytest.mark.parametrize("gap", GAP_GRID)
def test_random_logs(tmp_path, on_duckdb, gap, missing_log, view):
    seed = GAP_GRID.index(gap) % 4
    rows, exits = random_log(seed), random_exits(seed)
    definitions = dosing.settings(gap, CUT if seed % 2 else None, view=view)
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        assert assert_same(log, rows, tmp_path, definitions, exits=exits, missing_log=missing_log) >= 40


@pytest.mark.parametrize("view", VIEWS)
def test_another_medication_is_the_study_s(tmp_path, on_duckdb, view):
    rows = random_log(1)
    definitions = dosing.settings(7, view=view, medication="buprenorphine")
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        assert_same(log, rows, tmp_path, definitions, exits=random_exits(1))


DRAWN = {
    "one dose": ("D",),
    "gap of 6, 7 and 8": ("D......D", "D.......D", "D........D"),
    "take-home to the edge": ("3.........D", "3..........D", "3...........D"),
    "supply that overlaps": ("5..2......D", "9...D.....b"),
    "blank and other doses": ("D?b?D......?",),
    "transfer on the day": ("DDEE", "DDD.EEE.......D"),
    "dose not known at both ends": ("?DD?", "b"),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("lines", DRAWN.values(), ids=DRAWN)
def test_edges(tmp_path, on_duckdb, lines, view):
    rows = dosing.drawn(*lines)
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        assert_same(log, rows, tmp_path, dosing.settings(7, view=view))


def test_a_death_and_an_imprisonment_end_the_supply(tmp_path, on_duckdb):
    rows = dosing.doses((0, 1, 60, 9), (1, 1, 60, 9), (2, 1, 60, 9), (3, 1, 60, 3), (3, 20, 60, 9), (4, 30, 60))
    exits = dosing.records((0, 4, "death"), (1, 1, "prison"), (2, 11, "prison"), (3, 2, "prison"), (3, 22, "death"))
    definitions = dosing.settings(3)
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        assert_same(log, rows, tmp_path, definitions, exits=exits)
        spells = log.spells(definitions, dosing.calendar_of(rows, tmp_path, definitions), exits)
    assert list(spells["dosed_days"]) == [4, 1, 10, 2, 3, 1]


def test_rows_of_one_day_are_summed_by_medication_and_the_latest_dispensing_counts(tmp_path, on_duckdb):
    rows = dosing.doses((0, 1, 60, 4, 0), (0, 1, 20, 2, 1), (0, 1, 8, 0, 0, dosing.BUPRENORPHINE), (0, 4, 40, 0))
    definitions = dosing.settings(7, cut=30)
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        spells = log.spells(definitions, dosing.calendar_of(rows, tmp_path, definitions), None)
    # days 1 to 3: 60 + 20; day 4: 40, dispensed that day; day 5: the 60 of day 1
    assert list(spells["dose_sum_dmg"]) == [3 * 800 + 400 + 600]
    assert list(spells[["first_dose_dmg", "last_dose_dmg", "max_dose_dmg", "dose_days"]].iloc[0]) == [800, 600, 800, 5]


def test_rows_without_a_site(tmp_path, on_duckdb):
    rows = random_log(0).assign(site=lambda f: f["site"].where(f["site"] == 1, -1))
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        for view in VIEWS:
            assert_same(log, rows, tmp_path, dosing.settings(7, view=view))


def test_a_log_out_of_order_gives_the_same(tmp_path, on_duckdb):
    rows, definitions = random_log(2), dosing.settings(7)
    mixed = tmp_path / "mixed.parquet"
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        calendar = dosing.calendar_of(rows, tmp_path, definitions)
        first = log.spells(definitions, calendar, None)
        log.backend.raw_sql(f"COPY (SELECT * FROM '{tmp_path}/doses.parquet' ORDER BY hash(day, client)) TO '{mixed}'")
    with on_duckdb(mixed) as log:
        pd.testing.assert_frame_equal(first, log.spells(definitions, calendar, None))


def test_nothing_stays_behind(tmp_path, on_duckdb):
    """A session asks for many gaps: what was stored for one is gone before the next."""
    rows, definitions = random_log(3), dosing.settings(7, view="programme")
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        stored = "SELECT count(*) FROM duckdb_tables()"
        log.spells(definitions, dosing.calendar_of(rows, tmp_path, definitions), random_exits(3))
        assert log.backend.con.execute(stored).fetchone() == (0,)


# What the calendar asks of an engine


@pytest.mark.parametrize("seed", range(3))
def test_site_days(tmp_path, on_duckdb, seed):
    rows, cut = random_log(seed), dosing.absolute(CUT)
    counted = rows[rows["day"] <= cut].groupby(["site", "day"]).size().reset_index(name="n")
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        site, day, n = log.site_days(cut)
        assert log.last_day() == rows["day"].max()
    assert [*zip(site, day, n, strict=True)] == [*counted.itertuples(index=False, name=None)]


def test_clients_before_a_run(tmp_path, on_duckdb):
    rows = random_log(1)
    starts = [(site, min(days)) for site, days in missing_days(rows, int(rows["day"].max())).items() if days]
    site, start = (np.array(values) for values in zip(*[*starts, (0, dosing.absolute(1))], strict=True))
    expected = [
        rows[(rows["site"] == at) & rows["day"].between(first - 7, first - 1)]["client"].nunique()
        for at, first in zip(site, start, strict=True)
    ]
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        assert list(log.clients_before(site, start)) == expected
    assert max(expected) >= 5 and expected[-1] == 0


def test_doses_that_follow(tmp_path, on_duckdb):
    rows = dosing.drawn("D...D", "D")
    ask = [(0, 1, 3), (0, 1, 4), (0, 5, 30), (1, 1, 30), (7, 1, 30)]
    with on_duckdb(dosing.write(rows, tmp_path)) as log:
        found = [
            bool(log.doses_follow(np.array([who]), np.array([dosing.absolute(day)]), days, dosing.absolute(30))[0])
            for who, day, days in ask
        ]
        cut = log.doses_follow(np.array([0]), np.array([dosing.absolute(1)]), 4, dosing.absolute(4))
    assert found == [False, True, False, False, False]
    assert not cut.any(), "a dose after C is not known"
