"""Cox regression on day tables: ties, strata, delayed entry, start/stop rows, cluster-robust errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival._cox_data import (
    Covariates,
    CoxData,
    ScaledModel,
    check_cox_data,
    require_information,
    scale_model,
)
from oatmill.survival._partial_likelihood import Point, Ties, evaluate, maximise, score_residuals
from oatmill.survival.day_tables import DayTable, count_by_day
from oatmill.survival.errors import SurvivalError


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted Cox model. It keeps the covariates, which `proportional_hazards_test` reads again.

    Attributes
    ----------
    names : tuple of str, length p
        Covariates, in the order of everything below.
    coefficients : ndarray of float, shape (p,)
        Log hazard ratio per unit of each covariate.
    covariance : ndarray of float, shape (p, p)
        Inverse information.
    robust_covariance : ndarray of float, shape (p, p), or None
        Lin-Wei sandwich over clusters; None without clusters. Holds K / (K - 1) if `small_sample`.
    degrees_of_freedom : float
        K - 1 if `small_sample`, else infinity: for the t and F distributions.
    n_rows, n_events : int
        Rows given, and events among them.
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
        Mean of each covariate over the rows given: over people only where each has one row.
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
    _scaled: ScaledModel = field(repr=False)
    _point: Point = field(repr=False)
    _days: DayTable = field(repr=False)

    @property
    def used_covariance(self) -> Floats:
        """The robust covariance where there are clusters, the model-based one otherwise; shape (p, p)."""
        return self.covariance if self.robust_covariance is None else self.robust_covariance

    @property
    def standard_errors(self) -> Floats:
        """Square roots of the diagonal of `used_covariance`; shape (p,)."""
        return np.sqrt(np.diag(self.used_covariance))

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
        Case weights above 0. Without `cluster` they are frequencies as far as the variance is concerned.
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

    With few clusters (under 30) robust standard errors are too small; `small_sample` repairs part of it.

    Each Newton step makes, by stratum and event day, the sums of r and r x (r = exp(x beta)) over the people at risk
    with one pass over the rows and one reverse cumulative sum; nothing is sorted.

    References
    ----------
    Cox DR. J R Stat Soc B 1972;34:187-220. Efron B. J Am Stat Assoc 1977;72:557-565. Lin DY, Wei LJ. J Am Stat Assoc
    1989;84:1074-1078.
    """
    if ties not in get_args(Ties):
        raise SurvivalError("unknown-option", f"ties must be one of {get_args(Ties)}, not {ties!r}.")
    if small_sample and cluster is None:
        raise SurvivalError("unknown-option", "small_sample corrects robust standard errors: it needs cluster.")
    data = check_cox_data(start, stop, event, x, strata, cluster, weights)
    scaled = scale_model(data, ties)
    model = scaled.likelihood
    null = evaluate(model, np.zeros(len(data.names)))
    require_information(null, model.pairs.weight.sum(), data.names)
    point, iterations = maximise(model, null, data.names)
    return _assemble(data, scaled, null, point, iterations, ties, small_sample)


def coefficient_table(fit: CoxFit, confidence: float = 0.95) -> pd.DataFrame:
    """Coefficients with standard errors, tests and limits.

    Parameters
    ----------
    fit : CoxFit
    confidence : float
        Two-sided level.

    Returns
    -------
    DataFrame, one row per covariate
        term, coefficient, se, statistic, p_value, lower, upper. Log hazard ratios: exponentiate coefficient and
        limits, never the standard error. Robust standard errors where there are clusters; t distribution on
        `fit.degrees_of_freedom` (normal when infinite).
    """
    if not 0 < confidence < 1:
        raise SurvivalError("bad-confidence", f"confidence must lie between 0 and 1, not {confidence}.")
    reference = stats.norm() if np.isinf(fit.degrees_of_freedom) else stats.t(fit.degrees_of_freedom)
    se = fit.standard_errors
    statistic, half = fit.coefficients / se, reference.ppf(1 - (1 - confidence) / 2) * se
    columns = {"term": fit.names, "coefficient": fit.coefficients, "se": se, "statistic": statistic}
    limits = {"lower": fit.coefficients - half, "upper": fit.coefficients + half}
    return pd.DataFrame(columns | {"p_value": 2 * reference.sf(np.abs(statistic))} | limits)


