"""`d15of90` and `ctn4w` against the plain day-by-day version, on random logs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import dosing
from oracle.plain_rules import plain_ctn4w, plain_d15of90
from oracle.test_episodes_pandas import random_exits

from oatmill.rules import Log, build_by_rule

DAYS = 260


def random_log(seed: int, clients: int = 40) -> pd.DataFrame:
    """Clients who miss one day in five, or none, or stay away for weeks; take-home supply, two sites, lost days."""
    random = np.random.default_rng(seed)
    rows = []
    for client in range(clients):
        day, missing = int(random.integers(1, 80)), random.choice([0.02, 0.12, 0.2, 0.3])
        site, last = int(random.integers(0, 2)), int(random.integers(60, DAYS))
        while day <= last:
            if random.random() > missing:
                home = int(random.integers(1, 9)) if random.random() < 0.05 else 0
                rows.append((client, dosing.absolute(day), 600, site, 0, home))
            day += int(random.integers(2, 25)) if random.random() < 0.02 else 1
            site = 1 - site if random.random() < 0.01 else site
    log = pd.DataFrame(rows, columns=dosing.COLUMNS)
    lost = {dosing.absolute(day) for start in random.integers(60, DAYS - 20, 2) for day in range(start, start + 9)}
    log = log[~(log["day"].isin(lost) & (log["site"] == 0))]
    return log[~((log["day"] > dosing.absolute(DAYS - 12)) & (log["site"] == 1))] if seed % 2 else log


def log_of(log: pd.DataFrame, folder, exits=None, tests=None) -> Log:
    definitions = dosing.settings(30, DAYS - 5)
    calendar = dosing.calendar_of(log, folder, definitions)
    return Log(folder / "doses.parquet", definitions, calendar, None, exits, tests)


def in_rows(frame: pd.DataFrame) -> list[tuple]:
    known = frame["known_day"].astype(object).where(~frame["open"], None)
    return list(zip(frame["start_day"], frame["end_day"], frame["open"], known, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_d15of90(tmp_path, seed):
    log, exits = random_log(seed), random_exits(seed)
    found = build_by_rule("d15of90", log_of(log, tmp_path, exits))
    expected = plain_d15of90(log, exits, dosing.absolute(DAYS - 5))
    assert {client: in_rows(rows) for client, rows in found.groupby("client")} == expected


def test_the_random_logs_hold_what_they_should(tmp_path):
    """Episodes that end without 16 days in a row, fresh counts, open episodes, missing log inside and at the end."""
    few, several, still, lost, earlier = 0, 0, 0, 0, 0
    for seed in range(8):
        log = log_of(random_log(seed), tmp_path, random_exits(seed))
        found = build_by_rule("d15of90", log)
        few += (~found["open"] & (found["known_day"] - found["end_day"] < 16)).sum()
        several += (found["episode"] > 2).sum()
        still += found["open"].sum()
        lost += len(log.calendar.run_site)
        earlier += (log.calendar.cut_day < log.calendar.data_cut).sum()
    assert min(few, several) > 100
    assert still > 25
    assert (lost, earlier) >= (8, 4)


@pytest.mark.parametrize("seed", range(4))
def test_an_episode_is_open_only_when_its_last_day_is_later_than_the_analysis_day(tmp_path, seed):
    found = build_by_rule("d15of90", log_of(random_log(seed), tmp_path))
    assert (found["end_day"] > found["analysis_day"])[found["open"]].all()
    # the reverse of a plain gap: an end after A may be known, and is censored with the others by the cohort
    assert (found["known_day"] <= found["cut_day"])[~found["open"]].all()


def test_clients_do_not_matter_to_each_other(tmp_path):
    """As with a log that is read in several chunks."""
    rows, exits = random_log(1), random_exits(1)
    whole = log_of(rows, tmp_path, exits)
    parts = []
    for half in (0, 1):
        path = dosing.write(rows[rows["client"] % 2 == half], tmp_path / str(half))
        parts.append(build_by_rule("d15of90", replace(whole, doses=path)))
    expected = pd.concat(parts).sort_values(["client", "episode"], ignore_index=True)
    pd.testing.assert_frame_equal(build_by_rule("d15of90", whole), expected)


@pytest.mark.parametrize("seed", range(4))
def test_a_gap_of_16_days_never_makes_more_episodes(tmp_path, seed):
    log = log_of(random_log(seed), tmp_path)
    narrow, wide = build_by_rule("d15of90", log), log.episodes(16)
    count, whole = narrow.groupby("client").size(), wide.groupby("client").size()
    assert (count >= whole).all()
    assert count.sum() > whole.sum()
    first, last = narrow.groupby("client")["start_day"].min(), narrow.groupby("client")["end_day"].max()
    pd.testing.assert_series_equal(first, wide.groupby("client")["start_day"].min())
    pd.testing.assert_series_equal(last, wide.groupby("client")["end_day"].max())


@pytest.mark.parametrize("seed", range(8))
def test_ctn4w(tmp_path, seed):
    log, random = random_log(seed), np.random.default_rng(seed)
    apart = random.choice([7, 14, 20], len(log["client"].unique()))
    rows = [
        (client, int(day))
        for client, step in enumerate(apart)
        for day in range(dosing.absolute(1) + client % 7, dosing.absolute(DAYS + 20), step)
        if random.random() < 0.6
    ]
    samples = pd.DataFrame(rows, columns=["client", "day"]).assign(test="Urine drug screen", result="negative")
    found = build_by_rule("ctn4w", log_of(log, tmp_path, tests=samples))
    expected = plain_ctn4w(log, samples, dosing.absolute(DAYS - 5))
    assert {row.client: line for row, line in zip(found.itertuples(), in_rows(found), strict=True)} == expected
    assert 5 < found["open"].sum() < len(found) - 5


def test_other_tests_are_no_samples(tmp_path):
    from oatmill.errors import NotSupported

    log = log_of(random_log(0), tmp_path)
    with pytest.raises(NotSupported, match="no table of tests"):
        build_by_rule("ctn4w", log)
    tests = pd.DataFrame({"client": [0, 0], "day": [dosing.absolute(80), dosing.absolute(85)], "test": "HIV"})
    with pytest.raises(NotSupported, match="No test is named urine"):
        build_by_rule("ctn4w", replace(log, tests=tests))
    monthly = pd.DataFrame({"client": 0, "day": dosing.absolute(1) + 30 * np.arange(9), "test": "urine"})
    with pytest.raises(NotSupported, match="Most samples follow the one before after more than 28 days"):
        build_by_rule("ctn4w", replace(log, tests=monthly))
