"""Figures of chapter 10."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from oatmill.disclosure import Released
from oatmill.figures import BLUE, GREY, LIGHT, RED, Plot, in_figure, make_plot, themed
from oatmill.figures.grid import all_months, draw_grid, in_grid, largest
from oatmill.labels import LEVELS, label
from oatmill.text import _, integer, ngettext, number

_DARKEST = 1.25  # times a site's usual month


@themed
def plot_site_months(released: Released, logs: Released) -> Plot:
    """Client-days with a dose by site and month against the site's usual month; a cross marks missing log."""
    frame = released.frame
    usual = frame.groupby("level")["estimate"].median()
    sites = largest(usual)
    wide, hidden = in_grid(frame, sites, all_months(frame["period"].tolist()))
    relative = wide.div(usual[sites], axis=0)
    figure, axes = draw_grid(
        relative,
        hidden,
        title=_("Month"),
        highest=_DARKEST,
        key=_("Share of the site's usual month"),
    )
    _mark_missing_logs(axes, relative, logs)
    return make_plot(
        [released, logs], figure, name="site_months", caption=_caption(len(usual), len(sites)), alt=_alt(relative, logs)
    )


def _mark_missing_logs(axes: Axes, wide: pd.DataFrame, logs: Released) -> None:
    for row in logs.frame[(logs.frame["period"] != "")].to_dict("records"):
        if row["estimate"] != 0 and row["level"] in wide.index and row["period"] in wide.columns:
            where = (list(wide.columns).index(row["period"]) + 0.5, list(wide.index).index(row["level"]) + 0.5)
            axes.plot(*where, "x", color="white", markersize=8, markeredgewidth=4)
            axes.plot(*where, "x", color=RED, markersize=7, markeredgewidth=2)


def _caption(sites: int, drawn: int) -> str:
    words = _(
        "Client-days with a dose recorded at the site, by month, relative to its usual (median) month; a red cross: "
        "days without any row in a busy log (missing log); grey: withheld; white: none."
    )
    if drawn == sites:
        return words
    return f"{words} {_('Only the {n} largest of {all} sites are drawn.', n=integer(drawn), all=integer(sites))}"


def _alt(relative: pd.DataFrame, logs: Released) -> str:
    missing = logs.frame.loc[logs.frame["period"] != "", "level"].nunique()
    said = _("no site has a missing log")
    if missing:
        said = ngettext("{n} site has a missing log", "{n} sites have a missing log", missing)
    low = relative.melt(ignore_index=False, var_name="month").dropna().sort_values("value", kind="stable").head(1)
    return _(
        "Dosing by site and month, {sites} sites and {months} months: {said}; the emptiest cell is site {site} in {month}.",
        sites=integer(len(relative)), months=integer(relative.shape[1]), said=said,
        site="".join(low.index), month="".join(low["month"]),
    )  # fmt: skip


@themed
def plot_dose_distribution(released: Released, medication: str) -> Plot:
    """Client-days by dose band; what lies above the plausible range is one bar of its own."""
    everything = released.where(level=medication)
    frame = everything[everything["status"] == "shown"]
    total, above = frame["estimate"].sum(), everything["term"].str.startswith(">")
    bands = frame[~frame["term"].str.startswith(">")]
    low = bands["term"].astype(float).to_numpy()
    share = (bands["estimate"] / total).to_numpy()
    width = np.diff(np.sort(low)).min() if len(low) > 1 else 1.0
    figure, axes = plt.subplots(figsize=(6.6, 3.4))
    axes.bar(low, 100 * share, width=0.92 * width, align="edge", color=BLUE)
    if above.any():
        _draw_above(axes, everything[above].iloc[0], total, low.max() + width if len(low) else width, width)
    axes.set_xlabel(
        _("Daily dose of {medication} (mg, bands of {width})", medication=label(LEVELS, medication), width=f"{width:g}")
    )
    axes.set_ylabel(_("Share of client-days (%)"))
    axes.grid(axis="y", color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)
    return make_plot(
        released,
        figure,
        name="dose_distribution",
        caption=_("Distribution of recorded daily doses."),
        alt=_dose_alt(low, share, width, bool(above.any())),
    )


def _draw_above(axes: Axes, row: pd.Series, total: float, right: float, width: float) -> None:
    """The class above the plausible range, set apart from the bands; its position says nothing of how far above."""
    place = right + 4 * width
    known = row["estimate"] == row["estimate"]
    height = 100 * row["estimate"] / total if known else 0.0
    axes.bar([place], [height], width=2 * width, color=RED, hatch="//", edgecolor="white")
    axes.axvline(right + 2 * width, color=GREY, linewidth=1, linestyle=":")
    words = _("above {limit} mg", limit=in_figure(row["term"].removeprefix(">")))
    count = _("{n} client-days", n=integer(row["estimate"])) if known else _("withheld")
    axes.text(place, height, f"{words}\n{count}\n", ha="center", va="bottom", fontsize=9, color=RED)
    axes.set_xlim(right=place + 5 * width)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= right])


def _dose_alt(low: np.ndarray, share: np.ndarray, width: float, above: bool) -> str:
    if not len(share):
        return _("All doses lie above the plausible range.")
    peak = low[share.argmax()]
    words = _(
        "The most frequent doses lie from {low} to below {high} mg.", low=number(peak, 0), high=number(peak + width, 0)
    )
    rest = _("Some lie above the plausible range.") if above else _("None lies above the plausible range.")
    return f"{words} {rest}"
