"""The partial likelihood of a Cox model, its derivatives and its maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival._risk_sets import RiskSets
from oatmill.survival.errors import SurvivalError

Ties = Literal["efron", "breslow"]

MAX_ITERATIONS = 50
DRIFT_ITERATIONS = 25
"""Newton's method needs 4 to 10 steps; a coefficient that still moves after 25 runs to infinity."""
SMALLEST_STEP = 1e-8
"""In log hazard per standard deviation. The step after one this small is about its square."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """One entry per event and its share of the tie correction (Efron), or one per cell (Breslow).

    Attributes
    ----------
    cell : ndarray of int, shape (q,)
    fraction : ndarray of float, shape (q,)
        l / d for l = 0..d - 1 under Efron: the share of the tied events already taken out of the risk set.
    weight : ndarray of float, shape (q,)
        Mean case weight of the tied events (Efron) or their sum (Breslow).
    """

    cell: Integers
    fraction: Floats
    weight: Floats


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """All that stays fixed while the coefficients change.

    Attributes
    ----------
    sets : RiskSets
    x : ndarray of float, shape (p, n)
        Covariates, centred and scaled, one row per covariate so that each is contiguous.
    weights : ndarray of float, shape (n,), or None
    pairs : Pairs
    """

    sets: RiskSets
    x: Floats
    weights: Floats | None
    pairs: Pairs


@dataclass(frozen=True, eq=False)
class TieSums:
    """Sums by cell at one value of the coefficients.

    With u = 1 / (risk of those at risk - f * risk of the tied events) and the weight w and fraction f of each pair, the
    tie correction enters everything through five numbers per cell: ``a`` = sum w u, ``b`` = sum w u f, ``aa`` = sum
    w u^2, ``ab`` = sum w u^2 f and ``bb`` = sum w u^2 f^2.

    Attributes
    ----------
    risk : ndarray of float, shape (n,)
        Weight times exp(x beta) of each row.
    at_risk_x, event_x : ndarray of float, shape (p, m)
        Sums of risk times x over the people at risk and over the events of each cell.
    a, b, aa, ab, bb : ndarray of float, shape (m,)
    """

    risk: Floats
    at_risk_x: Floats
    event_x: Floats
    a: Floats
    b: Floats
    aa: Floats
    ab: Floats
    bb: Floats

    @property
    def expected_x(self) -> Floats:
        """Mean covariate among those at risk, summed over the events of each cell; shape (p, m)."""
        return self.at_risk_x * self.a - self.event_x * self.b


@dataclass(frozen=True, eq=False)
class Point:
    """Log partial likelihood, score (p,) and information (p, p) at `beta`, and the sums they were made from."""

    beta: Floats
    loglik: float
    score: Floats
    information: Floats
    sums: TieSums


def tie_pairs(sets: RiskSets, weights: Floats | None, ties: Ties) -> Pairs:
    """Spread the events of each cell over the pairs of the tie correction."""
    tied = np.bincount(sets.event_cell, minlength=sets.n_cells)
    total = tied.astype(np.float64) if weights is None else sets.sum_of_events(weights)
    cells = np.arange(sets.n_cells)
    if ties == "breslow":
        return Pairs(cells, np.zeros(sets.n_cells), total)
    cell = np.repeat(cells, tied)
    before = np.repeat(np.cumsum(tied) - tied, tied)
    return Pairs(cell, (np.arange(len(cell)) - before) / tied[cell], (total / tied)[cell])


def evaluate(model: PartialLikelihood, beta: Floats) -> Point:
    """Log partial likelihood, score and information at `beta`; not finite where exp(x beta) overflows."""
    sets, pairs = model.sets, model.pairs
    eta = beta @ model.x
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        risk = np.exp(eta) if model.weights is None else model.weights * np.exp(eta)
        left = sets.sum_at_risk(risk)[pairs.cell] - pairs.fraction * sets.sum_of_events(risk)[pairs.cell]
        risk_x = risk * model.x
        cell_sums = _sums_over_ties(pairs, left, sets.n_cells)
        sums = TieSums(risk, sets.sum_at_risk(risk_x), sets.sum_of_events(risk_x), *cell_sums)
        weight = 1.0 if model.weights is None else model.weights[sets.event_row]
        loglik = float((weight * eta[sets.event_row]).sum() - pairs.weight @ np.log(left))
        observed = (weight * model.x[:, sets.event_row]).sum(axis=1)
        return Point(beta, loglik, observed - sums.expected_x.sum(axis=1), information(model, sums), sums)


def information(model: PartialLikelihood, sums: TieSums, factor: Floats | None = None) -> Floats:
    """Variance of the covariates among those at risk, summed over all events; shape (p, p).

    Parameters
    ----------
    factor : ndarray of float, shape (m,), optional
        Multiplies each cell's share (used by the test of proportional hazards).

    Notes
    -----
    The first term, sum over cells of x x' over everybody at risk, is summed by row instead: a row's weight is its own
    cumulative hazard. That needs one matrix product where the table of x x' by day would need p (p + 1) / 2 passes.
    """
    a, b, aa, ab, bb = (c if factor is None else c * factor for c in (sums.a, sums.b, sums.aa, sums.ab, sums.bb))
    sets = model.sets
    by_row = sets.sum_over_cells(a)
    by_row[sets.event_row] -= b[sets.event_cell]
    mixed = (sums.at_risk_x * ab) @ sums.event_x.T
    means = (sums.at_risk_x * aa) @ sums.at_risk_x.T - mixed - mixed.T + (sums.event_x * bb) @ sums.event_x.T
    return (model.x * (sums.risk * by_row)) @ model.x.T - means


def score_residuals(model: PartialLikelihood, sums: TieSums) -> Floats:
    """Share of each row in the score, times its case weight; shape (p, n); rows add up to the score.

    References
    ----------
    Lin DY, Wei LJ. J Am Stat Assoc 1989;84:1074-1078. Therneau TM, Grambsch PM. Modeling Survival Data. Springer 2000.
    """
    sets, rows, cells = model.sets, model.sets.event_row, model.sets.event_cell
    spent = sums.at_risk_x * sums.aa - sums.event_x * sums.ab
    kept_back = sums.at_risk_x * sums.ab - sums.event_x * sums.bb
    mean_at_event = sums.expected_x / np.bincount(model.pairs.cell, model.pairs.weight, sets.n_cells)
    hazard = sets.sum_over_cells(sums.a)
    hazard[rows] -= sums.b[cells]
    residuals = np.empty_like(model.x)
    event_weight = 1.0 if model.weights is None else model.weights[rows]
    for j, x in enumerate(model.x):
        means = sets.sum_over_cells(spent[j])
        means[rows] -= kept_back[j][cells]
        residuals[j] = sums.risk * (means - x * hazard)
        residuals[j][rows] += event_weight * (x[rows] - mean_at_event[j][cells])
    return residuals


def maximise(model: PartialLikelihood, null: Point, names: tuple[str, ...]) -> tuple[Point, int]:
    """Newton's method with step halving from the null model.

    Returns
    -------
    point : Point
        At the maximum.
    iterations : int

    Raises
    ------
    SurvivalError
        ``separation`` (the likelihood rises for ever along some terms, which are named) or ``no-convergence``.
    """
    point = null
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = _newton_step(point)
        following = _climb(model, point, step)
        if following is None or (iteration >= DRIFT_ITERATIONS and _drifting(model, null, point, step).any()):
            break
        moved = np.abs(following.beta - point.beta).max()
        point = following
        if moved <= SMALLEST_STEP:
            return point, iteration
    raise _failure(names, _drifting(model, null, point, step))


def _sums_over_ties(pairs: Pairs, left: Floats, n_cells: int) -> list[Floats]:
    once = pairs.weight / left
    twice = once / left
    terms = (once, once * pairs.fraction, twice, twice * pairs.fraction, twice * pairs.fraction**2)
    return [np.bincount(pairs.cell, term, n_cells) for term in terms]


def _newton_step(point: Point) -> Floats:
    try:
        return np.linalg.solve(point.information, point.score)
    except np.linalg.LinAlgError:
        return np.full(len(point.beta), np.nan)


def _climb(model: PartialLikelihood, point: Point, step: Floats) -> Point | None:
    """Halve the step until the likelihood does not fall; None if it never does."""
    rounding = 1e-11 * abs(point.loglik)
    for halving in range(20):
        following = evaluate(model, point.beta + step / 2**halving)
        if following.loglik >= point.loglik - rounding and np.isfinite(following.information).all():
            return following
    return None


def _drifting(model: PartialLikelihood, null: Point, point: Point, step: Floats) -> NDArray[np.bool_]:
    """Terms that still move the hazard by a tenth per step, or about which nothing is left to learn."""
    moving = ~(np.abs(step) * np.ptp(model.x, axis=1) < 0.1)
    with np.errstate(invalid="ignore"):
        exhausted = ~(np.diag(point.information) > 1e-6 * np.diag(null.information))
    return moving | exhausted


def _failure(names: tuple[str, ...], drifting: NDArray[np.bool_]) -> SurvivalError:
    terms = ", ".join(name for name, drifts in zip(names, drifting, strict=True) if drifts)
    if terms:
        cause = "a group without an event, or one in which everybody has it, has no finite hazard ratio"
        return SurvivalError("separation", f"No finite estimate for: {terms} ({cause}).")
    return SurvivalError("no-convergence", f"Newton's method did not converge in {MAX_ITERATIONS} steps.")
