"""Chapter 30: how long clients stay. Cohort -> Results; every rule is in `definitions.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from oatmill.cohort import Cohort
from oatmill.errors import NotSupported
from oatmill.results import Result, sums_by
from oatmill.schema import EXIT_REASONS
from oatmill.study import Definitions
from oatmill.survival import count_by_day, kaplan_meier_from_counts
from oatmill.text import _

TRANSFER_OUT = EXIT_REASONS.index("transfer_out") + 1
NET_CENSORED = (TRANSFER_OUT, EXIT_REASONS.index("death") + 1, EXIT_REASONS.index("prison") + 1)
SMALLEST_COHORT = 30


def horizons_within(definitions: Definitions, longest: float = np.inf, *, recorded: bool = False) -> list[int]:
    """The study's horizons that can be reported, none later than `longest` or `last_reported_day`."""
    last = min(longest, last_reported_day(definitions, recorded=recorded))
    return [t for t in definitions.horizons if t <= last]


def last_reported_day(definitions: Definitions, *, recorded: bool = False) -> float:
    """H - G where follow-up stops at day H; H where ends are known beyond it (look-ahead, or recorded); else no limit."""
    if definitions.follow_up_days is None:
        return np.inf
    known_later = recorded or definitions.look_ahead
    return definitions.follow_up_days - (0 if known_later else definitions.gap_days)


def estimate_retention(
    cohort: Cohort, definitions: Definitions, *, group: str | None = None, net: bool = False
) -> Result:
    """Kaplan-Meier retention of starters' first episode (`ret_km`, or `ret_km_net`).

    Parameters
    ----------
    cohort : one row per starter: time and entry in days, event 0 = censored, else the cause of exit
    group : a column of the cohort; one curve per level, clients without a value left out
    net : censor death and prison too

    Returns
    -------
    Result of kind `curve`; rows on days with an exit or a censoring and on the days printed under the curve
    (`term` = "horizon" for the study's horizons, "year" for whole years beyond a year). `estimate` is S(t): the
    share with more than t days in treatment.

    Notes
    -----
    Transfers out of the register are censored on the last covered day: they are assumed to stay like the rest.
    `ret_km_net` answers how long clients would stay if nobody died or went to prison; it is always higher and
    is not a probability of being in treatment.
    """
    frame = _enough(cohort.frame)
    levels: Sequence[str | None] = [None] if group is None else sorted(frame[group].dropna().unique())
    ends = "recorded" if cohort.recorded else f"gap{definitions.gap_days}"
    rule = f"{'ret_km_net' if net else 'ret_km'}|{ends}"
    parts = []
    for level in levels:
        part = frame if level is None else frame[frame[group] == level]
        curve = _curve(part, definitions, NET_CENSORED if net else (TRANSFER_OUT,), cohort.recorded)
        parts.append(curve.assign(group=group or "", level="" if level is None else str(level)))
    if not parts:
        raise NotSupported(_("No client has a value of {column}.", column=group or ""))
    rows = pd.concat(parts, ignore_index=True)
    name = "retention_net" if net else "retention" if group is None else f"retention_by_{group}"
    same = {"estimand": "retention", "population": cohort.population, "definition": rule, "unit": "probability"}
    return Result(f"{name}_{ends}", "curve", rows.assign(**same))


