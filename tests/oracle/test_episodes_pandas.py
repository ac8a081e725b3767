"""Episodes and the dose window against the plain day-by-day version, on random logs and on a real trial."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from helpers import dosing
from oracle import plain_episodes as plain

from oatmill.cohort import build_cohort
from oatmill.definitions import GAP_GRID
from oatmill.intervals import build_intervals
from oatmill.schema import EXIT_REASONS

SAME = ["client", "episode", "start_day", "end_day", "dosed_days", "missed_days", "missing_log_days", "open"]
MG = ["first_dose_mg", "mean_dose_mg", "last_dose_mg", "max_dose_mg"]


def random_log(seed: int, clients: int = 40, days: int = 150) -> pd.DataFrame:
    """Clients with runs of doses and of absence, take-home supply, two sites, two medications, blank doses, lost days."""
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(clients):
        day, site, present = int(rng.integers(1, 60)), int(rng.integers(0, 2)), True
        while day < days:
            if present and rng.random() < 0.85:
                home = int(rng.integers(1, 12)) if rng.random() < 0.1 else 0
                drug = int(rng.random() < 0.05)
                where = 1 - site if rng.random() < 0.05 else site
                dose = None if rng.random() < 0.03 else int(rng.integers(50, 1200))
                rows.append((client, dosing.absolute(day), dose, where, drug, home))
            if rng.random() < 0.06:
                present = not present
            if rng.random() < 0.01:
                site = 1 - site
            day += int(rng.integers(1, 5)) if rng.random() < 0.1 else 1
    log = pd.DataFrame(rows, columns=dosing.COLUMNS)
    lost = {dosing.absolute(day) for start in rng.integers(20, days, 2) for day in range(start, start + 6)}
    kept = log[~(log["day"].isin(lost) & (log["site"] == 0))]
    return kept.drop_duplicates(["client", "day", "site", "medication"]).reset_index(drop=True)


def random_exits(seed: int, clients: int = 42, n: int = 60, days: int = 155) -> pd.DataFrame:
    rng = np.random.default_rng(seed + 1000)
    reasons = rng.choice(EXIT_REASONS[:5], n)
    return dosing.records(*zip(rng.integers(0, clients, n), rng.integers(1, days, n), reasons, strict=True))


def agree(fast: pd.DataFrame, slow: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(fast[SAME], slow[SAME], check_dtype=False)
    for name in ("exit_reason", "exit_day", "known_day"):
        left = fast[name].astype(object).where(fast[name].notna(), None).tolist()
        right = slow[name].astype(object).where(slow[name].notna(), None).tolist()
        assert left == right, name
    for name in MG:
        np.testing.assert_allclose(fast[name], slow[name].astype(float), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("view", ["any_oat", "programme"])
@pytest.mark.parametrize("gap", [1, 3, 7, 8, 14, 30])
@pytest.mark.parametrize("seed", range(4))
def test_random_logs(tmp_path, seed, gap, view):
    log, exits, cut = random_log(seed), random_exits(seed), 140 if seed % 2 else None
    closing = (5, 6) if seed == 3 else ()
    definitions = dosing.settings(gap, cut, view=view, closing_weekdays=closing, exit_link_days=20)
    fast = dosing.built(log, tmp_path, definitions, exits=exits)
    slow = plain.plain_episodes(
        log, gap, exits=exits, cut=cut and dosing.absolute(cut), link=20, view=view, closing=closing
    )
    agree(fast, slow)


def test_the_random_logs_hold_what_they_should():
    """Otherwise the comparison above would prove little."""
    found = pd.concat(plain.plain_episodes(random_log(seed), 7, exits=random_exits(seed), link=20) for seed in range(4))
    assert found["open"].sum() >= 20
    assert found["missing_log_days"].sum() >= 40
    assert found["episode"].max() >= 3
    assert set(found["exit_reason"].dropna()) == set(EXIT_REASONS)


@pytest.mark.parametrize(
    "more", [{}, {"follow_up_days": 35}, {"follow_up_days": 35, "look_ahead": True}], ids=["cut", "window", "ahead"]
)
@pytest.mark.parametrize("gap", [1, 5, 7, 30])
@pytest.mark.parametrize("cut", [45, 90, 150])
def test_time_and_event(tmp_path, cut, gap, more):
    # parts of four clients each, so that no log counts as missing; C is one day for all
    for seed in range(3):
        log = random_log(seed, clients=4)
        log = log[log["day"] <= dosing.absolute(cut)]
        definitions = dosing.settings(gap, cut, **more)
        episodes = dosing.built(log, tmp_path, definitions)
        frame = build_cohort(episodes, None, definitions, dosing.calendar_of(log, tmp_path, definitions)).frame
        found = {row.client: (row.time, row.event > 0) for row in frame.itertuples()}
        for client, rows in log.groupby("client"):
            covered = set(plain.cover(rows.sort_values(["day", "site", "medication"]), [], dosing.absolute(cut)))
            window, ahead = more.get("follow_up_days"), more.get("look_ahead", False)
            assert found.get(client) == plain.plain_outcome(covered, dosing.absolute(cut), gap, window, ahead)


def exposures(path) -> dict[tuple[int, int], tuple]:
    rows = duckdb.sql(f"SELECT client, start, stop, dose_mg, carried FROM '{path}'").fetchall()
    return {(who, day): (mg, carried) for who, a, b, mg, carried in rows for day in range(a + 1, b + 1)}


@pytest.mark.parametrize("lag", [0, 3, 14])
@pytest.mark.parametrize("seed", range(3))
def test_dose_window(tmp_path, seed, lag):
    log, exits = random_log(seed), random_exits(seed)
    definitions = dosing.settings(7)
    episodes = dosing.built(log, tmp_path, definitions, exits=exits)
    # up to 10 days past the last covered day: the window then runs over dose-free days
    stays = episodes[episodes["episode"] == 1].assign(time=lambda f: f["days"] + 5, event=0)
    path = build_intervals(
        tmp_path / "doses.parquet",
        stays,
        definitions=definitions,
        lag_days=lag,
        exits=exits,
        to=tmp_path / "intervals.parquet",
    )
    expected = {}
    for stay in stays.itertuples():
        rows = log[log["client"] == stay.client].sort_values(["day", "site", "medication"])
        known = exits[exits["client"] == stay.client]
        doses = plain.cover(rows, list(zip(known["day"], known["reason"], strict=True)), cut=10**6)
        found = plain.plain_exposure(doses, stay.start_day, stay.time, lag)
        expected |= {(stay.client, day): value for day, value in found.items()}
    assert_same_exposure(exposures(path), expected)
    assert lag == 14 or any(carried for _mg, carried in expected.values())


def assert_same_exposure(fast: dict, slow: dict) -> None:
    assert fast.keys() == slow.keys()
    assert [fast[key][1] for key in slow] == [carried for _mg, carried in slow.values()]
    left = np.array([fast[key][0] for key in slow], dtype=float)
    np.testing.assert_allclose(left, np.array([mg for mg, _carried in slow.values()], dtype=float), rtol=1e-12)


@pytest.fixture(scope="module")
def trial(realdata) -> pd.DataFrame:
    """Observed daily doses of CTN-0030 as the intake would hand them on."""
    table = pd.read_csv(realdata / "ctn0030" / "doses.csv", parse_dates=["date"]).dropna(subset=["dose_mg"])
    table = table[table["dose_mg"] > 0].drop_duplicates()
    days = (table["date"] - pd.Timestamp("1970-01-01")).dt.days
    log = pd.DataFrame(
        {
            "client": pd.factorize(table["client_id"], sort=True)[0],
            "day": days,
            "dose_dmg": (table["dose_mg"] * 10).round().astype(int),
            "site": -1,
            "medication": dosing.METHADONE,
            "take_home_days": 0,
        }
    )
    return log.groupby(["client", "day", "site", "medication", "take_home_days"], as_index=False)["dose_dmg"].sum()


@pytest.mark.realdata
@pytest.mark.parametrize("gap", GAP_GRID)
def test_real_trial(tmp_path, trial, gap):
    log = trial[dosing.COLUMNS]
    agree(dosing.built(log, tmp_path, dosing.settings(gap)), plain.plain_episodes(log, gap))


@pytest.mark.realdata
def test_real_trial_dose_window(tmp_path, trial):
    log = trial[dosing.COLUMNS]
    definitions = dosing.settings(30)
    episodes = dosing.built(log, tmp_path, definitions)
    stays = episodes[episodes["episode"] == 1].assign(time=lambda f: f["days"], event=6)
    path = build_intervals(
        tmp_path / "doses.parquet", stays, definitions=definitions, to=tmp_path / "intervals.parquet"
    )
    expected = {}
    for stay in stays.itertuples():
        doses = plain.cover(log[log["client"] == stay.client], [], cut=10**6)
        found = plain.plain_exposure(doses, stay.start_day, stay.time, 14)
        expected |= {(stay.client, day): value for day, value in found.items()}
    assert_same_exposure(exposures(path), expected)
