"""Every definition of retention on the same data: a dot for each day, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D

from oatmill.definitions import DEFINITIONS
from oatmill.disclosure import Released
from oatmill.figures import BLUE, GREY, LIGHT, RED, Note, Plot, make_plot, nothing_to_draw, themed
from oatmill.labels import ENTRIES, label, label_of_rule
from oatmill.text import _, integer, percent

_PALEST = 0.72  # how far towards white the first day's colour lies


@themed
def plot_definitions(released: Sequence[Released]) -> Plot | Note:
    """One line per definition, a dot per horizon; red diamonds are what has no horizon of its own.

    `released`: of `estimate_definitions`. Thin lines mark the first one, the study's own.
    """
    shares = _shares(released)
    if shares.empty:
        return nothing_to_draw()
    lines = list(dict.fromkeys(shares["line"]))
    colours = _colours(shares.loc[shares["definition"] == shares["definition"].iloc[0], "day"])
    figure, axes = plt.subplots(figsize=(7.2, 0.34 * len(lines) + 1.3))
    for day, colour in colours.items():
        own = shares[(shares["line"] == lines[0]) & (shares["day"] == day)]
        axes.axvline(own["estimate"].iloc[0], color=colour, linewidth=0.8, zorder=0)
    for row in shares.to_dict("records"):
        colour, marker = (colours[row["day"]], "o") if row["day"] in colours else (RED, "D")
        y = lines.index(row["line"])
        axes.plot([row["lower"], row["upper"]], [y, y], color=colour, linewidth=1.6)
        axes.plot(row["estimate"], y, marker, color=colour, markersize=6.5 if marker == "o" else 5.5)
    _dress(axes, lines, shares)
    _legend(axes, colours, other=bool((~shares["day"].isin(list(colours))).any()))
    caption = _(
        "Retention by every definition that the data support, with 95% intervals; the thin lines mark the study's own. Each "
        "answers another question: what to beware of stands in the table."
    )
    return make_plot(list(released), figure, name="definitions", caption=caption, alt=_in_words(shares))


def _shares(released: Sequence[Released]) -> pd.DataFrame:
    """The shares that are shown, in the order of the registry, and the name of the line of each."""
    parts = []
    for each in released:
        part = each.where(status="shown")
        parts.append(part[part["term"] == "horizon"] if each.kind in ("curve", "derived") else part)
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["unit"] != "clients"]
    order = list(DEFINITIONS)
    place = [order.index(rule.partition("|")[0]) for rule in rows["definition"]]
    rows = rows.assign(line=[_name(row) for row in rows.to_dict("records")], place=place)
    return rows.sort_values("place", kind="stable", ignore_index=True)


def _name(row: Mapping[Any, Any]) -> str:
    measure = str(row["definition"]).partition("|")[0]
    rule = label_of_rule(str(row["definition"]))
    part = label(ENTRIES, str(row["level"])) if row["level"] else ""
    when = str(row["period"]) if measure == "december" and not part else ""
    return f"{measure}: " + ", ".join(filter(None, [part or rule, when]))


def _colours(days: pd.Series) -> dict[float, str]:
    """Day -> a blue, the later the darker."""
    found = sorted(days.dropna().unique())
    paler = [_PALEST * (1 - place / max(len(found) - 1, 1)) for place in range(len(found))]
    return {day: _paler(BLUE, pale) for day, pale in zip(found, paler, strict=True)}


def _paler(colour: str, how_far: float) -> str:
    """A colour moved so far towards white."""
    red, green, blue = (part + (1 - part) * how_far for part in to_rgb(colour))
    return to_hex((red, green, blue))


def _dress(axes: Axes, lines: Sequence[str], shares: pd.DataFrame) -> None:
    axes.set_yticks(range(len(lines)), lines)
    axes.set_ylim(len(lines) - 0.5, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    lowest = min(shares["lower"].min(), shares["estimate"].min())
    axes.set_xlim(max(0.0, lowest - 0.05), 1.01)
    axes.xaxis.set_major_formatter(lambda share, _place: percent(share, 0))
    axes.set_xlabel(_("Share retained"))
    for y in range(len(lines)):
        axes.axhline(y, color=LIGHT, linewidth=0.6, zorder=0)


def _legend(axes: Axes, colours: Mapping[float, str], *, other: bool) -> None:
    dots = [
        (Line2D([], [], color=colour, marker="o", linestyle=""), _("day {day}", day=integer(day)))
        for day, colour in colours.items()
    ]
    if other:
        dots.append((Line2D([], [], color=RED, marker="D", linestyle=""), _("a year or a window")))
    handles, names = zip(*dots, strict=True)
    axes.legend(
        handles, names, loc="lower right", bbox_to_anchor=(1.02, 1), ncols=len(dots), labelcolor=GREY,
        fontsize=9, columnspacing=0.9, handletextpad=0, borderpad=0,
    )  # fmt: skip


def _in_words(shares: pd.DataFrame) -> str:
    last = shares.groupby("line", sort=False).tail(1)
    values = "; ".join(
        f"{line} {percent(share, 0)}" for line, share in zip(last["line"], last["estimate"], strict=True)
    )
    return _("Share retained by definition, at the last day of each: {values}.", values=values)
