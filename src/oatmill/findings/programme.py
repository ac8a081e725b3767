"""Sentences of chapter 60."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import label
from oatmill.tables.programme import INDICATORS
from oatmill.text import _, integer, number, percent


def findings_programme(
    rates: Released, december: Released, text: Released, trends: Released, reach: Released
) -> list[str]:
    """What a reader must take home from the published figures of China's programme."""
    return [
        _net_exits(rates),
        _kept(rates, december),
        _text_beside(december, text),
        _misfits(december),
        _gross(rates, december),
        _trends(trends),
        _reach(reach),
    ]


def _by_year(released: Released, estimand: str) -> pd.Series:
    rows = released.where(estimand=estimand, status="shown").dropna(subset=["estimate"])
    return pd.Series(rows["estimate"].to_numpy(), index=rows["period"]).sort_index()


def _net_exits(rates: Released) -> str:
    net = _by_year(rates, "net_exit_rate")
    return _(
        "From the counts, net exits (exits less returns) fell from {high} per 100 person-years in {top} to {end} in {last}.",
        high=number(net.max()),
        top=net.idxmax(),
        end=number(net.iloc[-1]),
        last=net.index[-1],
    )


def _kept(rates: Released, december: Released) -> str:
    kept, reported = _by_year(rates, "kept_percent"), _by_year(december, "reported_percent")
    top = _by_year(rates, "net_exit_rate").idxmax()
    last = kept.index[-1]
    return _(
        "The reported annual retention moved little, from {first} in {top} to {end} in {last}; the nearest ratio of the counts, "
        "closing / (opening + new), rose from {low} to {high}.",
        first=percent(reported[top] / 100),
        end=percent(reported[last] / 100),
        low=percent(kept[top] / 100),
        high=percent(kept[last] / 100),
        top=top,
        last=last,
    )


def _text_beside(december: Released, text: Released) -> str:
    reported = _by_year(december, "reported_percent")
    return _(
        "For the end of 2007 the same paper's text gives {six} after six months and {twelve} after one year, where its table "
        "gives {reported} for the year. Which clients the text means is not said; in the table a client who entered in autumn "
        "counts as retained in December.",
        six=percent(text.one(level="month_6")["estimate"] / 100, 0),
        twelve=percent(text.one(level="month_12")["estimate"] / 100, 0),
        reported=percent(reported["2007"] / 100),
    )


def _misfits(december: Released) -> str:
    dosed, ever, known = (_by_year(december, name) for name in ("dosed", "ever", "known"))
    impossible = [year for year in dosed.index if dosed[year] > ever[year]]
    short = [year for year in dosed.index if dosed[year] < known[year]]
    return _(
        "If December's clients are the closing count, the reported retention cannot hold in {impossible} (more dosed than were "
        "ever enrolled). In {short} it implies fewer clients than opening + new, by up to {most}: either so many died within the "
        "year, or the two rows count different things.",
        impossible=", ".join(impossible),
        short=", ".join(short),
        most=percent(max((1 - dosed[year] / known[year] for year in short), default=0)),
    )


def _gross(rates: Released, december: Released) -> str:
    dosed, known, leavers, gross = (_by_year(december, name) for name in ("dosed", "known", "leavers", "gross_rate"))
    net = _by_year(rates, "net_exit_rate")
    last = dosed.index[-1]
    return _(
        "In {last} it implies {dosed} clients dosed against {known} opening + new, so at least {returners} returned and about "
        "{leavers} left: between {net} (net) and {gross} (with returns) exits per 100 person-years.",
        last=last,
        dosed=integer(dosed[last]),
        known=integer(known[last]),
        returners=integer(dosed[last] - known[last]),
        leavers=integer(leavers[last]),
        net=number(net[last]),
        gross=number(gross[last]),
    )


def _trends(trends: Released) -> str:
    days, dose = (
        trends.one(level=name, model="pearson", estimand="p_value")["estimate"]
        for name in ("mean_days_in_treatment", "mean_dose_mg")
    )
    rank = trends.one(level="mean_dose_mg", model="kendall", estimand="p_value")
    return _(
        "Mean time in treatment and mean dose rise. The printed P < 0.0001 (Pearson) holds for time ({days}) and not for dose "
        "({dose}; by Kendall's test {rank}); {n} annual means of one programme are not independent, so no P value here says "
        "much.",
        days=number(days, 5),
        dose=number(dose, 5),
        rank=number(rank["estimate"], 5),
        n=integer(rank["n"]),
    )


def _reach(reach: Released) -> str:
    row = reach.one(level="registered_drug_users", model="in_treatment")
    injecting = reach.one(level="injecting_drug_users", model="in_treatment")
    return _(
        "At the end of {year}, clients in treatment were {share} of registered people who use drugs and {injecting} of those "
        "registered as injecting; neither is coverage of people who need treatment.",
        year=row["period"],
        share=percent(row["estimate"] / 100),
        injecting=percent(injecting["estimate"] / 100),
    )


def findings_own_programme(rates: Released | None, lost: Sequence[str]) -> list[str]:
    """The study's own programme: its net exits, and what a confidential table cannot show."""
    net = pd.Series(dtype=float) if rates is None else _by_year(rates, "net_exit_rate")
    sentences = []
    if net.empty:
        sentences.append(
            _(
                "No net exits: they need cumulative and year-end clients of two years in a row, and enough of them to show."
            )
        )
    else:
        sentences.append(
            _(
                "Your programme: {first} net exits (exits less returns) per 100 person-years in {start}, {end} in {last}.",
                first=number(net.iloc[0]),
                start=net.index[0],
                end=number(net.iloc[-1]),
                last=net.index[-1],
            )
        )
    if lost:
        sentences.append(
            _(
                "Not shown, because a percentage or ratio without its counts cannot be made safe: {names}. Mark the source as "
                "public if these figures are published.",
                names=", ".join(label(INDICATORS, name) for name in lost),
            )
        )
    return sentences


def cards_programme(rates: Released, december: Released) -> list[tuple[str, str, str]]:
    """Key numbers for the landing page."""
    net, reported = _by_year(rates, "net_exit_rate"), _by_year(december, "reported_percent")
    last = net.index[-1]
    note = _("reported December retention: {share}", share=percent(reported[last] / 100))
    return [(_("net exits per 100 person-years, China {year}", year=last), number(net[last]), note)]
