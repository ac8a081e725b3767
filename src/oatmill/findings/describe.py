"""Sentences of chapter 20."""

from __future__ import annotations

from oatmill.disclosure import Released
from oatmill.text import _, integer, percent


def findings_cohort(attrition: Released, shares: Released, episodes: Released) -> list[str]:
    """Who is analysed, and how many come back."""
    steps = attrition.frame.sort_values("period")["estimate"]
    sentences = [
        _(
            "Of {all} clients in the log, {kept} are starters whose first episode is analysed.",
            all=integer(steps.iloc[0]),
            kept=integer(steps.iloc[-1]),
        )
    ]
    women = shares.where(group="sex", level="female", status="shown")
    if len(women):
        sentences.append(_("{share} of starters are women.", share=percent(women["estimate"].iloc[0])))
    known = episodes.where(status="shown")
    several = known[known["level"] != "1"]["estimate"].sum()
    if known["estimate"].sum() > 0:
        share = percent(several / known["estimate"].sum())
        sentences.append(_("{share} of clients have more than one episode in the log.", share=share))
    return sentences


def cards_cohort(attrition: Released) -> list[tuple[str, str, str]]:
    """The landing page's key number: how many clients are analysed."""
    steps = attrition.frame.sort_values("period")["estimate"]
    note = _("of {n} clients in the log", n=integer(steps.iloc[0]))
    return [(_("starters analysed"), integer(steps.iloc[-1]), note)]
