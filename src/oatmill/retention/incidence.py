"""`ret_cif`: 1 - the cumulative incidence of dropout, computed from two released curves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from oatmill.results import Result, Shown
from oatmill.survival import aalen_johansen_from_counts


def estimate_incidence(every_end: Shown, dropout: Shown) -> Result:
    """1 - the Aalen-Johansen incidence of dropout at the horizons, the other ends competing, transfers out censored.

    Parameters
    ----------
    every_end : `ret_km` of the cohort by cause, released
    dropout : of `estimate_dropout` on the same cohort, released

    Notes
    -----
    It is computed from the counts that the two curves show, so it tells no more than they do. Limits are log-log, on the
    scale of the incidence. `n` is the number at risk.

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141-150.
    """
    days, at_risk, events = _counts(every_end, dropout)
    found = every_end.frame[every_end.frame["term"] == "horizon"]
    rows = found[["day", "n", "population"]].assign(estimate=np.nan, lower=np.nan, upper=np.nan)
    if len(days):
        both = aalen_johansen_from_counts(days, at_risk, events)
        incidence = both[both["cause"] == 1]
        at = np.searchsorted(incidence["day"].to_numpy(), rows["day"].to_numpy(), side="right") - 1
        shown = (found["status"] == "shown").to_numpy() & _reaches(dropout, rows["day"])
        for name, column in (("estimate", "cif"), ("lower", "upper"), ("upper", "lower")):
            values = np.append(incidence[column].to_numpy(), 0.0)[at]  # before the first event nobody has dropped out
            rows[name] = np.where(shown, 1 - values, np.nan)
        certain = rows["estimate"] >= 1
        rows.loc[certain, ["lower", "upper"]] = np.nan
    ends = every_end.frame["definition"].iloc[0].partition("|")[2]
    same = {"estimand": "retention", "definition": f"ret_cif|{ends}", "unit": "proportion", "term": "horizon"}
    return Result(f"retention_cif_{ends}", "derived", rows.assign(**same), sources=(every_end, dropout))


def _counts(every_end: Shown, dropout: Shown) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days, numbers at risk, and ends by dropout and by anything else, as far as both curves are shown."""
    whole, part = (_steps(curve) for curve in (every_end, dropout))
    both = whole.join(part, how="outer", rsuffix="_part")
    left = both["events"].fillna(0).cumsum()
    dropped = both["events_part"].fillna(0)
    # Rounded one by one, dropouts can exceed all ends by a class: then nobody left in another way.
    other = (left - dropped.cumsum()).clip(lower=0).cummax().diff().fillna((left - dropped).clip(lower=0))
    at_risk = np.maximum(both["n"].fillna(both["n_part"]), dropped + other)
    return both.index.to_numpy().astype(int), np.asarray(at_risk), np.column_stack([dropped, other])


def _steps(curve: Shown) -> pd.DataFrame:
    frame = curve.frame[curve.frame["status"] == "shown"]
    return frame.set_index("day")[["n", "events"]].sort_index()


def _reaches(curve: Shown, days: pd.Series) -> np.ndarray:
    """Whether a curve is shown on these days."""
    frame = curve.frame
    return days.isin(frame.loc[frame["status"] == "shown", "day"]).to_numpy()
