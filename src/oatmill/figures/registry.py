"""Figures of chapter 50."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import YearLocator
from matplotlib.ticker import FuncFormatter, MaxNLocator

from oatmill.disclosure import Released
from oatmill.figures import BLUE, GREY, LIGHT, RED, Plot, make_plot, themed
from oatmill.tables.registry import date_text, day_of, signed
from oatmill.text import _, integer, number


@themed
def plot_readings(figures: Released, readings: Released, capacity: Released) -> Plot:
    """Stock over the reporting period under both readings, and the one figure that would decide."""
    start, end = (day_of(text) for text in readings.frame["period"].iloc[0].split("/"))
    checkpoint = figures.one(model="checkpoint")
    middle, stock = day_of(checkpoint["period"]), checkpoint["estimate"]
    closing = figures.one(estimand="clients_in_treatment", model="identity")["estimate"]
    low, high = readings.one(estimand="opening", level="persons")[["lower", "upper"]]
    places = capacity.one(estimand="places")["estimate"]
    figure, axes = plt.subplots(figsize=(7.5, 5))
    days = np.array([start, middle, end], dtype="datetime64[D]")
    axes.axhline(places, color=GREY, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    axes.fill_between(days[:2], [low, stock], [high, stock], color=BLUE, alpha=0.15, linewidth=0, zorder=1)
    axes.plot(days[[0, 0]], [low, high], color=BLUE, linewidth=6, alpha=0.45, solid_capstyle="butt")
    axes.plot(days[:2], [low, stock], color=RED, marker="o", markersize=7)
    axes.plot(days[1:], [stock, closing], color="black", marker="o", markersize=7)
    _label_readings(axes, days, (low, high, stock, closing), readings)
    axes.text(days[0] + np.timedelta64(330, "D"), places + 18, _("about {n} places", n=integer(places)), color=GREY)
    axes.set_ylim(0, 1.17 * high)
    axes.set_xlim(days[0] - np.timedelta64(60, "D"), days[2] + np.timedelta64(250, "D"))
    axes.xaxis.set_major_locator(YearLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: integer(value)))
    axes.set_ylabel(_("Clients enrolled"))
    texts = {"low": integer(low), "high": integer(high), "stock": integer(stock), "closing": integer(closing)}
    texts |= {"start": date_text(str(start)), "middle": date_text(checkpoint["period"]), "end": date_text(str(end))}
    alt = _(
        "The published flows imply {low} clients on {start} if they count enrolments, and {low} to {high} if they count "
        "persons; {stock} are reported for {middle} and {closing} for {end}.",
        **texts,
    )
    caption = _(
        "Stock of the Kyrgyz registry. Black: reported stocks. Orange: path from the opening stock that the figures imply if "
        "they count enrolments. Blue: opening stocks that they allow if they count persons. Lines join what is known; "
        "they are not data. The stock on {start} would decide.",
        start=texts["start"],
    )
    return make_plot([figures, readings, capacity], figure, name="kyrgyz_readings", caption=caption, alt=alt)


def _label_readings(axes: Axes, days: np.ndarray, stocks: tuple[float, ...], readings: Released) -> None:
    low, high, stock, closing = stocks
    gap = np.timedelta64(40, "D")
    rise = signed(readings.one(estimand="change_before", level="spells")["estimate"])
    fall = signed(readings.one(estimand="change_after")["estimate"])
    after = integer(readings.one(estimand="days_after")["estimate"])
    spells = _("{n} if enrolments\nare counted", n=integer(low))
    persons = _("{low} to {high}\nif persons are counted", low=integer(low), high=integer(high))
    axes.text(days[0] + gap, low - 30, spells, color=RED, va="top")
    axes.text(days[0] + gap, high + 15, persons, color=BLUE, va="bottom")
    middle = days[0] + (days[1] - days[0]) * 0.6
    axes.text(middle, low + 0.6 * (stock - low) - 70, rise, color=RED, va="top", fontweight="bold")
    axes.text(days[1] - gap / 2, stock + 45, integer(stock), ha="center", fontweight="bold")
    axes.text(days[2] + gap, closing, integer(closing), va="center", fontweight="bold")
    text = _("{fall} in\n{days} days", fall=fall, days=after)
    axes.text(days[2] + gap * 0.2, (stock + closing) / 2 + 25, text, va="center")


@themed
def plot_rate_bounds(rates: Released) -> Plot:
    """Exits and deaths per 100 person-years under each assumption, with exact intervals."""
    figure, panels = plt.subplots(1, 2, figsize=(7.5, 2.9), sharey=True)
    openings = list(dict.fromkeys(rates.where(estimand="person_time")["level"]))
    lines = [(opening, model) for opening in openings for model in ("two_stocks", "three_stocks")]
    titles = {"exit_rate": _("Exits"), "death_rate": _("Deaths in treatment")}
    for axes, (estimand, title) in zip(panels, titles.items(), strict=True):
        for y, (opening, model) in enumerate(lines):
            row = rates.one(estimand=estimand, level=opening, model=model)
            colour = RED if opening == openings[0] else BLUE
            axes.plot([row["lower"], row["upper"]], [y, y], color=colour)
            axes.plot(row["estimate"], y, "o", color=colour, markersize=7, mfc=colour if model == "two_stocks" else "w")
            axes.annotate(
                number(row["estimate"]), (row["estimate"], y), (0, 7), textcoords="offset points", ha="center"
            )
        axes.set_title(title)
        axes.set_xlim(0)
        axes.set_xlabel(_("per 100 person-years"))
    names = {"two_stocks": _("two stocks"), "three_stocks": _("three stocks")}
    ticks = [_("opening {n}, {stocks}", n=integer(float(o)), stocks=names[m]) for o, m in lines]
    panels[0].set_yticks(range(len(lines)), ticks)
    panels[0].set_ylim(len(lines) - 0.5, -0.7)
    bounds = {name: rates.one(estimand=f"{name}_bounds")[["lower", "upper"]] for name in titles}
    words = {f"{end}_{name}": number(value[bound]) for name, value in bounds.items() for end, bound in _ENDS}
    alt = _(
        "Whatever the opening stock, {low_exit_rate} to {high_exit_rate} clients left and {low_death_rate} to "
        "{high_death_rate} died in treatment per 100 person-years.",
        **words,
    )
    caption = _(
        "Rates over the reporting period for the lowest (orange) and highest (blue) opening stock that the figures allow; "
        "person-time from the stock at both ends (full dots) or with the stock between (open dots). Lines: exact 95% Poisson "
        "intervals."
    )
    return make_plot(rates, figure, name="kyrgyz_rates", caption=caption, alt=alt)


_ENDS = (("low", "lower"), ("high", "upper"))


@themed
def plot_registry_ledger(ledger: Released) -> Plot:
    """Enrolments up, exits down, and the closing stock as a line."""
    totals = ledger.where(level="")
    wide = totals[totals["period"] != ""].pivot(index="period", columns="estimand", values="estimate")
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.5, 5.2), sharex=True)
    x = np.arange(len(wide))
    above.plot(x, wide["closing"], color="black", marker="o", markersize=4)
    above.set_ylim(0)
    above.set_title(_("Clients enrolled at the end of the period"))
    below.bar(x, wide["entered"], color=BLUE, width=0.75)
    below.bar(x, -wide["left"], color=RED, width=0.75)
    below.axhline(0, color=GREY, linewidth=1)
    below.set_title(_("Enrolled (above zero) and left (below zero) in the period"))
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: integer(abs(value))))
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: integer(value)))
    below.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    names = list(wide.index)
    below.xaxis.set_major_formatter(
        FuncFormatter(lambda at, _n: names[int(at)] if 0 <= at < len(names) and at == int(at) else "")
    )
    for axes in (above, below):
        axes.grid(axis="y", color=LIGHT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_ylabel(_("clients"))
    words = {"first": names[0], "last": names[-1], "n": _known(wide["closing"].iloc[-1])}
    words |= {"entered": _known(wide["entered"].iloc[-1]), "left": _known(wide["left"].iloc[-1])}
    alt = _(
        "Stock and flow of the registry from {first} to {last}; at the end {n} clients were enrolled, and in {last} "
        "{entered} enrolled and {left} left.",
        **words,
    )
    caption = _("Ledger of this study's registry: stock above, flows below.")
    return make_plot(ledger, figure, name="registry_ledger", caption=caption, alt=alt)


def _known(value: float) -> str:
    return _("withheld") if pd.isna(value) else integer(value)
