"""Figures copied from papers: `data/published`, read exactly as they stand there.

They were published by others, describe no single client and stay exact in every report. The README beside the
files says what each column means.
"""

from __future__ import annotations

import difflib
from typing import Any

import pandas as pd

from oatmill.errors import UsageError
from oatmill.store import bundle
from oatmill.text import _

_NUMBERS = ("value", "value_low", "value_high")


def read_published(name: str) -> pd.DataFrame:
    """Read one file of published figures.

    Parameters
    ----------
    name : the file's name without `.csv`, as `kyrgyz_registry`

    Returns
    -------
    One row per figure. `value`, `value_low` and `value_high` are numbers (missing = NaN), `year` a whole
    number, everything else text (missing = empty).

    Raises
    ------
    UsageError : there is no such file; the nearest name is given
    """
    folder = bundle() / "data" / "published"
    known = sorted(path.stem for path in folder.glob("*.csv"))
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = _("Did you mean `{name}`?", name=close[0]) if close else None
        raise UsageError(_("There are no published figures called `{name}`.", name=name), cure=hint)
    frame = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False, encoding="utf-8")
    for column in [name for name in _NUMBERS if name in frame]:
        frame[column] = pd.to_numeric(frame[column])
    return frame.astype({"year": int}) if "year" in frame else frame


def select_figures(figures: pd.DataFrame, **equal: str) -> pd.DataFrame:
    """The rows in which these columns have these values."""
    for column, value in equal.items():
        figures = figures[figures[column] == value]
    return figures


def figure_of(figures: pd.DataFrame, **equal: str) -> Any:
    """The value of the one figure in which these columns have these values.

    >>> rows = pd.DataFrame({"measure": ["exits", "enrolments"], "value": [5.0, 7.0]})
    >>> figure_of(rows, measure="exits")
    5.0

    Raises
    ------
    KeyError : no figure or several have them
    """
    rows = select_figures(figures, **equal)
    if len(rows) != 1:
        raise KeyError(f"{len(rows)} figures where {equal}")
    return rows["value"].item()
