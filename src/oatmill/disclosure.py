"""Result -> Released: the only door from results to tables, figures and files.

A release is a decision on the whole book: `release` applies the rules that need one Result and the plan that
`plan_release` made from all of them. It fails closed: a kind of result without a rule is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from oatmill.errors import DisclosureRefused
from oatmill.profiles import PROFILES, Profile
from oatmill.results import CELL, COLUMNS, Result
from oatmill.survival import kaplan_meier_from_counts
from oatmill.text import _

RELEASED_COLUMNS = (*COLUMNS, "status", "reason")
_VALUES = ["estimate", "lower", "upper", "se", "n", "events"]
_KEY = object()


@dataclass(frozen=True)
class Released:
    """Numbers that may be shown.

    `frame` has the columns of a Result plus `status` (shown, withheld) and `reason`; a withheld cell is
    NaN and keeps its place and type. `notes` are the sentences that stand under a table or figure.
    """

    output: str
    kind: str
    frame: pd.DataFrame
    profile: str
    notes: tuple[str, ...]
    key: object = field(repr=False, default=None, compare=False)

    def __post_init__(self) -> None:
        if self.key is not _KEY:
            raise DisclosureRefused(_("Only the disclosure module makes released results."))

    def where(self, **equal: Any) -> pd.DataFrame:
        """The rows in which these columns have these values."""
        kept = self.frame
        for column, value in equal.items():
            kept = kept[kept[column] == value]
        return kept

    def one(self, **equal: Any) -> pd.Series:
        """The single row in which these columns have these values."""
        rows = self.where(**equal)
        if len(rows) != 1:
            raise KeyError(f"{self.output}: {len(rows)} rows where {equal}")
        return rows.iloc[0]


@dataclass(frozen=True)
class Plan:
    """What the book as a whole needs beyond the rules of each Result: cells to withhold, by output."""

    withheld: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    def of(self, output: str) -> set[tuple[str, ...]]:
        return set(self.withheld.get(output, ()))


def cell_of(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """The identity of a cell: population, definition, measure, group, level, term, day and period; never its page."""
    return tuple("" if _missing(row[name]) else f"{row[name]:g}" if name == "day" else str(row[name]) for name in CELL)


def release(result: Result, profile: str, plan: Plan | None = None) -> Released:
    """Apply the profile and the plan to one Result.

    Raises
    ------
    DisclosureRefused
        for an unknown profile, a kind of result without a rule, or a regression that does not say its size
    """
    if profile not in PROFILES:
        raise DisclosureRefused(_("There is no disclosure profile of this name."))
    rules = PROFILES[profile]
    frame = result.frame.assign(status="shown", reason="")
    notes: tuple[str, ...] = ()
    if not result.public:
        if result.kind not in _RULES:
            raise DisclosureRefused(_("No disclosure rule covers this kind of result, so it is not shown."))
        frame = _RULES[result.kind](frame, rules, result.parameters)
        notes = (_(rules.note),)
    frame = _withhold_planned(frame, plan.of(result.output) if plan else set())
    return Released(result.output, result.kind, frame[list(RELEASED_COLUMNS)], profile, notes, _KEY)


def plan_release(results: Iterable[Result]) -> Plan:
    """Decide on the whole book: a pure function of all unreleased Results.

    One quantity has one released value in the whole book: a cell that two outputs hold with different true
    values is refused, since its two released values would reveal more than either.
    """
    known: dict[tuple[str, ...], float] = {}
    for result in results:
        if result.kind not in ("counts", "proportions") or result.public:
            continue
        for row in result.frame.to_dict("records"):
            cell, value = (*cell_of(row), row["unit"]), row["estimate"]
            if cell in known and not _same(known[cell], value):
                named = " / ".join(filter(None, cell))
                raise DisclosureRefused(_("The cell {cell} has two values in the book.", cell=named))
            known[cell] = value
    return Plan()


def _release_counts(frame: pd.DataFrame, profile: Profile, _parameters: int) -> pd.DataFrame:
    """Counts of clients by the profile; counts of anything else also need enough clients (`n`) behind them."""
    few = (frame["unit"] != "clients") & (frame["n"] > 0) & (frame["n"] < profile.small_group)
    frame = _round_bases(frame.assign(estimate=_rounded(frame["estimate"], profile)), profile)
    return _withhold(frame, few | frame["estimate"].isna(), _("count too small"))


def _release_proportions(frame: pd.DataFrame, profile: Profile, _parameters: int) -> pd.DataFrame:
    """Shares of rounded counts, with Wilson limits."""
    from statsmodels.stats.proportion import proportion_confint

    small = frame["n"] < profile.small_group
    frame = _round_bases(frame, profile).assign(estimate=np.nan, lower=np.nan, upper=np.nan, se=np.nan)
    frame["events"] = np.minimum(frame["events"], frame["n"])
    whole = (frame["n"] > 0) & frame["events"].notna()
    events, n = frame.loc[whole, "events"], frame.loc[whole, "n"]
    lower, upper = proportion_confint(events, n, method="wilson")
    frame.loc[whole, "estimate"], frame.loc[whole, "lower"], frame.loc[whole, "upper"] = events / n, lower, upper
    return _withhold(frame, small | frame["estimate"].isna(), _("group too small"))


def _release_curve(frame: pd.DataFrame, profile: Profile, _parameters: int) -> pd.DataFrame:
    """Curves from rounded cumulative counts: a step appears only where the rounded number of events rises."""
    keys = ["definition", "population", "model", "group", "level", "estimand", "unit"]
    parts = [_one_curve(part.sort_values("day"), profile) for _key, part in frame.groupby(keys, sort=False)]
    return pd.concat(parts, ignore_index=True) if parts else frame


def _one_curve(curve: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    if curve["n"].iloc[0] < profile.small_group:
        return _withhold(curve.head(1), [True], _("group too small"))
    leavers, losses = (_rounded(curve[name].cumsum(), profile) for name in ("events", "censored"))
    # A hidden number of exits is not "nobody left": nothing is said until it is large enough to be shown.
    hidden = leavers.isna().to_numpy()
    events = np.diff(leavers.fillna(0), prepend=0)
    censored = np.diff(losses.fillna(profile.base), prepend=0)
    gone = np.concatenate([[0], np.cumsum(events + censored)[:-1]])
    at_risk = np.maximum(profile.count(curve["n"].iloc[0]) - gone, 0)
    known = (at_risk >= profile.curve_at_risk) & ~hidden
    events = np.where(known, np.minimum(events, at_risk), 0)
    new = kaplan_meier_from_counts(curve["day"].to_numpy().astype(int), np.maximum(at_risk, 1), events)
    # A row for a day on which no rounded count changed would tell that somebody left on that very day.
    kept = (known & (events > 0)) | (curve["term"] != "").to_numpy()
    curve = _with_limits(curve.assign(n=at_risk, events=events), new, profile)
    return _withhold(curve, ~known, _("too few clients at risk, or too few exits"))[kept]


def _with_limits(curve: pd.DataFrame, new: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    """The curve of the rounded counts, its limits widened by what the rounding can move it; none before the first exit."""
    survival = new["survival"].to_numpy()
    moved = survival * (profile.base // 2) / np.maximum(curve["n"].to_numpy(), 1)
    lower = np.maximum(new["lower"].to_numpy() - moved, 0)
    upper = np.minimum(new["upper"].to_numpy() + moved, 1)
    certain = survival >= 1
    limits = {"lower": np.where(certain, np.nan, lower), "upper": np.where(certain, np.nan, upper)}
    return curve.assign(estimate=survival, se=new["se"].to_numpy(), **limits)


def _release_means(frame: pd.DataFrame, profile: Profile, _parameters: int) -> pd.DataFrame:
    return _withhold(_round_bases(frame, profile), frame["n"] < profile.small_group, _("group too small"))


def _release_regression(frame: pd.DataFrame, profile: Profile, parameters: int) -> pd.DataFrame:
    if parameters < 1:
        raise DisclosureRefused(_("A regression must say how many coefficients it fitted."))
    few = frame["events"] < profile.events_per_term * parameters
    small = frame["n"] < profile.small_group
    return _withhold(_round_bases(frame, profile), few | small, _("too few events per term"))


_RULES: dict[str, Callable[[pd.DataFrame, Profile, int], pd.DataFrame]] = {
    "counts": _release_counts,
    "proportions": _release_proportions,
    "curve": _release_curve,
    "means": _release_means,
    "regression": _release_regression,
}


def _withhold_planned(frame: pd.DataFrame, cells: set[tuple[str, ...]]) -> pd.DataFrame:
    if not cells:
        return frame
    hidden = np.array([cell_of(row) in cells for row in frame.to_dict("records")], bool)
    return _withhold(frame, hidden, _("withheld because other numbers would reveal it"))


def _withhold(frame: pd.DataFrame, hidden: Any, reason: str) -> pd.DataFrame:
    hidden = np.asarray(hidden, bool)
    frame = frame.copy()
    frame.loc[hidden, _VALUES] = np.nan
    frame.loc[hidden, "status"], frame.loc[hidden, "reason"] = "withheld", reason
    return frame


def _rounded(values: pd.Series, profile: Profile) -> pd.Series:
    return values.map(profile.count).astype(float)


def _round_bases(frame: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    return frame.assign(n=_rounded(frame["n"], profile), events=_rounded(frame["events"], profile))


def _missing(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)


def _same(a: float, b: float) -> bool:
    return a == b or (_missing(a) and _missing(b))
