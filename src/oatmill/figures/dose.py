"""Figures of chapter 40."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from oatmill.disclosure import Released
from oatmill.figures import BLUE, GREY, LIGHT, RED, Plot, make_plot, themed
from oatmill.labels import EXPOSURES, label
from oatmill.study import Definitions
from oatmill.text import _, number


@themed
def plot_dose_curve(curve: Released, person_time: Released, definitions: Definitions) -> Plot:
    """Hazard ratio of leaving by dose, over the person-time it rests on."""
    figure, (axes, below) = plt.subplots(2, 1, figsize=(6.6, 5.1), height_ratios=[4, 1.3], sharex=True)
    shown, reference_mg = curve.where(status="shown"), definitions.dose_reference_mg
    dose = shown["term"].astype(float).to_numpy()
    axes.fill_between(dose, shown["lower"], shown["upper"], color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(dose, shown["estimate"], color=BLUE)
    axes.axhline(1, color=GREY, linewidth=1)
    axes.plot([reference_mg], [1], "o", color=BLUE)
    axes.annotate(
        _("reference {dose} mg", dose=number(reference_mg, 0)), (reference_mg, 1), (6, 8), textcoords="offset points"
    )
    axes.set_yscale("log")
    _log_ticks(axes, shown["lower"].min(), shown["upper"].max())
    axes.set_ylabel(_("Hazard ratio of leaving"))
    time = person_time.where(status="shown")
    low = time["term"].astype(float).to_numpy()
    width = 0.92 * np.diff(np.sort(low)).min() if len(low) > 1 else 1
    below.bar(low, time["estimate"] / 365.25, width=width, align="edge", color=LIGHT, edgecolor=GREY)
    below.set_ylabel(_("Person-years"))
    below.set_xlabel(_("Mean dose of the week that ended {lag} days earlier (mg a day)", lag=definitions.lag_days))
    ends = shown.iloc[[0, -1]]
    alt = _(
        "The hazard ratio of leaving is {first} at {low} mg and {last} at {high} mg, against {reference} mg.",
        first=number(ends["estimate"].iloc[0], 2),
        low=ends["term"].iloc[0],
        last=number(ends["estimate"].iloc[1], 2),
        high=ends["term"].iloc[1],
        reference=number(reference_mg, 0),
    )
    caption = _(
        "Hazard ratio of leaving treatment by dose with 95% interval (Cox model, restricted cubic spline), between the 5th "
        "and 95th percentile of person-time; below, the person-time at each dose."
    )
    if shown["model"].iloc[0] == "lagged dose, straight line":
        caption = _(
            "Hazard ratio of leaving treatment by dose with 95% interval (Cox model, a straight line, since too many doses "
            "are equal for a spline), between the 5th and 95th percentile of person-time; below, the person-time at each dose."
        )
    return make_plot([curve, person_time], figure, name="dose_hazard_ratio", caption=caption, alt=alt)


@themed
def plot_why_not(slopes: Sequence[Released]) -> Plot:
    """Forest plot: the guarded estimate beside the exposures that must not be used."""
    rows = [each.frame.iloc[0] for each in slopes]
    rows = [row for row in rows if row["status"] == "shown"]
    figure, axes = plt.subplots(figsize=(6.6, 0.9 + 0.5 * len(rows)))
    for line, row in enumerate(rows):
        colour = RED if row["model"].startswith("naive") else BLUE
        axes.plot([row["lower"], row["upper"]], [-line, -line], color=colour)
        axes.plot(row["estimate"], -line, "o" if colour == BLUE else "s", color=colour, markersize=7)
    axes.axvline(1, color=GREY, linewidth=1)
    axes.set_xscale("log")
    _log_ticks(axes, min(r["lower"] for r in rows), max(r["upper"] for r in rows), vertical=False)
    axes.set_yticks([-line for line in range(len(rows))], [label(EXPOSURES, row["model"]) for row in rows])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_xlabel(_("Hazard ratio of leaving {unit} higher", unit=rows[0]["group"]))
    parts = [f"{label(EXPOSURES, row['model'])} {number(row['estimate'], 2)}" for row in rows]
    alt = _("Hazard ratios of leaving by the way dose is measured: {values}.", values=", ".join(parts))
    caption = _(
        "The same model with the lagged dose (circle) and with exposures that must not be used (squares): the highest "
        "and the mean dose of the whole episode could only be reached by staying, the last dose carries a taper."
    )
    return make_plot(list(slopes), figure, name="dose_why_not", caption=caption, alt=alt)


def _log_ticks(axes: Axes, low: float, high: float, vertical: bool = True) -> None:
    choices = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 4, 5, 7, 10, 20])
    inside = choices[(choices >= low * 0.85) & (choices <= high * 1.15)]
    kept: list[float] = []
    for tick in sorted(inside, key=lambda t: abs(np.log(t))):
        if all(abs(np.log(tick / other)) > np.log(high / low) / 9 for other in kept):
            kept.append(tick)
    axis = axes.yaxis if vertical else axes.xaxis
    axis.set_ticks(sorted(kept), [number(t, 2 if t < 1 and t * 10 % 1 else 1) for t in sorted(kept)])
    axis.set_ticks([], minor=True)
