"""Kaplan-Meier retention: `ret_km`, `ret_km_net` and the curve behind `ret_cif`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from oatmill.cohort import EVENT_CODES, KNOWN_REASONS, Cohort
from oatmill.errors import NotSupported
from oatmill.results import Result
from oatmill.study import Definitions
from oatmill.survival import count_by_day, kaplan_meier_from_counts
from oatmill.text import _

# The ends that a curve censors, by the id of its rule; every other end is an event.
CENSORED: dict[str, tuple[int, ...]] = {
    "ret_km": (EVENT_CODES["transfer_out"],),
    "ret_km_net": (EVENT_CODES["transfer_out"], EVENT_CODES["death"], EVENT_CODES["prison"]),
    "ret_dropout": tuple(code for reason, code in EVENT_CODES.items() if reason != "dropout"),
}
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
    rule = "ret_km_net" if net else "ret_km"
    known = "_known_reasons" if cohort.population == KNOWN_REASONS else ""
    name = "retention_net" if net else f"retention{known}" if group is None else f"retention_by_{group}"
    return Result(f"{name}_{ends_of(cohort, definitions)}", "curve", _curves(cohort, definitions, rule, group))


def estimate_dropout(cohort: Cohort, definitions: Definitions) -> Result:
    """The curve of dropout alone, every other end censored: what `ret_cif` is made of, together with `ret_km`.

    Notes
    -----
    One minus this curve is not the probability of having dropped out: it is what would be if nobody could leave in another
    way. It carries the cause-specific hazard of dropout, and nothing else is read from it (`estimate_incidence`).
    """
    frame = _curves(cohort, definitions, "ret_dropout", None).assign(estimand="dropout_only")
    return Result(f"dropout_{ends_of(cohort, definitions)}", "curve", frame)


def ends_of(cohort: Cohort, definitions: Definitions) -> str:
    """By which rule the episodes of a cohort end, as `definition` says it after the bar: `gap30`, `d15of90`, `recorded`."""
    if cohort.recorded:
        return "recorded"
    return cohort.ends or f"gap{definitions.gap_days}"


def _curves(cohort: Cohort, definitions: Definitions, rule: str, group: str | None) -> pd.DataFrame:
    frame = require_enough(cohort.frame)
    levels: Sequence[str | None] = [None] if group is None else sorted(frame[group].dropna().unique())
    parts = []
    for level in levels:
        part = frame if level is None else frame[frame[group] == level]
        curve = _curve(part, definitions, CENSORED[rule], cohort.recorded)
        parts.append(curve.assign(group=group or "", level="" if level is None else str(level)))
    if not parts:
        raise NotSupported(_("No client has a value of {column}.", column=group or ""))
    return pd.concat(parts, ignore_index=True).assign(
        estimand="retention",
        population=cohort.population,
        definition=f"{rule}|{ends_of(cohort, definitions)}",
        unit="probability",
    )


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


def require_enough(frame: pd.DataFrame) -> pd.DataFrame:
    if len(frame) < SMALLEST_COHORT:
        raise NotSupported(
            _("Fewer than {n} clients are left, too few for a retention curve.", n=SMALLEST_COHORT),
            cure=_("The cohort chapter shows at which step clients were left out."),
        )
    return frame
