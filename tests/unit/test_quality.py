"""Chapter 10: counts by hand, and what they mean for later chapters."""

from __future__ import annotations

import html
import re
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from oatmill.disclosure import release
from oatmill.episodes import SiteCalendar
from oatmill.intake import Intake
from oatmill.quality import (
    estimate_checks,
    estimate_dose_distribution,
    estimate_ledger,
    estimate_missing,
    estimate_missing_logs,
)
from oatmill.tables import Table
from oatmill.tables.consequences import table_consequences
from oatmill.tables.quality import table_checks, table_duplicates, table_missing


def intake(
    checks: list[tuple], ledger: list[tuple] = (("doses", "d.csv", 100, 98, 2),), **tables: pd.DataFrame
) -> Intake:  # type: ignore[assignment]
    return Intake(
        tables, None, (),
        pd.DataFrame(ledger, columns=["table", "file", "rows_read", "rows_kept", "rows_quarantined"]).assign(lines_skipped=3),
        pd.DataFrame(checks, columns=["table", "check", "severity", "rule", "count"]), {},
    )  # fmt: skip


def words(table: Table) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", table.html, flags=re.S)))


def test_a_table_of_two_files_is_their_sum() -> None:
    files = [("doses", "a.csv", 10, 8, 2), ("doses", "b.csv", 5, 5, 0), ("exits", "e.csv", 3, 3, 0)]
    result = estimate_ledger(intake([], files))
    found = result.frame.set_index(["level", "term", "estimand"])["estimate"]
    assert found["doses", "", "rows_read"] == 15
    assert found["doses", "a.csv", "rows_quarantined"] == 2
    assert ("exits", "e.csv", "rows_read") not in found.index, "the table is its only file"
    for left, right in result.sums:
        assert sum(result.frame.at[p] for p in left) == sum(result.frame.at[p] for p in right)
    assert len(result.sums) == 4 + 4  # a balance of each table and file; four measures of the table with two files
    assert found["doses", "", "lines_skipped"] == 6


def test_files_of_a_table_are_named_without_the_place_where_they_all_are() -> None:
    files = [("doses", f"/srv/clinic/{name}", 5, 5, 0) for name in ("north/01.csv", "south/01.csv")]
    terms = dict.fromkeys(estimate_ledger(intake([], files)).frame["term"])
    assert list(terms) == ["", "north/01.csv", "south/01.csv"]
    mixed = [("doses", "/srv/clinic/01.csv", 5, 5, 0), ("doses", "logs/02.csv", 5, 5, 0)]
    assert "/srv" not in "".join(estimate_ledger(intake([], mixed)).frame["term"])


def test_missing_values_of_every_table_about_clients() -> None:
    clients = pd.DataFrame({"client": [0, 1], "sex": ["male", None], "birth_date_day": [None, None]})
    exits = pd.DataFrame({"client": [0, 1], "day": [1, 2], "reason": [None, "death"], "destination_site": [None, None]})
    sites = pd.DataFrame({"site_id": ["a"], "area": [None]})
    frame = estimate_missing(intake([], clients=clients, exits=exits, sites=sites)).frame
    found = {(row["population"], row["level"]): (row["events"], row["n"]) for row in frame.to_dict("records")}
    assert found == {
        ("clients in the clients table", "sex"): (1, 2),
        ("clients in the clients table", "birth_date"): (2, 2),
        ("rows of exits", "reason"): (1, 2),
    }, "where nobody moved to another site nothing is missing; rows of sites are no clients"


def calendar(runs: list[tuple[int, int, int]], cut: int = 1000, site_cut: int | None = None) -> SiteCalendar:
    """Two sites with these runs of missing log (site, first and last day); the second may end early."""
    site, start, end = np.array(runs or np.zeros((0, 3)), int).T
    ends = np.array([cut, cut if site_cut is None else site_cut, cut])
    ever = np.zeros(3, int)
    return SiteCalendar(("a", "b"), cut, ever, ends, ends, ever, site, start, end)


def test_missing_logs_are_counted_by_site_and_month() -> None:
    """Site a: 30 January to 2 February 1970 (days 29 to 32); site b: the last three days up to the cut, day 60."""
    result = estimate_missing_logs(calendar([(0, 29, 32)], cut=60, site_cut=57))
    found = {(row["level"], row["period"]): row["estimate"] for row in result.frame.to_dict("records")}
    assert found == {
        ("a", "1970-01"): 2,
        ("a", "1970-02"): 2,
        ("a", ""): 4,
        ("b", "1970-02"): 1,
        ("b", "1970-03"): 2,
        ("b", ""): 3,
    }
    for left, right in result.sums:
        assert sum(result.frame.at[p] for p in left) == sum(result.frame.at[p] for p in right)


