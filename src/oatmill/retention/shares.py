"""Shares of starters who could be followed to a day: `ret_fixed` and what is counted over the same denominator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from oatmill.cohort import Cohort
from oatmill.errors import NotSupported
from oatmill.results import Result
from oatmill.retention.curves import ends_of, horizons_within, last_reported_day, require_enough
from oatmill.study import Definitions
from oatmill.text import _

NQF_DAYS = 180
Retained = Callable[[pd.DataFrame, int], np.ndarray]


def estimate_fixed_retention(cohort: Cohort, definitions: Definitions) -> Result:
    """`ret_fixed`: of starters whose day t is on or before A, the share with more than t days in treatment.

    `period` is the last day on which they can have started, A - t + 1. Recent starters leave the denominator, so the denominators fall with t.
    """
    days = horizons_within(definitions)
    return Result("retention_fixed", "proportions", _shares(cohort, definitions, "ret_fixed", days, _stayed))


def estimate_on_oat(cohort: Cohort, episodes: pd.DataFrame, definitions: Definitions) -> Result:
    """`ret_on_oat`: over the same denominator as `ret_fixed`, the share with some episode that runs on day t.

    Parameters
    ----------
    cohort : starters, one row each
    episodes : every episode of all clients, by the same rule

    Notes
    -----
    Day t itself may be covered or not: an episode runs from its first day to the day before its last covered day. Whoever
    is retained by `ret_fixed` is counted here too, so this share is never lower.
    """

    def running(frame: pd.DataFrame, t: int) -> np.ndarray:
        day = (frame["start_day"] + t - 1).set_axis(frame["client"])
        on = episodes["client"].map(day)
        runs = episodes.loc[(episodes["start_day"] <= on) & (on < episodes["end_day"]), "client"]
        return frame["client"].isin(runs).to_numpy() | _stayed(frame, t)

    frame = _shares(cohort, definitions, "ret_on_oat", horizons_within(definitions), running)
    return Result("retention_on_oat", "proportions", frame.assign(estimand="on_oat"))


def estimate_programme_retention(cohort: Cohort, definitions: Definitions) -> Result:
    """`ret_programme`: `ret_fixed` on the episodes of one site at a time, the client's first site.

    Parameters
    ----------
    cohort : starters of episodes built with `view="programme"`
    """
    days = horizons_within(definitions)
    frame = _shares(cohort, definitions, "ret_programme", days, _stayed)
    # C is that of the site here, so the clients may be fewer: a population of its own.
    population = frame["population"] + " at their first site"
    return Result("retention_programme", "proportions", frame.assign(estimand="at_first_site", population=population))


def estimate_nqf180(cohort: Cohort, definitions: Definitions) -> Result:
    """`nqf180`: of starters whose day 180 is on or before A, the share with 180 days in treatment or more.

    Parameters
    ----------
    cohort : starters of episodes that end by `gap8`

    Raises
    ------
    NotSupported
        Where follow-up stops before day 180 can be known.
    """
    if last_reported_day(definitions) < NQF_DAYS:
        raise NotSupported(_("Follow-up stops before day {day}.", day=NQF_DAYS))

    def reached(frame: pd.DataFrame, t: int) -> np.ndarray:
        return _stayed(frame, t - 1)

    frame = _shares(cohort, definitions, "nqf180", [NQF_DAYS], reached)
    return Result("retention_nqf180", "proportions", frame.assign(estimand="reached"))


def estimate_completed_window(cohort: Cohort, definitions: Definitions) -> Result:
    """`completed_window`: the share of starters without a run of G dose-free days within days 1..H.

    Raises NotSupported where the study has no `follow_up_days`.
    """
    if definitions.follow_up_days is None:
        raise NotSupported(_("The study file sets no follow_up_days."))
    known = require_enough(cohort.frame)["completed_window"].dropna().astype(bool)
    row = {
        "estimand": "completed_window",
        "population": f"{cohort.population} whose window is known",
        "definition": f"completed_window|{ends_of(cohort, definitions)}",
        "day": definitions.follow_up_days,
        "n": len(known),
        "events": int(known.sum()),
        "estimate": known.mean(),
        "unit": "proportion",
    }
    return Result("completed_window", "proportions", pd.DataFrame([row]))


def _shares(
    cohort: Cohort, definitions: Definitions, rule: str, days: Sequence[int], retained: Retained
) -> pd.DataFrame:
    """For each day t the starters whose day t is on or before A, and how many of them are retained."""
    frame = require_enough(cohort.frame)
    as_of = frame["analysis_day"].unique()
    rows = []
    for t in days:
        followed = frame[frame["analysis_day"] - frame["start_day"] + 1 >= t]
        # Where sites have logs of different lengths there is no one day.
        started_by = _date(as_of[0] - t + 1) if len(as_of) == 1 else ""
        if len(followed):
            counts = {"n": len(followed), "events": int(retained(followed, t).sum())}
            rows.append(
                {"day": t, "population": f"{cohort.population} followed for {t} days", "period": started_by, **counts}
            )
    if not rows:
        raise NotSupported(_("No starter has been followed to the first horizon."))
    same = {"estimand": "retention", "definition": f"{rule}|{ends_of(cohort, definitions)}", "unit": "proportion"}
    shares = pd.DataFrame(rows).assign(**same)
    return shares.assign(estimate=shares["events"] / shares["n"])


def _stayed(frame: pd.DataFrame, t: int) -> np.ndarray:
    """Whether days in treatment > t."""
    return ~((frame["event"] > 0) & (frame["time"] <= t)).to_numpy()


def _date(day: int) -> str:
    return f"{pd.Timestamp(0) + pd.Timedelta(days=int(day)):%Y-%m-%d}"
