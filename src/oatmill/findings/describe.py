"""Sentences of chapter 20."""

from __future__ import annotations

from oatmill.disclosure import Released
from oatmill.text import _, integer, percent


def findings_cohort(attrition: Released, shares: Released | None, episodes: Released | None) -> list[str]:
    """Who is analysed, and how many come back."""
    steps = attrition.frame.sort_values("period")["estimate"]
    sentences = [
        _(
            "Of {all} clients with a treatment record, {kept} are analysed, each from the start of the first episode.",
            all=integer(steps.iloc[0]),
            kept=integer(steps.iloc[-1]),
        )
    ]
    return [*sentences, *(_sex_sentence(shares) if shares else []), *(_return_sentence(episodes) if episodes else [])]


def _sex_sentence(shares: Released) -> list[str]:
    counts = shares.where(group="sex", status="shown").set_index("level")["events"]
    known = counts.drop("missing", errors="ignore").sum()
    if "female" not in counts or known == 0:
        return []
    share = percent(counts["female"] / known)
    return [_("{share} of the clients whose sex is known are women.", share=share)]


def _return_sentence(episodes: Released) -> list[str]:
    known = episodes.where(status="shown")
    everyone, several = known["estimate"].sum(), known[known["level"] != "1"]["estimate"].sum()
    if everyone == 0:
        return []
    return [_("{share} of clients have more than one episode in the log.", share=percent(several / everyone))]


def cards_cohort(attrition: Released) -> list[tuple[str, str, str]]:
    """The landing page's key number: how many clients are analysed."""
    steps = attrition.frame.sort_values("period")["estimate"]
    note = _("of {n} clients with a record", n=integer(steps.iloc[0]))
    return [(_("clients analysed"), integer(steps.iloc[-1]), note)]
