"""The rule of each kind of result: what one Result needs before it may be shown, whatever else is in the book."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from oatmill.disclosure.keys import CUMULATIVE, Curve, curves_of, keys_of, whole_of
from oatmill.disclosure.plan import Rounding
from oatmill.disclosure.released import Released
from oatmill.errors import DisclosureRefused
from oatmill.results import Result
from oatmill.survival import kaplan_meier_from_counts
from oatmill.text import _

VALUES = ["estimate", "lower", "upper", "se", "n", "events"]

Rule = Callable[[Result, pd.DataFrame, Rounding], pd.DataFrame]


def released_frame(result: Result, rounding: Rounding) -> pd.DataFrame:
    """The Result's rows with every number as it may be shown, `status` and `reason`."""
    frame = result.frame.assign(status="shown", reason="")
    if result.public:
        return frame
    if result.kind not in RULES:
        raise DisclosureRefused(_("No disclosure rule covers this kind of result, so it is not shown."))
    return RULES[result.kind](result, frame, rounding)


def _counts(result: Result, frame: pd.DataFrame, rounding: Rounding) -> pd.DataFrame:
    """Counts of clients by the profile; counts of anything else also need enough clients (`n`) behind them."""
    small = (frame["unit"] != "clients") & (frame["n"] > 0) & (frame["n"] < rounding.profile.small_group)
    frame = _rounded(result, frame, rounding)
    frame = _withhold(frame, frame["estimate"].isna(), _("count too small"))
    return _withhold(frame, small, _("too few clients behind it"))


def _proportions(result: Result, frame: pd.DataFrame, rounding: Rounding) -> pd.DataFrame:
    """Shares of rounded counts, with Wilson limits."""
    from statsmodels.stats.proportion import proportion_confint

    small = frame["n"] < rounding.profile.small_group
    frame = _rounded(result, frame, rounding).assign(estimate=np.nan, lower=np.nan, upper=np.nan, se=np.nan)
    frame["events"] = np.minimum(frame["events"], frame["n"])
    whole = (frame["n"] > 0) & frame["events"].notna()
    events, n = frame.loc[whole, "events"], frame.loc[whole, "n"]
    lower, upper = proportion_confint(events, n, method="wilson")
    frame.loc[whole, "estimate"], frame.loc[whole, "lower"], frame.loc[whole, "upper"] = events / n, lower, upper
    frame = _withhold(frame, frame["estimate"].isna(), _("count too small"))
    return _withhold(frame, small, _("group too small"))


def _means(result: Result, frame: pd.DataFrame, rounding: Rounding) -> pd.DataFrame:
    """Means of enough clients, no finer than one client could move them.

    Their errors and limits are left out: with the spread they would tell the number of clients.
    """
    small = frame["n"] < rounding.profile.small_group
    spread = frame["se"] * np.sqrt(frame["n"])
    frame = _rounded(result, frame, rounding)
    if rounding.profile.rule != "exact":
        one_client = spread.where(spread > 0, frame["estimate"].abs().clip(lower=1)) / frame["n"]
        grid = _decimal_at_least(one_client)
        frame = frame.assign(estimate=_to_grid(frame["estimate"], grid), lower=np.nan, upper=np.nan, se=np.nan)
    return _withhold(frame, small | frame["n"].isna(), _("group too small"))


def _regression(result: Result, frame: pd.DataFrame, rounding: Rounding) -> pd.DataFrame:
    """Ratios with enough events per term, no finer on the log scale than one event could move them."""
    if result.parameters < 1:
        raise DisclosureRefused(_("A regression must say how many coefficients it fitted."))
    profile = rounding.profile
    few = frame["events"] < profile.events_per_term * result.parameters
    small = frame["n"] < profile.small_group
    one_event = frame["se"].where(frame["se"] > 0, frame["se"].max()) / np.sqrt(frame["events"])
    frame = _rounded(result, frame, rounding)
    if profile.rule != "exact":
        grid = _decimal_at_least(one_event)
        ratios = {name: np.exp(_to_grid(np.log(frame[name]), grid)) for name in ("estimate", "lower", "upper")}
        frame = frame.assign(**ratios, se=_to_grid(frame["se"], grid))
    return _withhold(frame, few | small | frame["n"].isna(), _("too few clients, or too few events per term"))


