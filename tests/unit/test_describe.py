"""Chapters 10 and 20: counts by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from oatmill.cohort import Cohort, Step, add_groups, choose_group
from oatmill.describe import (
    age_bands,
    estimate_age_and_sex,
    estimate_attrition,
    estimate_characteristics,
    estimate_differences,
    estimate_episodes_per_client,
    estimate_first_return,
    estimate_mean_age,
    estimate_starters_by_quarter,
    estimate_starters_by_site,
    estimate_table_one,
    smd_of_counts,
)
from oatmill.disclosure import release
from oatmill.errors import NotSupported
from oatmill.intake import Intake
from oatmill.quality import (
    estimate_checks,
    estimate_dose_distribution,
    estimate_ledger,
    estimate_missing,
    estimate_site_months,
)
from oatmill.tables.describe import table_one


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


def sums_hold(result) -> bool:
    """Whether the counts of a Result add up as it says they do."""
    totals = [[sum(result.frame.at[place] for place in side) for side in each] for each in result.sums]
    return bool(totals) and all(left == right for left, right in totals)


def test_clients_by_age_and_sex_have_both_margins(cohort: Cohort) -> None:
    result = estimate_age_and_sex(cohort)
    cells = result.frame[result.frame["group"] == "age, sex"].set_index(["level", "term"])["estimate"]
    assert cells["<25", "male"] == cells["25-29", "male"] == cells["60+", "female"] == cells["missing", "missing"] == 1
    assert cells.sum() == 4
    assert result.frame.loc[result.frame["group"] == "sex", "estimate"].tolist() == [1, 2, 1]  # female, male, not known
    assert sums_hold(result)


def test_the_same_clients_have_one_key_whichever_column_comes_first(cohort: Cohort) -> None:
    by_sex, by_age = (estimate_table_one(cohort, ["sex", "age"], by).frame for by in ("sex", "age"))
    columns = ["group", "level", "term", "estimate"]
    assert sorted(by_sex[columns].itertuples(index=False)) == sorted(by_age[columns].itertuples(index=False))


def spread(sites: int, per_site: int, days: int) -> Cohort:
    """Clients who came to each site at even distances over so many days from 1 January 1970."""
    rows = [(site, day) for site in range(sites) for day in np.linspace(0, days, per_site).astype(int)]
    frame = pd.DataFrame(rows, columns=["site", "start_day"]).assign(client=range(len(rows)))
    return Cohort(frame, (Step("clients", len(rows), 0, "Clients"),))


@pytest.mark.parametrize(
    ("per_site", "period"),
    [(24 * 12, "1970-02"), (24 * 12 - 1, "1970Q1"), (8 * 12, "1970Q1"), (8 * 12 - 1, "1970")],
)
def test_starters_by_site_use_the_shortest_period_with_twelve_a_site(per_site: int, period: str) -> None:
    """Two years are 24 months and 8 quarters."""
    result = estimate_starters_by_site(spread(3, per_site, 729))
    assert period in set(result.frame.loc[result.frame["group"] == "site", "period"])
    assert sums_hold(result)


def test_starters_by_site_with_an_unknown_site() -> None:
    cohort = spread(2, 3, 10)
    cohort.frame.loc[0, "site"] = np.nan
    frame = estimate_starters_by_site(cohort).frame
    assert frame[(frame["period"] == "") & (frame["group"] == "site")]["estimate"].tolist() == [2, 3, 1]


def test_mean_age_in_groups_leaves_out_a_group_of_one(cohort: Cohort) -> None:
    """Two men, 24 and 25; one woman, who would be shown with her age."""
    frame = estimate_mean_age(cohort, "sex").frame
    assert frame["level"].tolist() == ["male", "male"]
    assert frame["estimate"].tolist() == [24.5, pytest.approx(np.sqrt(0.5))]
    assert frame["population"].unique().tolist() == ["starters whose age is known (sex: male)"]


def test_differences_by_hand() -> None:
    """Of 10 women 2 inject and of 10 men 5; mean ages 30 and 34, variances 20/3 and 0."""
    frame = pd.DataFrame({"client": range(20), "sex": ["female"] * 10 + ["male"] * 10})
    frame["injecting"] = ["yes"] * 2 + ["no"] * 8 + ["yes"] * 5 + ["no"] * 5
    frame["age"] = [27.0, 30, 33, 30, 27, 30, 33, 30, 27, 33, *[34.0] * 10]
    cohort = Cohort(frame, (Step("clients", 20, 0, "Clients"),))
    counts = release(estimate_table_one(cohort, ["age", "injecting"], "sex"), "none")
    ages = release(estimate_mean_age(cohort, "sex"), "none")
    found = estimate_differences(counts, ages, "sex").frame.set_index("group")["estimate"]
    assert found["injecting"] == pytest.approx(0.3 / np.sqrt((0.2 * 0.8 + 0.5 * 0.5) / 2))
    assert found["age"] == pytest.approx(4 / np.sqrt(6 / 2))  # 6 deviations of 3: 54 / 9 = 6


def test_a_difference_of_withheld_counts_is_withheld() -> None:
    frame = pd.DataFrame({"client": range(60), "sex": ["female"] * 30 + ["male"] * 30})
    frame["hiv"] = ["yes"] * 3 + ["no"] * 27 + ["yes"] * 10 + ["no"] * 20
    cohort = Cohort(frame, (Step("clients", 60, 0, "Clients"),))
    counts = release(estimate_table_one(cohort, ["hiv"], "sex"), "cms11")
    released = release(estimate_differences(counts, None, "sex"), "cms11")
    assert released.frame["status"].tolist() == ["withheld"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([5, 5], [5, 5], 0.0),
        ([5, 5, 0], [5, 5, 0], 0.0),  # a level that nobody has
        ([10, 0], [0, 10], np.nan),  # nothing in common: no spread to measure by
        ([10, 0], [10, 0], 0.0),
        ([0, 0], [4, 6], np.nan),
        ([np.nan, 5], [4, 6], np.nan),
    ],
)
def test_differences_at_the_edges(first: list[float], second: list[float], expected: float) -> None:
    found = smd_of_counts(np.array(first, float), np.array(second, float))
    assert found == pytest.approx(expected, nan_ok=True)


def test_days_away_are_classed_from_end_to_start() -> None:
    """Client 1 stays; 2 is away 90 days, 3 91 and 4 366; only the first return counts."""
    starts = {1: [0], 2: [0, 101], 3: [0, 102, 900], 4: [0, 377]}
    rows = [(c, n, s, s + 10) for c, days in starts.items() for n, s in enumerate(days, start=1)]
    result = estimate_first_return(pd.DataFrame(rows, columns=["client", "episode", "start_day", "end_day"]))
    found = dict(zip(result.frame["level"], result.frame["estimate"], strict=True))
    assert found == {"1": 1, "0-90": 1, "91-180": 1, "181-365": 0, "366+": 1}
    assert sums_hold(result)


def test_groups_of_clients(cohort: Cohort) -> None:
    cohort.frame["site"] = ["S1", "S1", "S2", None]
    episodes = pd.DataFrame({"client": [0, 1, 1, 2], "episode": [1, 1, 2, 1]})
    sites = pd.DataFrame({"site_id": ["S1", "S2"], "area": ["north", "south"]})
    grouped = add_groups(cohort, episodes, sites)
    assert grouped.frame["returned"].tolist() == ["no", "yes", "no", "no"]
    assert grouped.frame["area"].tolist()[:3] == ["north", "north", "south"]
    assert choose_group(grouped, None) == "sex"
    assert choose_group(grouped, "area") == "area"
    with pytest.raises(NotSupported, match="cannot be compared by `age`"):
        choose_group(grouped, "age")


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
    frame = estimate_dose_distribution(log, 5, fewest=1).frame
    found = dict(zip(frame["term"], frame["estimate"], strict=True))
    assert found == {"10": 1, "55": 1, "60+": 1}
    assert set(frame["level"]) == {"methadone"}


def test_ledger_checks_and_missing_values() -> None:
    ledger = pd.DataFrame(
        [("doses", "d.csv", 10, 8, 2, 0)],
        columns=["table", "file", "rows_read", "rows_kept", "rows_quarantined", "lines_skipped"],
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


def test_table_one_shows_the_largest_groups_and_compares_only_those() -> None:
    """Seven areas of 30 to 36 clients; the smallest, where everybody is a woman, is not in the table."""
    rows = [(f"a{area}", "female" if k % 2 or not area else "male") for area in range(7) for k in range(30 + area)]
    frame = pd.DataFrame(rows, columns=["area", "sex"]).assign(client=range(len(rows)))
    cohort = Cohort(frame, (Step("clients", len(rows), 0, "Clients"),))
    counts = release(estimate_table_one(cohort, ["sex"], "area"), "none")
    differences = release(estimate_differences(counts, None, "area"), "none")
    assert differences.frame["estimate"].max() > 1
    shown = table_one(counts, None, None, differences, "area")
    assert "Only the 6 largest groups are shown" in shown.html
    assert ">a0<" not in shown.html
    assert ">0.03<" in shown.html  # 15 of 31 against half: 0.0161 / 0.4999 = 0.032
