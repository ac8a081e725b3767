"""Sentences of chapter 40."""

from __future__ import annotations

from collections.abc import Sequence

from oatmill.disclosure import Released
from oatmill.labels import COVARIATES, label
from oatmill.text import _, integer, number, percent


def findings_dose(
    slope: Released,
    curve: Released,
    naive: Sequence[Released],
    left_before: Released,
    clients: Released,
    carried: Released,
    covariates: Sequence[str],
) -> list[str]:
    """What can be said about dose and leaving, and what cannot."""
    sentences = _slope_sentence(slope, covariates) + _curve_sentence(curve) + _naive_sentence(slope, naive)
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


def _slope_sentence(slope: Released, covariates: Sequence[str]) -> list[str]:
    row = slope.frame.iloc[0]
    if row["status"] != "shown":
        return [_("There are too few exits for a dose model that may be shown.")]
    values = {
        "ratio": number(row["estimate"], 2),
        "unit": row["group"],
        "low": number(row["lower"], 2),
        "high": number(row["upper"], 2),
    }
    if row["definition"] == "baseline by site":
        text = _(
            "Among clients in treatment after the first weeks, the hazard of leaving was multiplied by {ratio} {unit} "
            "of dose (95% interval {low} to {high}), comparing clients of the same site and day in treatment.",
            **values,
        )
    else:
        text = _(
            "Among clients in treatment after the first weeks, the hazard of leaving was multiplied by {ratio} {unit} "
            "of dose (95% interval {low} to {high}), comparing clients on the same day in treatment.",
            **values,
        )
    if not covariates:
        return [text, _("Not adjusted for anything: the study has none of its covariates.")]
    names = ", ".join(label(COVARIATES, name) for name in covariates)
    return [text, _("Adjusted for: {names}.", names=names)]


def _curve_sentence(curve: Released) -> list[str]:
    """The hazard ratio at the lowest and the highest dose of the curve, in whole bands."""
    shown = curve.where(status="shown")
    ends = shown[shown["se"] > 0].iloc[[0, -1]] if (shown["se"] > 0).sum() > 1 else shown.head(0)
    return [
        _(
            "Against the reference dose the hazard ratio at {dose} mg is {ratio} (95% interval {low} to {high}).",
            dose=row["term"],
            ratio=number(row["estimate"], 2),
            low=number(row["lower"], 2),
            high=number(row["upper"], 2),
        )
        for row in ends.to_dict("records")
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
