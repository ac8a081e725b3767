"""What is read off a curve: its value on a day, its quantiles, the area under it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival._checks import as_floats, as_whole_numbers
from oatmill.survival._limits import last_step, normal_quantile
from oatmill.survival.errors import SurvivalError

TIE = float(np.sqrt(np.finfo(np.float64).eps))
"""Two probabilities closer than this are equal, as in R's quantile.survfit."""


def survival_at(curve: pd.DataFrame, days: ArrayLike) -> pd.DataFrame:
    """Value of a Kaplan-Meier curve on given days, as ``summary(survfit, times=)`` prints it.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier` or `follow_up`.
    days : array_like of int, shape (m,)
        Days >= 0, in any order.

    Returns
    -------
    DataFrame, m rows
        day, survival, se, lower, upper. Events of the day itself are included. Before the first step: 1, with
        standard error 0. After the last day under observation: NaN, unless the curve has already fallen to 0
        (R leaves such rows out).

    Raises
    ------
    SurvivalError
        ``negative-day`` or the codes of non-numeric days.
    """
    wanted = _days_from_zero(days)
    start = {"survival": 1.0, "se": 0.0, "lower": 1.0, "upper": 1.0}
    values = _step_values(curve, wanted, start)
    beyond = (wanted > curve["day"].iloc[-1]) & (curve["survival"].iloc[-1] > 0)
    values.loc[beyond] = np.nan
    return values.assign(day=wanted)[["day", *start]]


def incidence_at(incidence: pd.DataFrame, days: ArrayLike) -> pd.DataFrame:
    """Value of every cumulative incidence curve on given days.

    Parameters
    ----------
    incidence : DataFrame
        From `aalen_johansen`.
    days : array_like of int, shape (m,)
        Days >= 0.

    Returns
    -------
    DataFrame, m rows per cause
        day, cause, cif, se, lower, upper; sorted by cause, days in the order given. Before the first step 0; after
        the last day under observation NaN, unless nobody was left.
    """
    wanted = _days_from_zero(days)
    start = {"cif": 0.0, "se": 0.0, "lower": 0.0, "upper": 0.0}
    last_day, everybody_left = incidence["day"].max(), _everybody_left(incidence)
    blocks = []
    for cause, curve in incidence.groupby("cause", sort=True):
        values = _step_values(curve, wanted, start)
        values.loc[(wanted > last_day) & (not everybody_left)] = np.nan
        blocks.append(values.assign(day=wanted, cause=cause)[["day", "cause", *start]])
    return pd.concat(blocks, ignore_index=True)


def quantile(curve: pd.DataFrame, p: ArrayLike = 0.5) -> pd.DataFrame:
    """Day by which a share `p` has had the event, with limits, as R's ``quantile(survfit)``.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier` or `follow_up`.
    p : float or array_like of float, shape (m,)
        Shares within [0, 1]; 0.5 is the median.

    Returns
    -------
    DataFrame, m rows
        p, quantile, lower, upper in days; NaN where the curve (or its limit) does not fall far enough.

    Notes
    -----
    Where the curve is flat at exactly 1 - p, the middle of the flat stretch is returned (so a median may be 30.5).
    The limits are the days on which the pointwise limits of the curve cross 1 - p (Brookmeyer and Crowley).

    References
    ----------
    Brookmeyer R, Crowley J. Biometrics 1982;38:29-41.
    """
    shares = np.atleast_1d(as_floats(p, "p"))
    if ((shares < 0) | (shares > 1)).any():
        raise SurvivalError("bad-share", "p must lie within 0 and 1.")
    days = np.concatenate([[0.0], curve["day"].to_numpy(dtype=float)])
    columns = {"quantile": "survival", "lower": "lower", "upper": "upper"}
    found = {name: _crossing(days, 1 - curve[column].to_numpy(), shares) for name, column in columns.items()}
    return pd.DataFrame({"p": shares, **found})


