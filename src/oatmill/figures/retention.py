"""Figures of chapter 30."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from oatmill.disclosure import Released
from oatmill.figures import GREY, PALETTE, Plot, in_figure, make_plot, themed
from oatmill.labels import LEVELS, label, label_of_rule
from oatmill.text import _, integer, percent


@themed
def plot_retention(primary: Released, co_primary: Released | None = None) -> Plot:
    """Retention by the primary definition with interval and numbers at risk; the co-primary one as a thin line."""
    figure, (axes, below) = plt.subplots(2, 1, figsize=(6.6, 5.1), height_ratios=[9, 1])
    first = primary.frame
    _draw_curve(axes, first, PALETTE[0], interval=True)
    last = _last_day(first)
    _label_curve(axes, first, PALETTE[0], above=True)
    if co_primary is not None and not _shown(co_primary.frame).empty:
        _draw_curve(axes, co_primary.frame, PALETTE[1], interval=False)
        _label_curve(axes, co_primary.frame, PALETTE[1], above=False)
    horizons = _shown(first[first["term"] != ""])
    axes.plot(horizons["day"], horizons["estimate"], "o", color=PALETTE[0], markersize=5)
    _dress(axes, last, _("Share still in treatment"))
    _risk_table(below, [("", _shown(first))], axes)
    texts = [_("{share} after {day} days", share=percent(e, 0), day=integer(d)) for d, e in _pairs(horizons)]
    alt = _("Retention falls over time: {values}.", values=", ".join(texts))
    caption = _(
        "Kaplan-Meier retention of the first episode with 95% interval (log-log); dots mark the printed days; "
        "below, the number of clients at risk."
    )
    return make_plot(
        [primary, *([co_primary] if co_primary else [])], figure, name="retention", caption=caption, alt=alt
    )


@themed
def plot_retention_by_group(released: Released, title: str) -> Plot:
    """One curve per level of a group, with numbers at risk; levels that are withheld are left out.

    Of more levels than there are colours the largest are drawn.
    """
    shown = _shown(released.frame)
    sizes = shown.groupby("level")["n"].max().sort_values(ascending=False, kind="stable")
    largest = set(sizes.index[: len(PALETTE)])
    levels = [level for level in dict.fromkeys(released.frame["level"]) if level in largest]
    figure, (axes, below) = plt.subplots(2, 1, figsize=(6.6, 5.0), height_ratios=[9, 0.3 + 0.7 * max(len(levels), 1)])
    rows = [(in_figure(label(LEVELS, level)), shown[shown["level"] == level]) for level in levels]
    for colour, (_name, part) in zip(PALETTE, rows, strict=False):
        _draw_curve(axes, part, colour, interval=True)
    _label_levels(axes, [name for name, _part in rows])
    _dress(axes, _last_day(shown), _("Share still in treatment"))
    _risk_table(below, rows, axes)
    alt = _(
        "Retention in groups ({group}): {values}.",
        group=title,
        values="; ".join(_in_words(name, part) for name, part in rows),
    )
    caption = _("Kaplan-Meier retention in groups ({group}), with 95% intervals and numbers at risk.", group=title)
    if len(levels) < len(sizes):
        more = _("Only the {n} largest of {all} groups are drawn.", n=integer(len(levels)), all=integer(len(sizes)))
        caption = f"{caption} {more}"
    return make_plot(released, figure, name=released.output, caption=caption, alt=alt)


def _in_words(level: str, shown: pd.DataFrame) -> str:
    last = shown[shown["term"] == "horizon"].tail(1)
    if last.empty:
        return level
    row = last.iloc[0]
    return _(
        "{level} {share} after {day} days", level=level, share=percent(row["estimate"], 0), day=integer(row["day"])
    )


def _draw_curve(axes: Axes, frame: pd.DataFrame, colour: str, interval: bool) -> None:
    shown = _shown(frame)
    day = np.concatenate([[0], shown["day"]])
    axes.step(
        day, np.concatenate([[1], shown["estimate"]]), where="post", color=colour, linewidth=2 if interval else 1.4
    )
    if interval:
        low, high = np.concatenate([[1], shown["lower"]]), np.concatenate([[1], shown["upper"]])
        axes.fill_between(day, low, high, step="post", color=colour, alpha=0.18, linewidth=0)


def _dress(axes: Axes, last: float, label: str) -> None:
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, last * 1.02)
    axes.set_yticks(np.arange(0, 1.01, 0.25), [percent(p, 0) for p in np.arange(0, 1.01, 0.25)])
    step = next(s for s in (30, 90, 182.5, 365, 730, 1460, 3650) if last / s <= 9)
    axes.set_xticks(np.arange(0, last * 1.02, step))
    axes.set_xticklabels([integer(x) for x in axes.get_xticks()])
    axes.set_ylabel(label)
    axes.set_xlabel(_("Days since the start of the episode"))
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)


def _risk_table(below: Axes, rows: Sequence[tuple[str, pd.DataFrame]], axes: Axes) -> None:
    """Numbers at risk under the curve, aligned with its days; a number that would touch its neighbour is left out."""
    below.set_xlim(axes.get_xlim())
    below.set_ylim(-0.5, len(rows) - 0.4)
    below.axis("off")
    width = axes.get_xlim()[1]
    below.set_title(_("Clients at risk"), fontsize=9, color=GREY, fontweight="normal", pad=4)
    for line, (level, frame) in enumerate(rows):
        height, before = len(rows) - 1 - line, -width
        printed = pd.concat([frame.head(1).assign(day=0), frame[frame["term"] != ""]])
        for day, n in zip(printed["day"], printed["n"], strict=True):
            if np.isfinite(n) and day - before > 0.095 * width:
                colour = PALETTE[line] if len(rows) > 1 else "#222222"
                below.text(day, height, integer(n), ha="center", va="center", fontsize=9, color=colour)
                before = day
        if level:
            below.text(-0.06 * width, height, level, ha="right", va="center", fontsize=9, color=PALETTE[line])


def _label_curve(axes: Axes, frame: pd.DataFrame, colour: str, above: bool) -> None:
    text = label_of_rule(frame["definition"].iloc[0])
    shown = _shown(frame)
    middle = shown.iloc[(shown["day"] - 0.55 * shown["day"].max()).abs().argmin()]
    # A falling curve leaves room above itself to the right, and below itself to the left.
    offset, side = ((4, 14), "left") if above else ((-4, -18), "right")
    where = (middle["day"], middle["estimate"])
    axes.annotate(text, where, offset, textcoords="offset points", color=colour, fontsize=9.5, ha=side)


def _label_levels(axes: Axes, names: Sequence[str]) -> None:
    handles = [Line2D([], [], color=colour) for colour, _name in zip(PALETTE, names, strict=False)]
    short = max(map(len, names)) <= 12
    axes.legend(handles, names, loc="upper right", ncols=min(len(names), 3) if short else 1)


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["status"] == "shown"]


def _last_day(frame: pd.DataFrame) -> float:
    return float(_shown(frame)["day"].max())


def _pairs(horizons: pd.DataFrame) -> list[tuple[float, float]]:
    return list(zip(horizons["day"], horizons["estimate"], strict=True))
