"""Figures of chapter 60."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from oatmill.disclosure import Released
from oatmill.figures import BLUE, GREY, LIGHT, ORANGE, RED, Note, Plot, make_plot, nothing_to_draw, themed
from oatmill.tables.programme import INDICATORS, THOUSANDS, write_indicator
from oatmill.tables.registry import date_text
from oatmill.text import _, integer, number, percent

_COLUMNS = 3
_DARK_ORANGE = "#8A5F00"  # the palette's orange is too light for text
_NEAR_DAYS = 100
_SHORT = 2  # with so few years the labels would meet
_MARK = 2008  # Li 2013 sets the years from 2008 on against those before


@themed
def plot_indicators(sources: Sequence[Released], mark: int | None = _MARK) -> Plot | Note:
    """Small multiples: one panel per indicator, the years from `mark` on in colour; the ends labelled."""
    frame = pd.concat([source.frame for source in sources])
    frame = frame[frame["status"] == "shown"].assign(year=lambda rows: rows["period"].astype(int))
    names = [name for name in INDICATORS if name in set(frame["level"])]
    if not names:
        return nothing_to_draw()
    rows = -(-len(names) // _COLUMNS)
    figure, grid = plt.subplots(rows, _COLUMNS, figsize=(7.5, 0.4 + 1.75 * rows), sharex=True, squeeze=False)
    years = (int(frame["year"].min()), int(frame["year"].max()))
    for axes, name in zip(grid.flat, names, strict=False):
        _draw_panel(axes, frame[frame["level"] == name].sort_values("year"), name, mark, years)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for column in range(_COLUMNS):
        last = [axes for axes in grid[:, column] if axes.get_visible()]
        if last:
            last[-1].tick_params(labelbottom=True)
    alt = _(
        "Indicators from {first} to {last}: {changes}.", first=years[0], last=years[1], changes=_changes(frame, names)
    )
    caption = _("Yearly indicators; first and last value labelled. Each panel has its own scale.")
    if mark is not None and years[0] < mark <= years[1]:
        caption = _(
            "Yearly indicators; first and last value labelled, each panel with its own scale. Grey: before {mark}; blue: "
            "from {mark} on, as the source divides the years.",
            mark=mark,
        )
    prefix = sources[0].output.split("_", 1)[0]
    return make_plot(list(sources), figure, name=f"{prefix}_indicators", caption=caption, alt=alt)


def _changes(frame: pd.DataFrame, names: Sequence[str]) -> str:
    texts = []
    for name in names:
        part = frame[(frame["level"] == name) & frame["estimate"].notna()].sort_values("year")
        if len(part) > 1:
            ends = [write_indicator(name, value) for value in (part["estimate"].iloc[0], part["estimate"].iloc[-1])]
            text = _("{indicator} {first} to {last}", indicator=INDICATORS[name](), first=ends[0], last=ends[1])
            texts.append(text)
    return "; ".join(texts)


def _draw_panel(axes: Axes, part: pd.DataFrame, name: str, mark: int | None, years: tuple[int, int]) -> None:
    after = part["year"] >= (mark or years[0])
    if name.endswith("_range"):
        colours = [BLUE if late else GREY for late in after]
        axes.vlines(part["year"], part["lower"], part["upper"], colors=colours, linewidth=4)
        _label_point(axes, part.iloc[-1], integer(part["upper"].iloc[-1]), "upper")
        _label_point(axes, part.iloc[0], integer(part["upper"].iloc[0]), "upper")
    else:
        scale = 1000 if name in THOUSANDS else 1
        axes.plot(part["year"], part["estimate"] / scale, color=LIGHT, zorder=1)
        axes.scatter(part["year"], part["estimate"] / scale, c=np.where(after, BLUE, GREY), s=22, zorder=2)
        for row, beside in ((part.iloc[0], len(part) == _SHORT), (part.iloc[-1], False)):
            scaled = row.copy()
            scaled["estimate"] = row["estimate"] / scale
            _label_point(axes, scaled, write_indicator(name, row["estimate"]), "estimate", beside)
    axes.set_ylim(0, axes.dataLim.y1 * 1.32)
    axes.set_xlim(years[0] - 0.9, years[1] + 0.9)
    if mark is not None and years[0] < mark <= years[1]:
        axes.axvline(mark - 0.5, color=GREY, linestyle=(0, (3, 3)), linewidth=0.8, zorder=0)
    axes.set_title(INDICATORS[name](), fontsize=9, fontweight="normal")
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: integer(value)))
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.tick_params(labelsize=9)


def _label_point(axes: Axes, row: pd.Series, text: str, column: str, beside: bool = False) -> None:
    at = (row["year"], row[column])
    offset, across, up = ((-6, 0), "right", "center") if beside else ((0, 5), "center", "bottom")
    axes.annotate(text, at, offset, textcoords="offset points", ha=across, va=up, fontsize=9)


@themed
def plot_net_exits(rates: Released, december: Released | None = None, text: Released | None = None) -> Plot | Note:
    """Net exit rate by year; above it, where there is one, the reported retention beside the counts' own ratio."""
    net = _series(rates, "net_exit_rate")
    if net.empty:
        return nothing_to_draw()
    panels = 1 if december is None else 2
    figure, grid = plt.subplots(panels, 1, figsize=(7.5, 3 + 3 * (panels - 1)), sharex=True, squeeze=False)
    if december is not None:
        _draw_retention(grid[0, 0], rates, december, text)
    _draw_rates(grid[-1, 0], rates, december, net)
    years = net.index
    words = {"first": years[0], "last": years[-1], "top": net.idxmax(), "high": number(net.max())}
    words |= {"end": number(net.iloc[-1])}
    alt = _(
        "Net exits per 100 person-years from {first} to {last}: highest in {top} ({high}), {end} in {last}.", **words
    )
    caption = _("Net exits (exits less returns) per 100 person-years, from the yearly counts.")
    if december is not None:
        reported = _series(december, "reported_percent")[years]
        words |= {"low": percent(reported.min() / 100), "up": percent(reported.max() / 100)}
        alt = _(
            "Reported December retention stays between {low} and {up} from {first} to {last}, while net exits per 100 "
            "person-years are highest in {top} ({high}) and end at {end} in {last}.",
            **words,
        )
        caption = _(
            "Above: reported December retention; closing stock as a share of opening stock plus new clients; and the text's own "
            "retention. Below: net exits (exits less returns) per 100 person-years from the same counts, and the exits that the "
            "reported retention implies where it fits the counts."
        )
    sources = [source for source in (rates, december, text) if source is not None]
    return make_plot(sources, figure, name=f"{rates.output.split('_', 1)[0]}_net_exits", caption=caption, alt=alt)


