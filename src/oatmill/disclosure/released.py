"""Released: numbers that may be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from oatmill.errors import DisclosureRefused
from oatmill.results import CELL, COLUMNS
from oatmill.text import _

RELEASED_COLUMNS = (*COLUMNS, "status", "reason")
DOOR = object()


@dataclass(frozen=True)
class Released:
    """Numbers that may be shown.

    `frame` has the columns of a Result plus `status` (shown, withheld) and `reason`; a withheld cell is
    NaN and keeps its place and type. `notes` are the sentences that stand under a table or figure.
    """

    output: str
    kind: str
    frame: pd.DataFrame
    profile: str
    notes: tuple[str, ...]
    key: object = field(repr=False, default=None, compare=False)

    def __post_init__(self) -> None:
        if self.key is not DOOR:
            raise DisclosureRefused(_("Only the disclosure module makes released results."))

    def where(self, **equal: Any) -> pd.DataFrame:
        """The rows in which these columns have these values."""
        kept = self.frame
        for column, value in equal.items():
            kept = kept[kept[column] == value]
        return kept

    def one(self, **equal: Any) -> pd.Series:
        """The single row in which these columns have these values."""
        rows = self.where(**equal)
        if len(rows) != 1:
            raise KeyError(f"{self.output}: {len(rows)} rows where {equal}")
        return rows.iloc[0]


def cell_of(row: Any) -> tuple[str, ...]:
    """The identity of a cell: population, definition, measure, group, level, term, day and period; never its page."""
    return tuple("" if _missing(row[name]) else f"{row[name]:g}" if name == "day" else str(row[name]) for name in CELL)


def _missing(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)
