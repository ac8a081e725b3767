"""Chapters 10 and 20: counts by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from oatmill.cohort import Cohort, Step
from oatmill.describe import (
    age_bands,
    estimate_attrition,
    estimate_characteristics,
    estimate_episodes_per_client,
    estimate_mean_age,
    estimate_starters_by_quarter,
)
from oatmill.intake import Intake
from oatmill.quality import (
    estimate_checks,
    estimate_dose_distribution,
    estimate_ledger,
    estimate_missing,
    estimate_site_months,
)


@pytest.fixture
def cohort() -> Cohort:
    """Four starters: two from the first quarter of 1970, two from the second; one without a sex."""
    frame = pd.DataFrame({"client": range(4), "start_day": [0, 89, 90, 100], "sex": ["male", "male", "female", None]})
    frame["age"] = [24.0, 25.0, 61.0, None]
    return Cohort(frame, (Step("clients", 6, 0, "Clients"), Step("starters", 4, 2, "Prevalent")))


def test_attrition_keeps_the_order_and_what_each_step_left_out(cohort: Cohort) -> None:
    frame = estimate_attrition(cohort).frame
    assert frame[["period", "estimate", "events"]].to_numpy().tolist() == [["00", 6, 0], ["01", 4, 2]]


def test_starters_are_counted_by_the_quarter_of_their_first_day(cohort: Cohort) -> None:
    frame = estimate_starters_by_quarter(cohort).frame
    assert dict(zip(frame["period"], frame["estimate"], strict=True)) == {"1970Q1": 2, "1970Q2": 2}


def test_a_client_without_a_value_is_counted_as_missing(cohort: Cohort) -> None:
    frame = estimate_characteristics(cohort, ["sex", "age"]).frame
    found = {(row["group"], row["level"]): row["events"] for row in frame.to_dict("records")}
    assert found[("sex", "missing")] == 1
    assert [level for group, level in found if group == "age"] == ["<25", "25-29", "60+", "missing"]
    assert sum(count for (group, _level), count in found.items() if group == "age") == 4


@pytest.mark.parametrize(("age", "band"), [(24.9, "<25"), (25, "25-29"), (29.9, "25-29"), (59, "55-59"), (60, "60+")])
def test_both_sides_of_the_edges_of_age_bands(age: float, band: str) -> None:
    assert age_bands(pd.Series([age])).tolist() == [band]


def test_mean_age_of_those_whose_age_is_known(cohort: Cohort) -> None:
    row = estimate_mean_age(cohort).frame.iloc[0]
    assert (row["estimate"], row["n"]) == (pytest.approx((24 + 25 + 61) / 3), 3)


def test_episodes_per_client_pool_five_and_more() -> None:
    episodes = pd.DataFrame({"client": [1, 1, 2, *[3] * 7], "episode": [1, 2, 1, *range(1, 8)]})
    frame = estimate_episodes_per_client(episodes).frame
    assert dict(zip(frame["level"], frame["estimate"], strict=True)) == {"1": 1, "2": 1, "5": 1}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two clients, January and February 1970; one client-day with two rows; a dose of 59.9 and one of 60.0 mg."""
    path = tmp_path / "doses.parquet"
    rows = "(0, 0, 599, 0, 0, 0), (0, 0, 100, 1, 0, 0), (1, 31, 600, 0, 0, 0), (1, 32, NULL, 0, 0, 0)"
    duckdb.sql(
        f"COPY (SELECT * FROM (VALUES {rows}) t(client, day, dose_dmg, site, medication, take_home_days)) "
        f"TO '{path.as_posix()}' (FORMAT parquet)"
    )
    return path


def test_site_months_count_client_days_and_the_clients_behind_them(log: Path) -> None:
    frame = estimate_site_months(log, ("a", "b")).frame
    found = {(row["level"], row["period"]): (row["estimate"], row["n"]) for row in frame.to_dict("records")}
    assert found == {("a", "1970-01"): (1, 1), ("a", "1970-02"): (2, 1), ("b", "1970-01"): (1, 1)}


def test_dose_bands_are_closed_below_and_open_above(log: Path) -> None:
    frame = estimate_dose_distribution(log, 5).frame
    found = dict(zip(frame["term"], frame["estimate"], strict=True))
    assert found == {"10": 1, "55": 1, "60": 1}
    assert set(frame["level"]) == {"methadone"}


def test_ledger_checks_and_missing_values() -> None:
    ledger = pd.DataFrame(
        [("doses", "d.csv", 10, 8, 2)], columns=["table", "file", "rows_read", "rows_kept", "rows_quarantined"]
    )
    checks = pd.DataFrame(
        [("doses", "copy", "quarantine", "a copy", 2)], columns=["table", "check", "severity", "rule", "count"]
    )
    clients = pd.DataFrame({"client": [0, 1], "sex": ["male", None]})
    intake = Intake({"clients": clients}, None, (), ledger, checks, {})
    found = estimate_ledger(intake).frame.set_index("estimand")["estimate"]
    assert found["rows_read"] == found["rows_kept"] + found["rows_quarantined"] == 10
    assert estimate_checks(intake).frame.iloc[0][["term", "estimate"]].tolist() == ["a copy", 2]
    assert estimate_missing(intake).frame[["level", "events", "n"]].to_numpy().tolist() == [["sex", 1, 2]]
