"""Does a hazard ratio stay the same over time? The score test of proportional hazards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import stats

from oatmill.survival._arrays import Floats
from oatmill.survival._partial_likelihood import information
from oatmill.survival.cox import CoxFit
from oatmill.survival.curves import kaplan_meier
from oatmill.survival.day_tables import DayTable
from oatmill.survival.errors import SurvivalError

Transform = Literal["km", "identity", "rank", "log"]


def proportional_hazards_test(
    fit: CoxFit, transform: Transform = "km", terms: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Score test of every coefficient against one that changes with g(time).

    Parameters
    ----------
    fit : CoxFit
        From `fit_cox`.
    transform : {"km", "identity", "rank", "log"}
        g: 1 - Kaplan-Meier just before the day, the day, the rank of the day among all stop days, or its logarithm.
    terms : mapping of str to sequence of str, optional
        Covariates to be tested together, by label (the columns of a spline, say); default each by itself.

    Returns
    -------
    DataFrame, one row per term and a last one, "GLOBAL", for all covariates
        term, statistic, df, p_value.

    Raises
    ------
    SurvivalError
        ``unknown-option``, ``unknown-term``.

    Notes
    -----
    As ``cox.zph`` of R's survival 3.x. It uses the model-based information: with clustered rows the p-values are too
    small. With many events trivial departures are significant; look at the size of the change, not at the test alone.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515-526.
    """
    if transform not in get_args(Transform):
        raise SurvivalError("unknown-option", f"transform must be one of {get_args(Transform)}, not {transform!r}.")
    groups = {name: [name] for name in fit.names} if terms is None else {k: list(v) for k, v in terms.items()}
    if unknown := sorted({name for names in groups.values() for name in names} - set(fit.names)):
        raise SurvivalError("unknown-term", f"Not in the model: {', '.join(unknown)}.")
    score, joint_information = _extended_model(fit, transform)
    places = {label: [fit.names.index(name) for name in names] for label, names in groups.items()}
    places["GLOBAL"] = list(range(len(fit.names)))
    rows = [(label, _statistic(score, joint_information, at), len(at)) for label, at in places.items()]
    table = pd.DataFrame(rows, columns=["term", "statistic", "df"])
    return table.assign(p_value=stats.chi2.sf(table["statistic"], table["df"]))


def _extended_model(fit: CoxFit, transform: Transform) -> tuple[Floats, Floats]:
    """Score of the x g(t) terms at the fit, and the information of x and x g(t) together, (2p, 2p)."""
    model, sums = fit._scaled.likelihood, fit._point.sums
    sets = model.sets
    day_values = _time_values(fit._days, transform)
    g = day_values[sets.cell_day - 1] - np.average(day_values, weights=fit._days.any_event)
    observed = sets.sum_of_events(model.x if model.weights is None else model.x * model.weights)
    score = (observed - sums.expected_x) @ g
    plain, mixed, squared = (information(model, sums, factor) for factor in (None, g, g**2))
    return score, np.block([[plain, mixed], [mixed, squared]])


def _time_values(days: DayTable, transform: Transform) -> Floats:
    """Return g on days 1..D."""
    if transform == "identity":
        return days.day.astype(float)
    if transform == "log":
        return np.log(days.day)
    if transform == "rank":
        stops = days.any_event + days.censored
        return np.cumsum(stops) - (stops - 1) / 2
    curve = kaplan_meier(days)
    steps = np.searchsorted(curve["day"].to_numpy(), days.day, side="left")  # just before the day
    return 1 - np.concatenate([[1.0], curve["survival"].to_numpy()])[steps]


def _statistic(score: Floats, joint_information: Floats, places: list[int]) -> float:
    p = len(score)
    tested = [p + place for place in places]
    used = [*range(p), *tested]
    full = np.concatenate([np.zeros(p), score[places]])
    return float(full @ np.linalg.solve(joint_information[np.ix_(used, used)], full))
