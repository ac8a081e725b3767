"""Figures of chapter 20."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from oatmill.disclosure import Released
from oatmill.figures import BLUE, GREY, LIGHT, ORANGE, Plot, make_plot, themed
from oatmill.figures.flow import Stage, draw_flow
from oatmill.figures.grid import draw_grid, in_grid, largest
from oatmill.labels import LEVELS, label
from oatmill.text import _, integer

_LOOKED_AT = ("first_episode",)  # steps that choose what is looked at and leave nobody out


@themed
def plot_attrition(released: Released) -> Plot:
    """Flow chart: clients left after each step, and beside it how many were left out and why."""
    frame = released.frame.sort_values("period").reset_index(drop=True)
    figure = draw_flow([_stage(row, number) for number, row in enumerate(frame.to_dict("records"))])
    first, last = frame["estimate"].iloc[0], frame["estimate"].iloc[-1]
    alt = _("Of {all} clients in the log {kept} are in the cohort.", all=_count(first), kept=_count(last))
    return make_plot(released, figure, name="attrition", caption=_("From the log to the cohort."), alt=alt, narrow=True)


def _stage(row: Mapping[Any, Any], number: int) -> Stage:
    """A step that only says what is looked at, as the first episode, stands in the flow; others say who is left out."""
    left = _("{n} clients", n=_count(row["estimate"]))
    if not number or row["level"] in _LOOKED_AT:
        return Stage(left, row["term"])
    return Stage(left, "", _("{n} left out", n=_count(row["events"])), row["term"])


@themed
def plot_starters(released: Released) -> Plot:
    """Starters by quarter."""
    frame = released.frame.sort_values("period")
    heights = frame["estimate"].fillna(0).to_numpy()
    figure, axes = plt.subplots(figsize=(6.6, 3.0))
    axes.bar(np.arange(len(frame)), heights, color=BLUE, width=0.8)
    withheld = np.flatnonzero(frame["estimate"].isna())
    axes.plot(withheld, np.zeros(len(withheld)), "x", color=GREY)
    every = max(len(frame) // 8, 1)
    axes.set_xticks(np.arange(len(frame))[::every], list(frame["period"])[::every])
    axes.set_ylabel(_("Clients who entered"))
    axes.set_xlabel(_("Quarter in which the first episode began"))
    axes.grid(axis="y", color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)
    peak = frame.loc[frame["estimate"].idxmax()]
    alt = _(
        "Clients by quarter of entry; most, {n}, in {period}.",
        n=integer(frame["estimate"].max()),
        period=peak["period"],
    )
    return make_plot(
        released,
        figure,
        name="starters",
        caption=_("Clients analysed, by the quarter in which the first episode began."),
        alt=alt,
    )


@themed
def plot_starters_by_site(released: Released) -> Plot:
    """Starters by site and period."""
    frame = released.where(group="site")
    cells, sizes = frame[frame["period"] != ""], frame[frame["period"] == ""].set_index("level")["estimate"]
    sites, periods = largest(sizes.fillna(0)), sorted(cells["period"].unique())
    wide, hidden = in_grid(cells, sites, periods)
    length = {7: _("Month of entry"), 6: _("Quarter of entry"), 4: _("Year of entry")}[len(periods[0])]
    figure, axes = draw_grid(
        wide,
        hidden,
        title=length,
        highest=float(np.nanmax(wide)),
        key=_("Clients who entered"),
    )
    top = sizes.idxmax() if sizes.notna().any() else ""
    caption = _("Clients analysed, by site and time of entry; white: none, grey: withheld.")
    if len(sites) < len(sizes):
        more = _("Only the {n} largest of {all} sites are drawn.", n=integer(len(sites)), all=integer(len(sizes)))
        caption = f"{caption} {more}"
    alt = _(
        "Clients by site and time of entry, {sites} sites; most, {n}, entered at site {site}.",
        sites=integer(len(sizes)), n=_count(sizes.max()), site=top,
    )  # fmt: skip
    axes.set_ylabel(_("Site"))
    return make_plot(released, figure, name="starters_by_site", caption=caption, alt=alt)


@themed
def plot_pyramid(released: Released) -> Plot:
    """Population pyramid: age in bands of five years, women to the left and men to the right."""
    cells = released.where(group="age, sex")
    bands = [band for band in dict.fromkeys(cells["level"]) if band != "missing"]
    figure, axes = plt.subplots(figsize=(4.9, 1.4 + 0.3 * len(bands)))
    for sex, sign, colour in (("female", -1, ORANGE), ("male", 1, BLUE)):
        counts = cells[cells["term"] == sex].set_index("level")["estimate"].reindex(bands).to_numpy(float)
        axes.barh(bands, sign * np.nan_to_num(counts), height=0.86, color=colour)
        for place in np.flatnonzero(np.isnan(counts) & cells["term"].eq(sex).any()):
            axes.text(sign * 0.5, float(place), "×", ha="center", va="center", color=GREY)
    widest = float(np.nanmax([cells["estimate"].max(), 1]))
    axes.set_xlim(-1.08 * widest, 1.08 * widest)
    ticks = [tick for tick in axes.get_xticks() if abs(tick) <= 1.08 * widest]
    axes.set_xticks(ticks, [integer(abs(tick)) for tick in ticks])
    axes.axvline(0, color="white", linewidth=1.5)
    for side, name, colour in ((0.02, _("Women"), "#8A5F00"), (0.98, _("Men"), BLUE)):
        axes.text(side, 0.98, name, transform=axes.transAxes, ha="left" if side < 0.5 else "right", va="top", color=colour, fontweight="bold")  # fmt: skip
    axes.set_xlabel(_("Clients"))
    axes.set_ylabel(_("Age at entry (years)"))
    return make_plot(
        released, figure, name="age_and_sex", caption=_pyramid_caption(cells), alt=_pyramid_alt(cells), narrow=True
    )


def _pyramid_caption(cells: pd.DataFrame) -> str:
    words = _("Clients analysed, by age at entry and sex.")
    unknown = cells[((cells["level"] == "missing") | (cells["term"] == "missing")) & (cells["estimate"] != 0)]
    return f"{words} {_('Clients whose age or sex is not known are not drawn.')}" if len(unknown) else words


def _pyramid_alt(cells: pd.DataFrame) -> str:
    known = cells[(cells["level"] != "missing") & (cells["term"] != "missing")].dropna(subset=["estimate"])
    if known.empty:
        return _("All counts are withheld.")
    most = known.sort_values("estimate", kind="stable").iloc[-1]
    return _(
        "The largest group are {sex} clients aged {band}, {n}.",
        sex=label(LEVELS, most["term"]), band=most["level"], n=integer(most["estimate"]),
    )  # fmt: skip


def _count(value: float) -> str:
    return _("too few") if np.isnan(value) else integer(value)
