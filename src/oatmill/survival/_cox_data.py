"""Raw columns -> checked, coded, centred and scaled input of a Cox model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival._checks import as_floats, as_weights, check_intervals, require_length
from oatmill.survival._partial_likelihood import PartialLikelihood, Point, Ties, tie_pairs
from oatmill.survival._risk_sets import build_risk_sets
from oatmill.survival.errors import SurvivalError

Covariates = pd.DataFrame | ArrayLike

NO_SPREAD = 1e-10
"""Share of its variance that a covariate must keep among people at risk together; below it, it is constant there."""
NO_NEWS = 1e-9
"""Share of its variance that a covariate must keep given the covariates before it; below it, it is collinear."""


@dataclass(frozen=True, eq=False)
class CoxData:
    """Checked input of `fit_cox`, one entry per row given.

    Attributes
    ----------
    start, stop, event : ndarray of int, shape (n,)
    names : tuple of str, length p
    x : ndarray of float, shape (p, n)
        One row per covariate, so that each is contiguous.
    stratum : ndarray of int, shape (n,)
        Codes of `strata`, the sorted labels.
    cluster : ndarray of int, shape (n,), or None
        Codes 0..K - 1.
    weights : ndarray of float, shape (n,), or None
    """

    start: Integers
    stop: Integers
    event: Integers
    names: tuple[str, ...]
    x: Floats
    stratum: Integers
    strata: tuple[object, ...]
    cluster: Integers | None
    weights: Floats | None

    @property
    def n_clusters(self) -> int | None:
        """Number of clusters, or None."""
        return None if self.cluster is None else int(self.cluster.max()) + 1


def check_cox_data(
    start: ArrayLike | None,
    stop: ArrayLike,
    event: ArrayLike,
    x: Covariates,
    strata: ArrayLike | None,
    cluster: ArrayLike | None,
    weights: ArrayLike | None,
) -> CoxData:
    """Check the columns given to `fit_cox`; the errors are listed there."""
    first, last, codes = check_intervals(start, stop, event)
    n = len(last)
    if codes.max() > 1:
        raise SurvivalError("bad-event-code", "event must be 0 or 1: choose one cause and code the others 0.")
    if not codes.any():
        raise SurvivalError("no-events", "There is no event: nothing can be estimated.")
    names, columns = read_covariates(x, n)
    stratum, labels = (np.zeros(n, dtype=np.int64), (None,)) if strata is None else _codes(strata, n, "strata", True)
    clusters = None if cluster is None else _codes(cluster, n, "cluster", False)[0]
    if clusters is not None and not clusters.any():
        raise SurvivalError("too-few-clusters", "Robust standard errors need at least two clusters.")
    case_weights = None if weights is None else _positive(as_weights(weights, n))
    return CoxData(first, last, codes, names, columns, stratum, labels, clusters, case_weights)


def read_covariates(x: Covariates, n: int | None = None) -> tuple[tuple[str, ...], Floats]:
    """Return names and a (p, n) array of covariates given as a frame, a matrix (n, p) or one column."""
    names = tuple(str(name) for name in x.columns) if isinstance(x, pd.DataFrame) else ()
    values = as_floats(x, "x")
    columns = np.ascontiguousarray(np.atleast_2d(values.T))
    if columns.ndim != 2 or not len(columns):
        raise SurvivalError("no-covariates", "x must have at least one covariate, one column each.")
    if n is not None and columns.shape[1] != n:
        raise SurvivalError("length-mismatch", f"x: {n} rows expected, {columns.shape[1]} found.")
    names = names or tuple(f"x{j + 1}" for j in range(len(columns)))
    if len(set(names)) < len(names):
        raise SurvivalError("duplicate-names", "Two covariates have the same name.")
    return names, columns


@dataclass(frozen=True, eq=False)
class ScaledModel:
    """A likelihood in standard units, and the way back.

    Attributes
    ----------
    likelihood : PartialLikelihood
        Of (x - means) / scales, for the rows that are at risk on some event day.
    means, scales : ndarray of float, shape (p,)
    kept : ndarray of bool, shape (n,)
        Rows of the input that are in the likelihood.
    """

    likelihood: PartialLikelihood
    means: Floats
    scales: Floats
    kept: NDArray[np.bool_]


def scale_model(data: CoxData, ties: Ties) -> ScaledModel:
    """Build the likelihood; refuses a covariate that never varies among people at risk."""
    sets = build_risk_sets(data.start, data.stop, data.event, data.stratum, len(data.strata))
    kept = sets.last > sets.first
    x, weights = data.x, data.weights
    means = x.mean(axis=1)
    if not kept.all():
        sets, x, weights = sets.keep_rows(kept), x[:, kept], None if weights is None else weights[kept]
    if constant := [name for name, spread in zip(data.names, np.ptp(x, axis=1), strict=True) if spread == 0]:
        raise SurvivalError("constant-covariate", f"The same for everybody at risk: {', '.join(constant)}.")
    scales = x.std(axis=1)
    scaled = (x - means[:, None]) / scales[:, None]
    return ScaledModel(PartialLikelihood(sets, scaled, weights, tie_pairs(sets, weights, ties)), means, scales, kept)


def require_information(null: Point, n_events: float, names: tuple[str, ...]) -> None:
    """Refuse covariates that are constant within the risk sets or collinear, judged at zero coefficients.

    Parameters
    ----------
    null : Point
        The likelihood at zero, covariates in standard units.
    n_events : float
        Total weight of the events.
    names : tuple of str

    Raises
    ------
    SurvivalError
        ``constant-covariate`` or ``collinear-covariates``; both name the terms.
    """
    spread = np.diag(null.information)
    if flat := [name for name, own in zip(names, spread, strict=True) if own < NO_SPREAD * n_events]:
        raise SurvivalError("constant-covariate", f"Never varies among people at risk together: {', '.join(flat)}.")
    correlation = null.information / np.sqrt(np.outer(spread, spread))
    for j in range(1, len(names)):
        on_earlier = np.linalg.solve(correlation[:j, :j], correlation[:j, j])
        if 1 - correlation[:j, j] @ on_earlier < NO_NEWS:
            earlier = [name for name, slope in zip(names[:j], on_earlier, strict=True) if abs(slope) > 1e-6]
            raise SurvivalError("collinear-covariates", f"{names[j]} is a combination of: {', '.join(earlier)}.")


def _codes(values: ArrayLike, n: int, name: str, sort: bool) -> tuple[Integers, tuple[object, ...]]:
    labels = np.asarray(values)
    require_length(labels, n, name)
    codes, uniques = pd.factorize(labels, sort=sort)
    if codes.min() < 0:
        raise SurvivalError("missing-values", f"{name} holds missing values.")
    return codes.astype(np.int64, copy=False), tuple(uniques.tolist())


def _positive(weights: Floats) -> Floats:
    if weights.min() <= 0:
        raise SurvivalError("bad-weights", "Case weights must be above zero; leave other rows out.")
    return weights
