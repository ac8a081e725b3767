"""Baseline hazards of a Cox model and the survival it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival._checks import as_whole_numbers, require_length
from oatmill.survival._cox_data import Covariates, read_covariates
from oatmill.survival._limits import last_step
from oatmill.survival.cox import CoxFit
from oatmill.survival.errors import SurvivalError

At = Literal["means", "zero"]


def baseline_hazard(fit: CoxFit, at: At = "means") -> pd.DataFrame:
    """Hazard on every event day of every stratum, for one set of covariates.

    Parameters
    ----------
    fit : CoxFit
    at : {"means", "zero"}
        Covariates at `fit.means`, or all zero. At zero the numbers may be absurd (a dose of 0 mg, an age of 0).

    Returns
    -------
    DataFrame, one row per stratum and event day
        stratum (label), day, events, hazard, cumulative_hazard. The tie correction is that of the model (Efron or
        Breslow), as ``survfit(coxph)`` does.

    Notes
    -----
    ``basehaz(centered = TRUE)`` in R leaves 0/1 covariates at 0 when it centres, so that only ``at="zero"`` compares
    with ``centered = FALSE``.
    """
    if at not in get_args(At):
        raise SurvivalError("unknown-option", f"at must be one of {get_args(At)}, not {at!r}.")
    sets = fit._scaled.likelihood.sets
    shift = 0.0 if at == "means" else float(fit.means @ fit.coefficients)
    hazard = fit._point.sums.a * np.exp(-shift)
    frame = pd.DataFrame({"code": sets.cell_stratum, "day": sets.cell_day})
    frame["events"] = np.bincount(sets.event_cell, minlength=sets.n_cells)
    frame["hazard"] = hazard
    frame["cumulative_hazard"] = frame.groupby("code")["hazard"].cumsum()
    frame.insert(0, "stratum", [fit.strata[code] for code in frame.pop("code")])
    return frame


def predict_survival(fit: CoxFit, x: Covariates, days: ArrayLike, strata: Sequence[object] | None = None) -> Floats:
    """Predicted probability of no event by each day, for people whose covariates do not change.

    Parameters
    ----------
    fit : CoxFit
    x : DataFrame, or array_like of float, shape (m, p)
        Covariates; a frame must have the columns of the model, in any order.
    days : array_like of int, shape (d,)
        Days >= 0.
    strata : sequence, length m, optional
        Label of each person's stratum; needed where the model has strata.

    Returns
    -------
    ndarray of float, shape (m, d)
        exp(-H(day) exp(x beta)), H being the cumulative baseline hazard of the stratum. NaN after the last day on
        which anybody of the stratum was at risk.

    Raises
    ------
    SurvivalError
        ``unknown-term``, ``unknown-stratum``, ``length-mismatch``, ``negative-day``.

    Notes
    -----
    The mean over people is the model-standardised curve; its limits come from a bootstrap over clients or sites.
    Averaging covariates first, ``predict_survival(fit, x.mean())``, is the curve of nobody and is not the same.

    Where everybody enters late (risk starts on day 29, say), this is survival from that day on.
    """
    columns = _columns_of(fit, x)
    codes = _stratum_codes(fit, strata, columns.shape[1])
    wanted = as_whole_numbers(np.atleast_1d(np.asarray(days)), "days")
    if wanted.size and wanted.min() < 0:
        raise SurvivalError("negative-day", "days must be 0 or later.")
    relative_risk = np.exp(fit.coefficients @ (columns - fit.means[:, None]))
    return np.exp(-_cumulative_hazards(fit, wanted)[codes] * relative_risk[:, None])


def _cumulative_hazards(fit: CoxFit, days: Integers) -> Floats:
    """Cumulative hazard at the means, shape (n_strata, d); NaN after the last day of a stratum."""
    sets, hazard = fit._scaled.likelihood.sets, fit._point.sums.a
    table = np.empty((len(fit.strata), len(days)))
    for code, last_day in enumerate(fit.last_days):
        cells = slice(sets.bounds[code], sets.bounds[code + 1])
        reached = np.concatenate([[0.0], np.cumsum(hazard[cells])])
        table[code] = np.where(days <= last_day, reached[last_step(sets.cell_day[cells], days) + 1], np.nan)
    return table


def _columns_of(fit: CoxFit, x: Covariates) -> Floats:
    if isinstance(x, pd.DataFrame):
        if missing := [name for name in fit.names if name not in x.columns]:
            raise SurvivalError("unknown-term", f"x lacks: {', '.join(missing)}.")
        x = x[list(fit.names)]
    _, columns = read_covariates(x)
    require_length(columns, len(fit.names), "covariates in x")
    return columns


def _stratum_codes(fit: CoxFit, strata: Sequence[object] | None, n: int) -> Integers:
    if strata is None:
        if len(fit.strata) > 1:
            raise SurvivalError("unknown-stratum", "The model has strata: say to which each person belongs.")
        return np.zeros(n, dtype=np.int64)
    labels = np.asarray(strata)
    require_length(labels, n, "strata")
    codes = pd.Index(fit.strata).get_indexer(pd.Index(labels))
    if (codes < 0).any():
        raise SurvivalError("unknown-stratum", "strata holds a label that was not in the data of the model.")
    return codes.astype(np.int64)
