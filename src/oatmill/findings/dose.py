"""Sentences of chapter 40."""

from __future__ import annotations

from collections.abc import Sequence

from oatmill.disclosure import Released
from oatmill.text import _, integer, number, percent


def findings_dose(
    slope: Released,
    curve: Released,
    naive: Sequence[Released],
    left_before: Released,
    clients: Released,
    carried: Released,
) -> list[str]:
    """What can be said about dose and leaving, and what cannot."""
    sentences = _slope_sentence(slope) + _curve_sentence(curve) + _naive_sentence(slope, naive)
    before = left_before.frame.iloc[0]
    if before["status"] == "shown":
        sentences.append(
            _(
                "{share} of starters left, or were followed for less, before day {day}; nothing is said about dose in "
                "the first weeks.",
                share=percent(before["estimate"]),
                day=integer(before["day"]),
            )
        )
    count = {level: clients.one(level=level)["estimate"] for level in ("in_model", "left_out")}
    sentences.append(
        _(
            "The model has {n} clients; {out} more were at risk but have no value of a covariate or no known dose.",
            n=integer(count["in_model"]),
            out=integer(count["left_out"]),
        )
    )
    share = carried.frame.iloc[0]
    if share["status"] == "shown":
        text = _(
            "In {share} of the time at risk the dose was carried forward from an earlier week.",
            share=percent(share["estimate"]),
        )
        sentences.append(text)
    return sentences


def cards_dose(slope: Released) -> list[tuple[str, str, str]]:
    """The landing page's key number: hazard ratio of leaving per dose unit."""
    row = slope.frame.iloc[0]
    if row["status"] != "shown":
        return []
    note = _("95% interval {low} to {high}", low=number(row["lower"], 2), high=number(row["upper"], 2))
    return [(_("hazard ratio of leaving {unit}", unit=row["group"]), number(row["estimate"], 2), note)]


def _slope_sentence(slope: Released) -> list[str]:
    row = slope.frame.iloc[0]
    if row["status"] != "shown":
        return [_("There are too few exits for a dose model that may be shown.")]
    return [
        _(
            "Among clients in treatment after the first weeks, the hazard of leaving was multiplied by {ratio} {unit} "
            "of dose (95% interval {low} to {high}), comparing clients of the same site and day in treatment.",
            ratio=number(row["estimate"], 2),
            unit=row["group"],
            low=number(row["lower"], 2),
            high=number(row["upper"], 2),
        )
    ]


def _curve_sentence(curve: Released) -> list[str]:
    shown = curve.where(status="shown")
    rows = {row["term"]: row for row in shown.to_dict("records") if row["term"] in ("40", "80")}
    return [
        _(
            "Against the reference dose the hazard ratio at {dose} mg is {ratio} (95% interval {low} to {high}).",
            dose=dose,
            ratio=number(row["estimate"], 2),
            low=number(row["lower"], 2),
            high=number(row["upper"], 2),
        )
        for dose, row in rows.items()
    ]


def _naive_sentence(slope: Released, naive: Sequence[Released]) -> list[str]:
    shown = {
        each.frame["model"].iloc[0]: each.frame.iloc[0] for each in naive if each.frame["status"].iloc[0] == "shown"
    }
    highest = shown.get("naive: maximum")
    if highest is None or slope.frame["status"].iloc[0] != "shown":
        return []
    return [
        _(
            "Measured by the highest dose ever reached it would seem to be {ratio}: that exposure could only "
            "be reached by staying, so it must not be used.",
            ratio=number(highest["estimate"], 2),
        )
    ]
