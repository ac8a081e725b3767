"""Cox regression on day tables: ties, strata, delayed entry, start/stop rows, cluster-robust errors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from oatmill.survival._checks import as_floats, as_weights, check_intervals, require_length
from oatmill.survival._partial_likelihood import (
    PartialLikelihood,
    Point,
    Ties,
    evaluate,
    maximise,
    score_residuals,
    tie_pairs,
)
from oatmill.survival._risk_sets import Floats, Integers, RiskSets, build_risk_sets
from oatmill.survival.day_tables import DayTable, count_by_day
from oatmill.survival.errors import SurvivalError

Covariates = pd.DataFrame | ArrayLike

NO_SPREAD = 1e-12
"""Share of its variance that a covariate must keep among people at risk together; below it, it is constant."""
NO_NEWS = 1e-9
"""Share of its variance that a covariate must keep given the covariates before it; below it, it is collinear."""


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted Cox model.

    Attributes
    ----------
    names : tuple of str, length p
        Covariates, in the order of everything below.
    coefficients : ndarray of float, shape (p,)
        Log hazard ratios per unit of each covariate.
    covariance : ndarray of float, shape (p, p)
        Inverse information.
    robust_covariance : ndarray of float, shape (p, p), or None
        Lin-Wei sandwich over clusters; None without clusters. Holds K / (K - 1) if `small_sample`.
    degrees_of_freedom : float
        K - 1 if `small_sample`, else infinity: t and F distributions to use.
    n_rows, n_events : int
        Rows given and events among them.
    n_clusters : int or None
        K.
    loglik_null, loglik : float
        Log partial likelihood at zero and at the maximum.
    score_statistic : float
        Score test of all coefficients being zero, chi-squared on p degrees of freedom.
    iterations : int
        Newton steps taken.
    ties : {"efron", "breslow"}
    small_sample : bool
    means : ndarray of float, shape (p,)
        Mean of each covariate over the rows given (over people only where each has one row).
    strata : tuple
        Labels of the strata, sorted; ``(None,)`` without strata.
    last_days : ndarray of int, shape (n_strata,)
        Last day on which anybody of the stratum is at risk.
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    robust_covariance: Floats | None
    degrees_of_freedom: float
    n_rows: int
    n_events: int
    n_clusters: int | None
    loglik_null: float
    loglik: float
    score_statistic: float
    iterations: int
    ties: Ties
    small_sample: bool
    means: Floats
    strata: tuple[object, ...]
    last_days: Integers
    _scales: Floats = field(repr=False)
    _model: PartialLikelihood = field(repr=False)
    _point: Point = field(repr=False)
    _days: DayTable = field(repr=False)

    @property
    def standard_errors(self) -> Floats:
        """Robust standard errors where there are clusters, model-based ones otherwise; shape (p,)."""
        return np.sqrt(np.diag(self.covariance if self.robust_covariance is None else self.robust_covariance))

    @property
    def likelihood_ratio(self) -> float:
        """Likelihood ratio test of all coefficients, chi-squared on p degrees of freedom; not robust to clusters."""
        return 2 * (self.loglik - self.loglik_null)


def fit_cox(
    start: ArrayLike | None,
    stop: ArrayLike,
    event: ArrayLike,
    x: Covariates,
    *,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    ties: Ties = "efron",
    small_sample: bool = False,
) -> CoxFit:
    """Fit a Cox proportional hazards model to intervals (start, stop] in whole days.

    Parameters
    ----------
    start : array_like of int, shape (n,), or None
        Day before the first day at risk; None means 0 for all.
    stop : array_like of int, shape (n,)
        Last day at risk.
    event : array_like of int or bool, shape (n,)
        1 = event on `stop`, 0 = none. For a cause-specific model code the other causes 0.
    x : DataFrame, or array_like of float, shape (n, p) or (n,)
        Covariates, constant within each row's interval. Without column names they are called x1, x2, ...
    strata : array_like, shape (n,), optional
        One baseline hazard per value.
    cluster : array_like, shape (n,), optional
        Rows of one cluster may depend on each other; asks for the Lin-Wei variance.
    weights : array_like of float, shape (n,), optional
        Case weights above 0. Without `cluster` they are taken as frequencies in the variance.
    ties : {"efron", "breslow"}
        Correction for events of one day.
    small_sample : bool
        Multiply the robust covariance by K / (K - 1) for K clusters and set the degrees of freedom to K - 1.

    Returns
    -------
    CoxFit

    Raises
    ------
    SurvivalError
        ``no-events``, ``constant-covariate``, ``collinear-covariates``, ``separation``, ``no-convergence``,
        ``no-covariates``, ``duplicate-names``, ``too-few-clusters``, ``bad-event-code``, ``bad-weights``,
        ``unknown-option`` and the codes of `count_by_day`. Terms are named.

    Notes
    -----
    Start/stop rows must only use what was known by `start`: a covariate computed from the whole interval (its mean
    dose, say) lets the future into the present.

    Each Newton step makes, by stratum and event day, the sums of r and r x (r = exp(x beta)) over the people at risk
    with one pass over the rows and one reverse cumulative sum. Nothing is sorted by time within a step.

    With few clusters (under 30) the robust standard errors are too small; `small_sample` repairs part of it.

    References
    ----------
    Cox DR. J R Stat Soc B 1972;34:187-220. Efron B. J Am Stat Assoc 1977;72:557-565. Lin DY, Wei LJ. J Am Stat Assoc
    1989;84:1074-1078.
    """
    if ties not in ("efron", "breslow"):
        raise SurvivalError("unknown-option", f"ties must be 'efron' or 'breslow', not {ties!r}.")
    first, last, codes = check_intervals(start, stop, event)
    _require_events(codes)
    names, columns = _covariates(x, len(last))
    stratum, labels = _labels(strata, len(last), "strata")
    clusters = _clusters(cluster, len(last), small_sample)
    case_weights = None if weights is None else _positive_weights(weights, len(last))
    sets = build_risk_sets(first, last, codes, stratum, len(labels))
    model, means, scales, kept = _model(sets, columns, case_weights, ties, names)
    null = evaluate(model, np.zeros(len(names)))
    _require_information(null, model, names)
    point, iterations = maximise(model, null, names)
    covariance = np.linalg.inv(point.information)
    robust = None if clusters is None else _sandwich(model, point, covariance, clusters[kept], small_sample)
    n_clusters = None if clusters is None else int(clusters.max()) + 1
    unscaled = np.outer(scales, scales)
    last_days = np.zeros(len(labels), dtype=np.int64)
    np.maximum.at(last_days, stratum, last)
    return CoxFit(
        names=names,
        coefficients=point.beta / scales,
        covariance=covariance / unscaled,
        robust_covariance=None if robust is None else robust / unscaled,
        degrees_of_freedom=n_clusters - 1 if n_clusters and small_sample else np.inf,
        n_rows=len(last),
        n_events=int(codes.sum()),
        n_clusters=n_clusters,
        loglik_null=null.loglik,
        loglik=point.loglik,
        score_statistic=float(null.score @ np.linalg.solve(null.information, null.score)),
        iterations=iterations,
        ties=ties,
        small_sample=small_sample,
        means=means,
        strata=labels,
        last_days=last_days,
        _scales=scales,
        _model=model,
        _point=point,
        _days=count_by_day(last, codes, first),
    )
