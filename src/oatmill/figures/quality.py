"""Figures of chapter 10."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from oatmill.disclosure import Released
from oatmill.figures import BLUE, LIGHT, Plot, in_figure, make_plot, themed
from oatmill.labels import LEVELS, label
from oatmill.text import _, integer, number


@themed
def plot_site_months(released: Released) -> Plot:
    """Client-days with a dose by site and month: a missing log is a pale cell in a dark row."""
    frame = released.where(status="shown")
    wide = frame.pivot(index="level", columns="period", values="estimate").sort_index()
    months = sorted(frame["period"].unique())
    wide = wide.reindex(columns=months)
    relative = wide.div(wide.max(axis=1), axis=0)
    figure, axes = plt.subplots(figsize=(6.6, 1.6 + 0.28 * len(wide)))
    colours = {"cmap": "Blues", "vmin": 0, "vmax": 1, "cbar_kws": {"label": _("Share of the site's fullest month")}}
    sns.heatmap(relative, ax=axes, xticklabels=False, yticklabels=False, **colours)
    axes.set_facecolor(LIGHT)
    every = max(len(months) // 8, 1)
    axes.set_xticks(np.arange(0, len(months), every) + 0.5, months[::every], rotation=45, ha="right")
    axes.set_yticks(np.arange(len(wide)) + 0.5, [in_figure(site) for site in wide.index], rotation=0)
    axes.set_xlabel(_("Month"))
    axes.set_ylabel(_("Site"))
    emptiest = relative.melt(ignore_index=False, var_name="month").dropna().sort_values("value", kind="stable").head(1)
    alt = _(
        "Dosing by site and month, {sites} sites and {months} months; the emptiest cell is site {site} in {month}.",
        sites=integer(len(wide)), months=integer(len(months)),
        site="".join(emptiest.index), month="".join(emptiest["month"]),
    )  # fmt: skip
    caption = _(
        "Client-days with a dose recorded at the site, by month, relative to its fullest month; grey: none or withheld."
    )
    return make_plot(released, figure, name="site_months", caption=caption, alt=alt)


@themed
def plot_dose_distribution(released: Released, medication: str) -> Plot:
    """Client-days by dose band."""
    frame = released.where(status="shown", level=medication)
    low = frame["term"].astype(float).to_numpy()
    share = (frame["estimate"] / frame["estimate"].sum()).to_numpy()
    figure, axes = plt.subplots(figsize=(6.6, 3.3))
    width = np.diff(np.sort(low)).min() if len(low) > 1 else 1.0
    axes.bar(low, 100 * share, width=0.92 * width, align="edge", color=BLUE)
    axes.set_xlabel(
        _("Daily dose of {medication} (mg, bands of {width})", medication=label(LEVELS, medication), width=f"{width:g}")
    )
    axes.set_ylabel(_("Share of client-days (%)"))
    peak = low[share.argmax()] if len(share) else np.nan
    alt = _(
        "Most client-days have a dose from {low} to below {high} mg.", low=number(peak, 0), high=number(peak + width, 0)
    )
    caption = _("Distribution of recorded daily doses.")
    return make_plot(released, figure, name="dose_distribution", caption=caption, alt=alt)