def _series(released: Released, estimand: str) -> pd.Series:
    rows = released.where(estimand=estimand, status="shown").dropna(subset=["estimate"])
    return pd.Series(rows["estimate"].to_numpy(), index=rows["period"].astype(int)).sort_index()


def _draw_retention(axes: Axes, rates: Released, december: Released, text: Released | None) -> None:
    kept = _series(rates, "kept_percent")
    reported = _series(december, "reported_percent").reindex(kept.index).dropna()
    names = {"reported": _("reported {value}"), "kept": _("closing /\n(opening + new)\n{value}")}
    higher = "kept" if kept.iloc[-1] > reported.iloc[-1] else "reported"
    for series, name, colour in ((reported, "reported", RED), (kept, "kept", BLUE)):
        axes.plot(series.index, series, color=colour, marker="o", markersize=5)
        text_at_end = names[name].format(value=percent(series.iloc[-1] / 100))
        _end(axes, series.index[-1], series.iloc[-1], text_at_end, colour, "bottom" if name == higher else "top")
    if text is not None:
        months = {"month_6": _("after 6 months"), "month_12": _("after 1 year")}
        for level, name in months.items():
            value = text.one(level=level)["estimate"]
            axes.plot(2007, value, "D", color="black", markersize=6)
            shown = _("text, end of 2007: {share} {when}", share=percent(value / 100, 0), when=name)
            axes.annotate(shown, (2007, value), (9, -7), textcoords="offset points", va="center", fontsize=9)
    axes.set_ylim(0, 100)
    axes.set_ylabel(_("Percent of clients"))
    axes.set_title(_("Retention, as reported and from the counts"))


def _draw_rates(axes: Axes, rates: Released, december: Released | None, net: pd.Series) -> None:
    axes.plot(net.index, net, color=BLUE, marker="o", markersize=6)
    gross = _possible_exits(december) if december is not None else pd.Series(dtype=float)
    axes.vlines(gross.index, net.reindex(gross.index), gross, color=ORANGE, linewidth=2)
    axes.plot(gross.index, gross, "s", color=ORANGE, markersize=6)
    beneath = {net.index[0], *gross.index}
    offsets = {year: -15 if year in beneath else 7 for year in net.index}
    for series, colour, offset in ((net, BLUE, offsets), (gross, _DARK_ORANGE, dict.fromkeys(gross.index, 7))):
        for year, value in series.items():
            at = (0, offset[year])
            axes.annotate(number(value), (year, value), at, textcoords="offset points", ha="center", color=colour)
    if len(gross):
        _end(axes, gross.index[-1], gross.iloc[-1], _("with the returns that\nretention implies"), _DARK_ORANGE)
    _end(axes, net.index[-1], net.iloc[-1], _("net exits"), BLUE)
    axes.set_ylim(0, net.max() * 1.25)
    axes.set_xlim(net.index[0] - 0.5, net.index[-1] + 0.3 + 0.3 * len(net))
    axes.set_xticks(list(net.index))
    axes.set_ylabel(_("Per 100 person-years"))
    axes.set_title(_("Net exits"))


