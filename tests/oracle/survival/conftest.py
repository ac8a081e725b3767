"""What R gave: expected.csv (written by expected.R from people.csv and intervals.csv)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).parent


class Expected:
    """Look up R's numbers by case."""

    def __init__(self, values: pd.DataFrame) -> None:
        self._values = values

    def table(self, case: str) -> pd.DataFrame:
        """All numbers of a case: its rows (as text, in R's order) by its columns."""
        found = self._values[self._values["case"] == case]
        assert len(found), f"expected.csv has no case {case}"
        wide = found.pivot(index="row", columns="column", values="value")
        return wide.loc[found["row"].unique(), found["column"].unique()]

    def by_day(self, case: str) -> pd.DataFrame:
        """As `table`, rows numbered by day."""
        table = self.table(case)
        return table.set_axis(table.index.astype(float).astype(int)).sort_index()


@pytest.fixture(scope="session")
def expected() -> Expected:
    values = pd.read_csv(HERE / "expected.csv", dtype={"row": str, "column": str}, float_precision="round_trip")
    return Expected(values)


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    return pd.read_csv(HERE / "people.csv")


@pytest.fixture(scope="session")
def intervals() -> pd.DataFrame:
    return pd.read_csv(HERE / "intervals.csv")


@pytest.fixture(scope="session")
def agree() -> Callable[..., None]:
    """Assert relative agreement; NaN only where R has NaN."""

    def check(ours: object, theirs: object, rtol: float) -> None:
        np.testing.assert_allclose(np.asarray(ours, float), np.asarray(theirs, float), rtol=rtol, atol=1e-300)

    return check
