"""Figures of chapter 20."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np

from oatmill.disclosure import Released
from oatmill.figures import BLUE, GREY, LIGHT, Plot, make_plot, themed
from oatmill.text import _, integer


@themed
def plot_attrition(released: Released) -> Plot:
    """Flow chart: clients left after each step, and why the others were left out."""
    frame = released.frame.sort_values("period").reset_index(drop=True)
    figure, axes = plt.subplots(figsize=(6.6, 0.8 * len(frame) + 0.2))
    axes.set_xlim(0, 10)
    axes.set_ylim(-len(frame) + 0.45, 0.55)
    axes.axis("off")
    for line, row in frame.iterrows():
        height = -float(line)  # type: ignore[arg-type]
        text = _("{n} clients", n=_count(row["estimate"]))
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#EAF2F8" if line else "white", "edgecolor": BLUE}
        axes.text(2.1, height, text, ha="center", va="center", bbox=box, fontsize=10.5, fontweight="bold")
        reason = row["term"] if not line else _("{n} left out: {reason}", n=_count(row["events"]), reason=row["term"])
        reason = "\n".join(textwrap.wrap(reason, 58))
        axes.text(4.0, height, reason, ha="left", va="center", fontsize=9.5, color="#222222")
        if line:
            axes.annotate(
                "", (2.1, height + 0.28), (2.1, height + 0.72), arrowprops={"arrowstyle": "-|>", "color": GREY}
            )
    first, last = frame["estimate"].iloc[0], frame["estimate"].iloc[-1]
    alt = _("Of {all} clients in the log {kept} are in the cohort.", all=_count(first), kept=_count(last))
    return make_plot(released, figure, name="attrition", caption=_("From the log to the cohort."), alt=alt)


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


def _count(value: float) -> str:
    return _("too few") if np.isnan(value) else integer(value)