@dataclass(frozen=True)
class RestrictedMean:
    """Mean days until the event within the first `horizon` days, with its standard error and normal limits."""

    horizon: int
    mean: float
    se: float
    lower: float
    upper: float


def restricted_mean(curve: pd.DataFrame, horizon: int, confidence: float = 0.95) -> RestrictedMean:
    """Area under a Kaplan-Meier curve from day 0 to the horizon.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier` or `kaplan_meier_from_counts`.
    horizon : int
        Last day, >= 1, chosen before looking at the data.
    confidence : float
        Level of the limits, which are kept within [0, horizon].

    Returns
    -------
    RestrictedMean

    Raises
    ------
    SurvivalError
        ``horizon-beyond-follow-up`` where the curve ends before the horizon without having reached 0 (R extends the
        last value silently).

    Notes
    -----
    The variance is R's: the sum over event days of (area from the day to the horizon)^2 d / (n (n - d)), a day on
    which everybody at risk leaves contributing nothing.
    """
    if horizon < 1:
        raise SurvivalError("bad-horizon", f"The horizon must be day 1 or later, not {horizon}.")
    last, end = int(curve["day"].iloc[-1]), float(curve["survival"].iloc[-1])
    if horizon > last and end > 0:
        raise SurvivalError("horizon-beyond-follow-up", f"Nobody was observed after day {last}; horizon: {horizon}.")
    used = curve[curve["day"] <= horizon]
    widths = np.diff(np.concatenate([[0], used["day"].to_numpy(), [horizon]])).astype(float)
    areas = widths * np.concatenate([[1.0], used["survival"].to_numpy()])
    area_after = areas[::-1].cumsum()[::-1][1:]  # one per step: from that day to the horizon
    se = float(np.sqrt(np.sum(area_after**2 * _greenwood_terms(used))))
    mean, z = float(areas.sum()), normal_quantile(confidence)
    return RestrictedMean(horizon, mean, se, max(mean - z * se, 0.0), min(mean + z * se, float(horizon)))


def _greenwood_terms(curve: pd.DataFrame) -> Floats:
    risk, events = curve["at_risk"].to_numpy(dtype=float), curve["events"].to_numpy(dtype=float)
    left = risk - events
    return np.divide(events, risk * left, out=np.zeros(len(risk)), where=left > 0)


def _crossing(days: Floats, falls: Floats, shares: Floats) -> Floats:
    """First day on which 1 - S reaches each share; `days` starts with day 0, `falls` does not."""
    reached = np.concatenate([[0.0], falls])
    first = _first_index(reached >= shares[:, None] - TIE)
    after = _first_index(reached >= shares[:, None] + TIE)
    # A curve that ends flat at exactly 1 - p: the middle between that step and the last day.
    after = np.where((after < 0) & (np.abs(shares - reached[-1]) < TIE), len(days) - 1, after)
    found = (days[first] + days[after]) / 2
    found[(first < 0) | (after < 0)] = np.nan
    found[shares == 0] = 0.0
    return found


def _first_index(hits: NDArray[np.bool_]) -> Integers:
    return np.where(hits.any(axis=1), hits.argmax(axis=1), -1)


def _days_from_zero(days: ArrayLike) -> Integers:
    wanted = as_whole_numbers(np.atleast_1d(np.asarray(days)), "days")
    if wanted.size and wanted.min() < 0:
        raise SurvivalError("negative-day", "days must be 0 or later.")
    return wanted


def _step_values(curve: pd.DataFrame, days: Integers, start: dict[str, float]) -> pd.DataFrame:
    step = last_step(curve["day"].to_numpy(), days) + 1
    return pd.DataFrame({name: np.concatenate([[value], curve[name]])[step] for name, value in start.items()})


def _everybody_left(incidence: pd.DataFrame) -> bool:
    at_end = incidence.loc[incidence["day"] == incidence["day"].max(), "cif"].sum()
    return bool(at_end > 1 - TIE)
