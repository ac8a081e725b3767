"""Result: what an estimator hands on. A tidy frame of unrounded numbers and what made them.

Nothing here is safe to show. `disclosure.release` is the only way from a Result to a table, a figure or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from oatmill.store import file_name

Kind = Literal["counts", "proportions", "curve", "means", "regression", "indicators"]

TEXT_COLUMNS = ("estimand", "definition", "population", "model", "group", "level", "term", "period", "unit")
NUMBER_COLUMNS = ("day", "estimate", "lower", "upper", "se", "n", "events")
COLUMNS = (
    "estimand", "definition", "population", "model", "group", "level", "term", "day", "period",
    "estimate", "lower", "upper", "se", "n", "events", "unit",
)  # fmt: skip
CELL = ("population", "definition", "estimand", "model", "group", "level", "term", "day", "period")


@dataclass(frozen=True)
class Result:
    """Unrounded estimates, one row each.

    Attributes
    ----------
    output : name of the output, unique in the whole book (`retention_curve`)
    kind : what the numbers are, which decides the disclosure rule:
        `counts` (estimate is a number of clients), `proportions` (estimate = events / n),
        `curve` (Kaplan-Meier rows by day: n at risk, events, censored), `means` (a summary over n clients),
        `regression` (a coefficient or ratio over n clients with events), `indicators` (a figure without
        clients behind it; only from public sources)
    frame : columns of `COLUMNS`; a curve also has `censored`
    public : every source behind it is published, so its numbers stay exact
    parameters : number of coefficients a regression fitted (for the rule of events per term)
    """

    output: str
    kind: Kind
    frame: pd.DataFrame
    public: bool = False
    parameters: int = 0

    def __post_init__(self) -> None:
        file_name(self.output)
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of result: {self.kind!r}")
        object.__setattr__(self, "frame", _tidy(self.frame))
        repeated = self.frame.duplicated(list(CELL)).sum()
        if repeated:
            raise ValueError(f"{self.output}: {repeated} rows repeat a cell; a cell is known by {', '.join(CELL)}")


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    unknown = set(frame.columns) - {*COLUMNS, "censored"}
    if unknown:
        raise ValueError(f"columns that a result does not have: {', '.join(sorted(unknown))}")
    columns: dict[str, Any] = {}
    for name in [*COLUMNS, *(["censored"] if "censored" in frame else [])]:
        if name in TEXT_COLUMNS:
            columns[name] = frame[name].fillna("").astype(str) if name in frame else ""
        else:
            columns[name] = frame[name].astype(float) if name in frame else np.nan
    return pd.DataFrame(columns, index=range(len(frame)) if not len(frame.index) else frame.index).reset_index(
        drop=True
    )


def counts(values: Mapping[str, float], **same: Any) -> pd.DataFrame:
    """A frame of counts, one row per level, with columns that are the same for all rows.

    >>> counts({"male": 3, "female": 4}, estimand="clients", group="sex")["estimate"].tolist()
    [3.0, 4.0]
    """
    frame = pd.DataFrame({"level": list(values), "estimate": list(map(float, values.values()))})
    return frame.assign(unit="clients", **same)
