"""A grid of rows and periods as a heat map, for any number of rows."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from oatmill.figures import LIGHT, in_figure

MOST_ROWS = 40


def draw_grid(
    wide: pd.DataFrame, withheld: pd.DataFrame, *, title: str, highest: float, key: str
) -> tuple[Figure, Axes]:
    """Rows from top to bottom, periods from left to right; what is withheld is grey, and nothing is white.

    Parameters
    ----------
    wide : numbers to colour; missing: nothing there
    withheld : of the same shape, whether a cell is withheld
    title : of the periods
    highest : the number that has the darkest colour, with all above it
    key : what the colours mean
    """
    figure, axes = plt.subplots(figsize=(6.6, 1.7 + 0.28 * len(wide)))
    axes.set_facecolor("white")
    hidden = np.where(withheld.to_numpy(), 1.0, np.nan)
    axes.pcolormesh(hidden, cmap=ListedColormap([LIGHT]), vmin=0, vmax=1, edgecolors="none")
    sns.heatmap(
        wide, ax=axes, cmap="Blues", vmin=0, vmax=highest, xticklabels=False, yticklabels=False,
        linewidths=0.4, linecolor="white", cbar_kws={"label": key, "shrink": min(1.0, 3.0 / (0.28 * len(wide) + 0.4))},
    )  # fmt: skip
    every = max(-(-wide.shape[1] // 9), 1)
    axes.set_xticks(np.arange(0, wide.shape[1], every) + 0.5, wide.columns[::every], rotation=45, ha="right")
    axes.set_yticks(np.arange(len(wide)) + 0.5, [in_figure(name) for name in wide.index], rotation=0)
    axes.set_xlabel(title)
    axes.set_ylabel("")
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(True)
    return figure, axes


def largest(sizes: pd.Series, most: int = MOST_ROWS) -> list[str]:
    """The names of the largest rows, in order of name."""
    return sorted(sizes.sort_values(ascending=False, kind="stable").head(most).index)


def in_grid(frame: pd.DataFrame, rows: Sequence[str], periods: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Numbers by row (`level`) and period, and which of them are withheld."""
    hidden = frame.assign(hidden=(frame["status"] == "withheld").astype(float))
    wide = (
        each.pivot(index="level", columns="period", values=name)
        for each, name in ((frame, "estimate"), (hidden, "hidden"))
    )
    numbers, withheld = (each.reindex(index=list(rows), columns=list(periods)) for each in wide)
    return numbers, withheld.eq(1)


def all_months(periods: Sequence[str]) -> list[str]:
    """Every month from the first to the last, also those in which nothing was found."""
    if not len(periods):
        return []
    return [str(month) for month in pd.period_range(min(periods), max(periods), freq="M")]
