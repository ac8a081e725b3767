"""Standardised mean differences against the package tableone, on exact counts; `make_expected.py` gave its numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from oatmill.cohort import Cohort, Step
from oatmill.describe import estimate_differences, estimate_mean_age, estimate_table_one
from oatmill.disclosure import release

HERE = Path(__file__).parent
EXPECTED = pd.read_csv(HERE / "expected.csv")


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    frame = pd.read_csv(HERE / "people.csv")
    return Cohort(frame, (Step("clients", len(frame), 0, "Clients"),))


@pytest.mark.parametrize("by", ["sex", "area"])
def test_exact_counts_give_the_differences_of_tableone(by: str, cohort: Cohort) -> None:
    counts = release(estimate_table_one(cohort, ["age", "injecting", "education"], by), "none")
    ages = release(estimate_mean_age(cohort, by), "none")
    found = estimate_differences(counts, ages, by).frame.set_index(["group", "level", "term"])["estimate"]
    expected = EXPECTED[EXPECTED["by"] == by].set_index(["group", "level", "term"])["smd"]
    assert set(expected.index) <= set(found.index)
    pd.testing.assert_series_equal(
        found[expected.index], expected, check_names=False, rtol=1e-8, obj=f"differences by {by}"
    )


def test_rounded_counts_give_nearly_the_same(cohort: Cohort) -> None:
    """240 clients in classes of six: no difference moves by more than 0.1."""
    counts = release(estimate_table_one(cohort, ["age", "injecting", "education"], "sex"), "midpoint6")
    ages = release(estimate_mean_age(cohort, "sex"), "midpoint6")
    found = estimate_differences(counts, ages, "sex").frame.set_index("group")["estimate"]
    exact = EXPECTED[EXPECTED["by"] == "sex"].set_index("group")["smd"]
    assert (found[exact.index] - exact).abs().max() < 0.1