def _possible_exits(december: Released) -> pd.Series:
    """Exits per 100 person-years that the reported retention implies, in the years in which it fits the counts."""
    gross = _series(december, "gross_rate")
    series = {name: _series(december, name).reindex(gross.index) for name in ("returners", "dosed", "ever")}
    return gross[(series["returners"] >= 0) & (series["dosed"] <= series["ever"])]


def _end(axes: Axes, x: float, y: float, text: str, colour: str, up: str = "center") -> None:
    axes.annotate(text, (x, y), (20, 0), textcoords="offset points", va=up, color=colour)


@themed
def plot_scale_up(scale_up: Released) -> Plot:
    """Clinics by date, the provinces they stood in, and the targets."""
    figure, axes = plt.subplots(figsize=(7.5, 4.2))
    clinics, targets, provinces = (scale_up.where(estimand=name) for name in ("clinics", "target_clinics", "provinces"))
    axes.plot(_days(clinics), clinics["estimate"], color=BLUE, marker="o", markersize=6)
    left = np.datetime64(int(clinics["day"].min()) - 90, "D")
    for day, row in zip(_days(targets), targets.to_dict("records"), strict=True):
        axes.plot([left, day], [row["estimate"]] * 2, color=RED, linestyle=(0, (4, 3)), linewidth=1.2)
        text = _("target {n} for {day}", n=integer(row["estimate"]), day=date_text(row["period"]))
        axes.annotate(text, (left, row["estimate"]), (6, 4), textcoords="offset points", color=RED)
    _label_clinics(axes, clinics, provinces)
    axes.set_ylim(0, clinics["estimate"].max() * 1.1)
    axes.set_xlim(int(clinics["day"].min()) - 90, int(clinics["day"].max()) + 90)
    axes.set_ylabel(_("Clinics in operation"))
    axes.grid(axis="y", color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)
    first, last = clinics.iloc[0], clinics.iloc[-1]
    alt = _(
        "Clinics in China rose from {first} in {start} to {last} on {end}; the fastest step was from {low} to {high} between "
        "{from_day} and {to_day}.",
        first=integer(first["estimate"]),
        start=date_text(first["period"]),
        last=integer(last["estimate"]),
        end=date_text(last["period"]),
        **_fastest(clinics),
    )
    caption = _(
        "Scale-up of methadone clinics in China (blue, straight lines between the dates that are printed) and the targets set "
        "for them (orange)."
    )
    return make_plot(scale_up, figure, name="china_scale_up", caption=caption, alt=alt)


def _label_clinics(axes: Axes, clinics: pd.DataFrame, provinces: pd.DataFrame) -> None:
    """Numbers beside the dots: left where the next dot is near or there is none, else right."""
    among = provinces.set_index("period")["estimate"]
    near = (clinics["day"].diff(-1).abs().fillna(0) < _NEAR_DAYS).to_numpy()
    for row, day, left in zip(clinics.to_dict("records"), _days(clinics), near, strict=True):
        text = integer(row["estimate"])
        if row["period"] in among.index:
            text = _("{clinics} in {provinces} provinces", clinics=text, provinces=integer(among[row["period"]]))
        offset, across = ((-8, 3), "right") if left else ((8, 0), "left")
        up = "bottom" if left or row["day"] == clinics["day"].min() else "top"
        axes.annotate(text, (day, row["estimate"]), offset, textcoords="offset points", ha=across, va=up)


def _days(rows: pd.DataFrame) -> np.ndarray:
    return rows["day"].to_numpy().astype("int64").astype("datetime64[D]")


def _fastest(clinics: pd.DataFrame) -> dict[str, str]:
    """The two dates between which clinics opened fastest."""
    speed = clinics["estimate"].diff() / clinics["day"].diff()
    at = int(np.nanargmax(speed.to_numpy()))
    before, after = clinics.iloc[at - 1], clinics.iloc[at]
    return {
        "low": integer(before["estimate"]),
        "high": integer(after["estimate"]),
        "from_day": date_text(before["period"]),
        "to_day": date_text(after["period"]),
    }