def _derived(result: Result, frame: pd.DataFrame, rounding: Rounding) -> pd.DataFrame:
    """Numbers computed from released ones tell no more than those do."""
    if not result.sources or not all(isinstance(source, Released) for source in result.sources):
        raise DisclosureRefused(_("A derived result must name the released results that it was computed from."))
    small = frame["n"] < rounding.profile.small_group
    frame = _withhold(frame, frame["estimate"].isna(), _("computed from a number that is withheld"))
    return _withhold(frame, small, _("group too small"))


def _curves(result: Result, frame: pd.DataFrame, rounding: Rounding) -> pd.DataFrame:
    """Curves from rounded cumulative counts: a step appears only where the rounded number of exits rises."""
    parts = [_curve(curve, frame.loc[curve.frame.index], rounding) for curve in curves_of(result)]
    return pd.concat(parts, ignore_index=True) if parts else frame


def _curve(curve: Curve, frame: pd.DataFrame, rounding: Rounding) -> pd.DataFrame:
    size = rounding.count(curve.size_key, curve.size)
    if curve.size < rounding.profile.small_group or np.isnan(size):
        return _withhold(frame.head(1), [True], _("group too small"))
    steps = rounded_curve(curve, size, rounding)
    new = kaplan_meier_from_counts(frame["day"].to_numpy().astype(int), np.maximum(steps["n"], 1), steps["events"])
    known = steps["known"].to_numpy()
    # A row for a day on which no rounded count changed would tell that somebody left on that very day.
    kept = (known & (steps["events"].to_numpy() > 0)) | (frame["term"] != "").to_numpy()
    frame = frame.assign(n=steps["n"].to_numpy(), events=steps["events"].to_numpy())
    times = rounding.times(curve.on("left", ""))
    frame = _with_limits(frame, new, rounding.profile.base * times // 2)
    frame = _say_wider(frame, [times > 1] * len(frame), rounding.profile.base * times)
    return _withhold(frame, ~known, _("too few clients at risk, or too few exits"))[kept]


def rounded_curve(curve: Curve, size: float, rounding: Rounding) -> pd.DataFrame:
    """Released numbers at risk (`n`) and `events` by row of a curve, and whether they may be shown (`known`)."""
    days = curve.frame["day"].to_numpy()
    left, censored, entered = (_released(curve, what, days, rounding) for what in CUMULATIVE)
    # A hidden number of exits is not "nobody left": nothing is said until it is large enough to be shown.
    hidden = np.isnan(left)
    events = np.diff(np.nan_to_num(left), prepend=0)
    lost = np.diff(np.where(np.isnan(censored), rounding.profile.base, censored), prepend=0)
    gone = np.concatenate([[0], np.cumsum(events + lost)[:-1]])
    at_risk = np.maximum(size + np.nan_to_num(entered) - gone, 0)
    known = (at_risk >= rounding.profile.curve_at_risk) & ~hidden
    events = np.where(known, np.minimum(events, at_risk), 0)
    return pd.DataFrame({"n": at_risk, "events": events, "known": known})


def curve_counts(curve: Curve, rounding: Rounding) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The released cumulative counts of a curve by row, and whether the curve is shown there (a count may be hidden)."""
    days, size = curve.frame["day"].to_numpy(), rounding.count(curve.size_key, curve.size)
    seen = np.zeros(len(days), bool)
    withheld = whole_of(curve.on("left", "")) in rounding.plan.withheld
    if curve.size >= rounding.profile.small_group and not np.isnan(size) and not withheld:
        seen = (rounded_curve(curve, size, rounding)["n"] >= rounding.profile.curve_at_risk).to_numpy()
    return {what: (_released(curve, what, days, rounding), seen) for what in CUMULATIVE}


def _released(curve: Curve, what: str, days: np.ndarray, rounding: Rounding) -> np.ndarray:
    """Released cumulative counts; a count that keeps an older value never falls below the day before."""
    true = getattr(curve, what)
    if rounding.plan.kept:
        values = [rounding.count(curve.on(what, day), count) for day, count in zip(days, true, strict=True)]
    else:  # equal counts are shown alike, and a long curve has few
        alike = {count: rounding.count(curve.on(what, ""), count) for count in np.unique(true).tolist()}
        values = [alike[count] for count in true.tolist()]
    return pd.Series(values, dtype=float).cummax().to_numpy()


def _with_limits(curve: pd.DataFrame, new: pd.DataFrame, half_class: int) -> pd.DataFrame:
    """The curve of the rounded counts, its limits widened by what the rounding can move it; none before the first exit."""
    survival = new["survival"].to_numpy()
    moved = survival * half_class / np.maximum(curve["n"].to_numpy(), 1)
    lower = np.maximum(new["lower"].to_numpy() - moved, 0)
    upper = np.minimum(new["upper"].to_numpy() + moved, 1)
    certain = survival >= 1
    limits = {"lower": np.where(certain, np.nan, lower), "upper": np.where(certain, np.nan, upper)}
    return curve.assign(estimate=survival, se=new["se"].to_numpy(), **limits)


def _rounded(result: Result, frame: pd.DataFrame, rounding: Rounding) -> pd.DataFrame:
    """Every count as released; a row with a count that the plan withholds is withheld, of a wider one the row says so."""
    values = {name: frame[name].to_numpy(float).copy() for name in ("estimate", "n", "events")}
    width, hidden = np.ones(len(frame), int), np.zeros(len(frame), bool)
    for (row, column), key in keys_of(result).items():
        values[column][row] = rounding.count(key, values[column][row])
        width[row] = max(width[row], rounding.times(key))
        hidden[row] |= whole_of(key) in rounding.plan.withheld
    frame = _say_wider(frame.assign(**values), width > 1, rounding.profile.base * width)
    return _withhold(frame, hidden, _("withheld because other numbers would reveal it"))


def _say_wider(frame: pd.DataFrame, wider: Any, width: Any) -> pd.DataFrame:
    if not np.any(wider):
        return frame
    reasons = [
        _("shown in a class of {width}, because other numbers would reveal it", width=int(size)) if wide else old
        for wide, size, old in zip(wider, np.broadcast_to(width, len(frame)), frame["reason"], strict=True)
    ]
    return frame.assign(reason=reasons)


def _withhold(frame: pd.DataFrame, hidden: Any, reason: str) -> pd.DataFrame:
    """These rows without their numbers; a row that is withheld already keeps its reason."""
    new = np.asarray(hidden, bool) & (frame["status"] == "shown").to_numpy()
    if not new.any():
        return frame
    frame = frame.copy()
    frame.loc[new, VALUES] = np.nan
    frame.loc[new, "status"], frame.loc[new, "reason"] = "withheld", reason
    return frame


def _decimal_at_least(size: pd.Series) -> np.ndarray:
    """The smallest power of ten that is not below each number."""
    with np.errstate(divide="ignore"):
        return 10.0 ** np.ceil(np.log10(size.to_numpy(float)))


def _to_grid(values: pd.Series, grid: np.ndarray) -> np.ndarray:
    usable = (grid > 0) & np.isfinite(grid)
    steps = np.where(usable, grid, 1.0)
    return np.where(usable, np.round(values.to_numpy(float) / steps) * steps, values.to_numpy(float))


RULES: dict[str, Rule] = {
    "counts": _counts,
    "proportions": _proportions,
    "curve": _curves,
    "means": _means,
    "regression": _regression,
    "derived": _derived,
}