def estimate_fixed_retention(cohort: Cohort, definitions: Definitions) -> Result:
    """`ret_fixed`: of starters whose day t is on or before A, the share with more than t days in treatment.

    `period` is the last day on which they can have started, A - t + 1. Recent starters leave the denominator, so the denominators fall with t.
    """
    frame = _enough(cohort.frame)
    rows = []
    as_of = frame["analysis_day"].unique()
    for t in horizons_within(definitions):
        reachable = frame[frame["analysis_day"] - frame["start_day"] + 1 >= t]
        left = (reachable["event"] > 0) & (reachable["time"] <= t)
        if len(reachable):
            population = f"{cohort.population} followed for {t} days"
            # Where sites have logs of different lengths there is no one day.
            started_by = _date(as_of[0] - t + 1) if len(as_of) == 1 else ""
            row = {"day": t, "population": population, "period": started_by}
            rows.append(row | {"n": len(reachable), "events": int((~left).sum())})
    if not rows:
        raise NotSupported(_("No starter has been followed to the first horizon."))
    same = {
        "estimand": "retention",
        "definition": f"ret_fixed|gap{definitions.gap_days}",
        "unit": "proportion",
    }
    shares = pd.DataFrame(rows).assign(**same)
    return Result("retention_fixed", "proportions", shares.assign(estimate=shares["events"] / shares["n"]))


def estimate_completed_window(cohort: Cohort, definitions: Definitions) -> Result:
    """`completed_window`: the share of starters without a run of G dose-free days within days 1..H.

    Raises NotSupported where the study has no `follow_up_days`.
    """
    if definitions.follow_up_days is None:
        raise NotSupported(_("The study file sets no follow_up_days."))
    known = _enough(cohort.frame)["completed_window"].dropna().astype(bool)
    row = {
        "estimand": "completed_window",
        "population": f"{cohort.population} whose window is known",
        "definition": f"completed_window|gap{definitions.gap_days}",
        "day": definitions.follow_up_days,
        "n": len(known),
        "events": int(known.sum()),
        "estimate": known.mean(),
        "unit": "proportion",
    }
    return Result("completed_window", "proportions", pd.DataFrame([row]))


def estimate_exits(cohort: Cohort, definitions: Definitions) -> Result:
    """Starters by how their first episode stood at the end of follow-up: still in treatment, or why it ended."""
    found = cohort.frame["event"].value_counts()
    named = {"in_treatment": 0} | {reason: code for code, reason in enumerate(EXIT_REASONS, start=1)}
    rows = [
        {"level": name, "estimate": float(found.get(code, 0)), "n": len(cohort.frame)} for name, code in named.items()
    ]
    same = {
        "estimand": "clients",
        "population": cohort.population,
        "definition": f"exit_reason|{cohort.ends}",
        "group": "exit_reason",
        "unit": "clients",
    }
    frame = pd.DataFrame(rows).assign(**same)
    return Result("exit_reasons", "counts", frame, sums=sums_by(frame, ["group"], "estimate"))


def _curve(frame: pd.DataFrame, definitions: Definitions, censored: tuple[int, ...], recorded: bool) -> pd.DataFrame:
    event = np.where(frame["event"].isin(censored), 0, (frame["event"] > 0).astype(int))
    table = count_by_day(frame["time"].to_numpy(), event, frame["entry"].to_numpy())
    last = int(min(table.last_day, last_reported_day(definitions, recorded=recorded)))
    horizon = np.isin(table.day, horizons_within(definitions, table.last_day, recorded=recorded))
    year = np.isin(table.day, [365 * year for year in range(2, last // 365 + 1)]) & ~horizon
    rows = horizon | year | (table.any_event > 0) | (table.censored > 0)
    columns = (table.day, table.at_risk, table.any_event, table.censored)
    curve = kaplan_meier_from_counts(*(column[rows] for column in columns))
    curve = curve.rename(columns={"at_risk": "n", "survival": "estimate"})
    return curve.assign(term=np.select([horizon[rows], year[rows]], ["horizon", "year"], ""))


def _date(day: int) -> str:
    return f"{pd.Timestamp(0) + pd.Timedelta(days=int(day)):%Y-%m-%d}"


def _enough(frame: pd.DataFrame) -> pd.DataFrame:
    if len(frame) < SMALLEST_COHORT:
        raise NotSupported(
            _("Fewer than {n} clients are left, too few for a retention curve.", n=SMALLEST_COHORT),
            cure=_("The cohort chapter shows at which step clients were left out."),
        )
    return frame
