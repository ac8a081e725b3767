"""Result: what an estimator hands on. A tidy frame of unrounded numbers and what made them.

Nothing here is safe to show. `disclosure.release` is the only way from a Result to a table, a figure or a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, get_args

import numpy as np
import pandas as pd

from oatmill.store import file_name

Kind = Literal["counts", "proportions", "curve", "means", "regression", "derived", "indicators"]
Place = tuple[int, str]

TEXT_COLUMNS = ("estimand", "definition", "population", "model", "group", "level", "term", "period", "unit")
NUMBER_COLUMNS = ("day", "estimate", "lower", "upper", "se", "n", "events")
COLUMNS = (
    "estimand", "definition", "population", "model", "group", "level", "term", "day", "period",
    "estimate", "lower", "upper", "se", "n", "events", "unit",
)  # fmt: skip
CELL = ("population", "definition", "estimand", "model", "group", "level", "term", "day", "period")


class Shown(Protocol):
    """What disclosure control hands back (`disclosure.Released`), for estimators of derived results."""

    @property
    def kind(self) -> str: ...

    @property
    def frame(self) -> pd.DataFrame: ...


class Sum(NamedTuple):
    """Counts of one Result that add up: the sum of `left` = the sum of `right`, each a (row, column) of its frame.

    Readers know such sums, so disclosure control must know them.
    """

    left: tuple[Place, ...]
    right: tuple[Place, ...]


@dataclass(frozen=True)
class Result:
    """Unrounded estimates, one row each.

    A count is known by who is counted, not by the output it stands in: `n` of counts and shares is the size of
    `population` (under the gap rule named after `|` in `definition`), and a count of clients with a `group` and
    `level` is the size of that part of it. Two Results that give one such count two values are refused, so a
    population of its own needs a name of its own ("starters with known age").

    Attributes
    ----------
    output : name of the output, unique in the whole book (`retention_curve`)
    kind : what the numbers are, which decides the disclosure rule:
        `counts` (estimate is a number of clients), `proportions` (estimate = events / n),
        `curve` (Kaplan-Meier rows by day: n at risk, events, censored), `means` (a summary over n clients),
        `regression` (a coefficient or ratio over n clients with events), `derived` (computed from the Released
        `sources` alone, as a rate from a released ledger), `indicators` (a figure without clients behind it;
        only from public sources)
    frame : columns of `COLUMNS`; a curve also has `censored`
    public : every source behind it is published, so its numbers stay exact
    parameters : number of coefficients a regression fitted (for the rule of events per term)
    sums : the counts of this Result that add up
    sources : the released results that a `derived` one was computed from
    """

    output: str
    kind: Kind
    frame: pd.DataFrame
    public: bool = False
    parameters: int = 0
    sums: tuple[Sum, ...] = ()
    sources: tuple[Shown, ...] = ()

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


def sums_by(frame: pd.DataFrame, by: Sequence[str], column: str) -> tuple[Sum, ...]:
    """One sum per combination of `by`: the column's counts add up to `n`, which is the same in all its rows.

    >>> sums_by(pd.DataFrame({"group": ["sex", "sex"], "n": 9, "events": [4, 5]}), ["group"], "events")
    (Sum(left=((0, 'n'),), right=((0, 'events'), (1, 'events'))),)
    """
    groups = frame.reset_index(drop=True).groupby(list(by), sort=False).indices.values()
    return tuple(Sum(((int(rows[0]), "n"),), tuple((int(row), column) for row in rows)) for rows in groups)


def counts(values: Mapping[str, float], **same: Any) -> pd.DataFrame:
    """A frame of counts, one row per level, with columns that are the same for all rows.

    >>> counts({"male": 3, "female": 4}, estimand="clients", group="sex")["estimate"].tolist()
    [3.0, 4.0]
    """
    frame = pd.DataFrame({"level": list(values), "estimate": list(map(float, values.values()))})
    return frame.assign(unit="clients", **same)