@dataclass(frozen=True)
class WaldTest:
    """Joint test of several coefficients: chi-squared on `df`, or F on `df` and `df_within` where that is finite."""

    statistic: float
    df: int
    df_within: float
    p_value: float


def wald_test(fit: CoxFit, terms: Sequence[str]) -> WaldTest:
    """Test whether the coefficients of all `terms` are zero.

    Parameters
    ----------
    fit : CoxFit
    terms : sequence of str
        Names of covariates, for instance the curved columns of a spline.

    Returns
    -------
    WaldTest
        With a finite `fit.degrees_of_freedom` the statistic is divided by the number of terms and referred to F.

    Raises
    ------
    SurvivalError
        ``unknown-term``; ``too-few-clusters`` where there are no more clusters than terms (the robust covariance is
        singular then).
    """
    if unknown := sorted(set(terms) - set(fit.names)) or not terms:
        raise SurvivalError("unknown-term", f"Not in the model: {unknown or 'no term was named'}.")
    places = [fit.names.index(term) for term in dict.fromkeys(terms)]
    df = len(places)
    if fit.n_clusters is not None and fit.n_clusters <= df:
        raise SurvivalError("too-few-clusters", f"{fit.n_clusters} clusters cannot test {df} coefficients together.")
    estimate, covariance = fit.coefficients[places], fit.used_covariance[np.ix_(places, places)]
    statistic = float(estimate @ np.linalg.solve(covariance, estimate))
    if np.isinf(fit.degrees_of_freedom):
        return WaldTest(statistic, df, np.inf, float(stats.chi2.sf(statistic, df)))
    p_value = float(stats.f.sf(statistic / df, df, fit.degrees_of_freedom))
    return WaldTest(statistic / df, df, fit.degrees_of_freedom, p_value)


def _assemble(
    data: CoxData, scaled: ScaledModel, null: Point, point: Point, iterations: int, ties: Ties, small_sample: bool
) -> CoxFit:
    covariance = np.linalg.inv(point.information)
    unit = np.outer(scaled.scales, scaled.scales)
    robust = _sandwich(data, scaled, point, covariance, small_sample)
    return CoxFit(
        names=data.names,
        coefficients=point.beta / scaled.scales,
        covariance=covariance / unit,
        robust_covariance=None if robust is None else robust / unit,
        degrees_of_freedom=data.n_clusters - 1 if data.n_clusters and small_sample else np.inf,
        n_rows=len(data.stop),
        n_events=int(data.event.sum()),
        n_clusters=data.n_clusters,
        loglik_null=null.loglik,
        loglik=point.loglik,
        score_statistic=float(null.score @ np.linalg.solve(null.information, null.score)),
        iterations=iterations,
        ties=ties,
        small_sample=small_sample,
        means=scaled.means,
        strata=data.strata,
        last_days=_last_days(data),
        _scaled=scaled,
        _point=point,
        _days=count_by_day(data.stop, data.event, data.start),
    )


def _sandwich(
    data: CoxData, scaled: ScaledModel, point: Point, covariance: Floats, small_sample: bool
) -> Floats | None:
    """V (sum over clusters of u u') V, u being a cluster's summed score residuals; None without clusters."""
    if data.cluster is None or data.n_clusters is None:
        return None
    codes = data.cluster[scaled.kept]
    residuals = score_residuals(scaled.likelihood, point.sums)
    by_cluster = np.stack([np.bincount(codes, row, data.n_clusters) for row in residuals])
    factor = data.n_clusters / (data.n_clusters - 1) if small_sample else 1.0
    influence = covariance @ by_cluster
    return factor * (influence @ influence.T)


def _last_days(data: CoxData) -> Integers:
    last = np.zeros(len(data.strata), dtype=np.int64)
    np.maximum.at(last, data.stratum, data.stop)
    return last
