"""The machinery around the dose window: pieces, order, empty input. The window itself is drawn in tests/spec."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from helpers import dosing

from oatmill.intervals import build_intervals


@pytest.fixture
def log():
    rng = np.random.default_rng(3)
    lines = ["".join(rng.choice(["D", "2", "."], p=[0.6, 0.1, 0.3], size=80)) for _ in range(12)]
    return dosing.drawn(*lines).assign(dose_dmg=lambda f: rng.integers(10, 1200, len(f)))


@pytest.fixture
def stays():
    first = [dosing.absolute(1)] * 12
    later = [dosing.absolute(50)] * 3
    return pd.DataFrame(
        {
            "client": [*range(12), 1, 4, 7],
            "episode": [1] * 12 + [2] * 3,
            "start_day": first + later,
            "time": [40, 41, 20, 5, 42, 49, 48, 47, 1, 30, 30, 30, 25, 31, 20],
            "event": [6, 1, 0, 6, 2, 3, 0, 0, 6, 5, 4, 6, 0, 6, 1],
        }
    )


def build(log, stays, folder, **more):
    folder.mkdir(exist_ok=True)
    to = folder / "intervals.parquet"
    build_intervals(dosing.write(log, folder), stays, definitions=dosing.settings(7), lag_days=3, to=to, **more)
    return duckdb.sql(f"SELECT * FROM '{to}'").df()


def test_pieces_change_nothing(log, stays, tmp_path):
    whole = build(log, stays, tmp_path / "whole")
    for size in (1, 50, 200):
        pd.testing.assert_frame_equal(whole, build(log, stays, tmp_path / str(size), days_at_once=size))


def test_the_order_of_the_episodes_is_irrelevant_and_the_result_is_sorted(log, stays, tmp_path):
    whole = build(log, stays, tmp_path / "whole")
    pd.testing.assert_frame_equal(whole, build(log, stays.sample(frac=1, random_state=2), tmp_path / "other"))
    assert whole[["client", "episode", "start"]].apply(tuple, axis=1).is_monotonic_increasing


def test_intervals_cover_the_days_at_risk_once_and_hold_every_event(log, stays, tmp_path):
    found = build(log, stays, tmp_path / "whole").groupby(["client", "episode"])
    expected = stays[stays["time"] >= 10].set_index(["client", "episode"]).sort_index()
    assert (found["start"].min() == 9).all()  # first day at risk: 3 + 7
    assert found["stop"].max().to_dict() == expected["time"].to_dict()
    assert (found["stop"].sum() - found["start"].sum()).to_dict() == (expected["time"] - 9).to_dict()
    assert found["event"].last().to_dict() == expected["event"].to_dict()
    assert (found["event"].apply(lambda e: (e.iloc[:-1] == 0).all())).all()


@pytest.mark.parametrize("rows", [slice(0, 0), slice(3, 4)])
def test_nobody_at_risk(log, stays, tmp_path, rows):
    found = build(log, stays.iloc[rows], tmp_path / "none")
    assert found.empty
    assert list(found) == ["client", "episode", "start", "stop", "dose_mg", "carried", "event"]


def test_types(log, stays, tmp_path):
    build(log, stays, tmp_path / "whole")
    types = duckdb.sql(f"DESCRIBE SELECT * FROM '{tmp_path / 'whole' / 'intervals.parquet'}'").df()
    assert types["column_type"].tolist() == ["INTEGER"] * 4 + ["DOUBLE", "BOOLEAN", "TINYINT"]
    assert [path.name for path in (tmp_path / "whole").iterdir() if path.name.startswith(".")] == []