def test_no_missing_log_is_no_row_and_can_be_released() -> None:
    result = estimate_missing_logs(calendar([]))
    assert len(release(result, "midpoint6").frame) == 0


def test_doses_above_the_plausible_range_are_one_class(tmp_path: Path) -> None:
    """500.0 mg is plausible, 500.1 and 9000 mg are not; nothing tells how far above they lie."""
    rows = ", ".join(f"({client}, 0, {dose}, 0, 0, 0)" for client, dose in enumerate([599, 600, 5000, 5001, 90000]))
    path = tmp_path / "doses.parquet"
    columns = "client, day, dose_dmg, site, medication, take_home_days"
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) t({columns})) TO '{path.as_posix()}' (FORMAT parquet)")
    frame = estimate_dose_distribution(path, 5, fewest=1).frame
    assert dict(zip(frame["term"], frame["estimate"], strict=True)) == {"55": 1, "60": 1, "500+": 1, ">500": 2}


@pytest.mark.parametrize(
    ("fewest", "bands"),
    [
        (1, {"50": 3, "60": 3, "70": 1, "80+": 1}),
        (2, {"50": 3, "60": 3, "70+": 2}),
        (3, {"50": 3, "60+": 5}),
        (9, {"0+": 8}),  # never so many
    ],
)
def test_the_last_dose_band_is_wide_enough_for_several_clients(tmp_path: Path, fewest: int, bands: dict) -> None:
    """Clients 0 to 2 have 50 and 60 mg on two days, client 1 once 70, client 2 once 80 mg."""
    doses = [(client, day, mg) for client in range(3) for day, mg in enumerate([500, 600])] + [(1, 2, 700), (2, 2, 809)]
    rows = ", ".join(f"({client}, {day}, {dose}, 0, 0, 0)" for client, day, dose in doses)
    path = tmp_path / "doses.parquet"
    columns = "client, day, dose_dmg, site, medication, take_home_days"
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) t({columns})) TO '{path.as_posix()}' (FORMAT parquet)")
    frame = estimate_dose_distribution(path, 10, fewest=fewest).frame
    assert dict(zip(frame["term"], frame["estimate"], strict=True)) == bands


CHECKS = [
    ("doses", "duplicate", "quarantine", "a copy", 20),
    ("doses", "day_summed", "warn", "several rows", 40),
    ("doses", "dose_blank", "warn", "the dose is blank", 49),
    ("doses", "site_blank", "warn", "the site is blank", 0),
    ("exits", "duplicate", "quarantine", "a copy", 0),
    ("exits", "reason_blank", "warn", "the reason is blank", 9),
    ("doses", "new_check", "warn", "a check that nobody foresaw", 7),
]


@pytest.fixture
def checks():
    return release(estimate_checks(intake(CHECKS)), "none")


def test_checks_say_what_was_done(checks) -> None:
    text = words(table_checks(checks))
    assert "set aside with its reason" in text
    assert "a check that nobody foresaw" in text
    assert "2 other checks found nothing" in text


def test_duplicates_name_the_tables_without_any(checks) -> None:
    text = words(table_duplicates(checks))
    assert "Client-days with several different rows: their doses are added 40" in text
    assert "No row repeats another in: exits" in text


def test_blank_cells_of_the_log_come_from_its_checks(checks) -> None:
    """49 of 98 kept rows have a blank dose."""
    ledger = release(estimate_ledger(intake(CHECKS)), "none")
    assert "Dose 49 50.0%" in words(table_missing(None, checks, ledger))


def test_only_what_was_found_has_consequences(checks) -> None:
    logs = release(estimate_missing_logs(calendar([(0, 29, 32)])), "none")
    clients = pd.DataFrame({"client": range(40), "sex": ["male"] * 20 + [None] * 20, "hcv": [None] * 40})
    missing = release(estimate_missing(intake(CHECKS, clients=clients)), "none")
    text = words(table_consequences(checks, missing, logs, ["sex", "age"]))
    assert "Missing log: 4 days at 1 site " in text
    assert "Such an exit counts as a dropout" in text
    assert "Sex: not known for 50.0% of clients" in text
    assert "may be better left out" in text
    assert "Hepatitis C" not in text, "no covariate of this study"
    assert "belong to no site" not in text, "no blank site was found"


def test_nothing_found_says_so() -> None:
    none = release(estimate_checks(intake([("doses", "duplicate", "quarantine", "a copy", 0)])), "none")
    assert "Nothing was found that touches a later chapter" in words(table_consequences(none, None, None, []))
