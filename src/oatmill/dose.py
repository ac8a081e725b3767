"""Chapter 40: does a higher dose keep clients in treatment? Intervals and cohort -> Results.

The headline exposure looks only backwards (see `intervals.py`), so it carries no immortal time; the naive
exposures are estimated beside it to show how far they err.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from scipy import stats

from oatmill.cohort import Cohort
from oatmill.errors import NotSupported
from oatmill.results import Result, Sum, counts
from oatmill.schema import EXIT_REASONS
from oatmill.study import Definitions
from oatmill.survival import CoxFit, SurvivalError, default_knots, fit_cox, restricted_cubic_spline
from oatmill.text import _

METHADONE_BANDS_MG = (0, 40, 60, 80, 100, 120, np.inf)
FEWEST_SITES = 10
LEFT = [code for code, reason in enumerate(EXIT_REASONS, start=1) if reason not in ("transfer_out", "death", "prison")]
NAIVE = {"first_dose_mg": "entry", "max_dose_mg": "maximum", "mean_dose_mg": "mean", "last_dose_mg": "last"}


@dataclass(frozen=True)
class DoseModel:
    """A fitted Cox model of leaving on dose.

    The dose terms come first in the fit; `doses_mg` and `days` are the person-time it rests on; `errors` says
    what the errors are robust to (`site` or `client`), `by_site` whether there are sites to stratify by.
    """

    fit: CoxFit
    knots_mg: np.ndarray | None
    reference_mg: float
    doses_mg: np.ndarray
    days: np.ndarray
    clients: int
    errors: str
    by_site: bool

    @property
    def events(self) -> int:
        return int(self.fit.n_events)

    def log_ratio(self, doses_mg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log hazard ratio against the reference dose, and its standard error."""
        terms = dose_terms(doses_mg, self.knots_mg) - dose_terms(np.array([self.reference_mg]), self.knots_mg)
        size = terms.shape[1]
        covariance = self.covariance[:size, :size]
        return terms @ self.fit.coefficients[:size], np.sqrt(np.einsum("ij,jk,ik->i", terms, covariance, terms))

    @property
    def covariance(self) -> np.ndarray:
        return self.fit.used_covariance

    @property
    def quantile(self) -> float:
        """Half width of a 95% interval in standard errors: t on K - 1 degrees of freedom with site-robust errors."""
        return float(stats.t.ppf(0.975, self.fit.degrees_of_freedom))


def read_risk_rows(
    intervals: Path, cohort: pd.DataFrame, definitions: Definitions, covariates: Sequence[str]
) -> pd.DataFrame:
    """Start/stop rows of the clients at risk, with covariates; delayed entry after stabilisation.

    Risk starts on day max(stabilisation_days + 1, lag_days + 7). Clients without a value of a covariate are
    left out.
    """
    before = first_risk_day(definitions) - 1
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT client, greatest(start, ?) AS start, stop, dose_mg, carried, event FROM read_parquet(?) "
            "WHERE stop > ? AND dose_mg IS NOT NULL ORDER BY client, start",
            [before, str(intervals), before],
        ).df()
    known = cohort.dropna(subset=list(covariates))[["client", "site", *covariates]]
    rows = rows.merge(known, on="client", how="inner", validate="many_to_one")
    rows["left"] = rows["event"].isin(LEFT).astype(int)
    if rows["left"].sum() == 0 or rows["dose_mg"].nunique() < 2:
        raise NotSupported(_("There are too few exits or too few different doses for a dose model."))
    return rows


def fit_dose_model(
    rows: pd.DataFrame, definitions: Definitions, covariates: Sequence[str], *, spline: bool = True
) -> DoseModel:
    """Time-varying Cox model of leaving treatment on the lagged dose.

    Dropout, administrative exit and completed taper are the event; death, prison and transfer out are
    censored (cause-specific hazard). The baseline hazard is stratified by site. From 10 sites on errors are
    site-robust with the factor K/(K - 1) and t on K - 1 degrees of freedom; below, they are robust by client and
    differences between sites are ignored.

    Parameters
    ----------
    rows : from `read_risk_rows`
    spline : restricted cubic spline with 4 knots; otherwise linear per `dose_unit_mg`
    """
    dose, days = rows["dose_mg"].to_numpy(float), (rows["stop"] - rows["start"]).to_numpy(float)
    knots = _knots(dose, days) if spline else None
    if spline:
        _check_reference(dose, days, definitions)
    unit = 1.0 if spline else definitions.dose_unit_mg
    terms = dose_terms(dose, knots) / unit
    design = pd.DataFrame(terms, columns=[f"dose_{k}" for k in range(terms.shape[1])], index=rows.index)
    sites = rows["site"].nunique()
    clustered = "site" if sites >= FEWEST_SITES else "client"
    fit = _fit(rows, pd.concat([design, covariate_columns(rows, covariates)], axis=1), clustered)
    clients = int(rows["client"].nunique())
    return DoseModel(fit, knots, definitions.dose_reference_mg, dose, days, clients, clustered, by_site=sites > 1)


def _check_reference(dose: np.ndarray, days: np.ndarray, definitions: Definitions) -> None:
    low, high = _weighted_limits(dose, days)
    if not low <= definitions.dose_reference_mg <= high:
        raise NotSupported(
            _(
                "The reference dose of {reference} mg lies outside the doses of these clients ({low} to {high} mg in 90% of "
                "the time at risk), so no dose can be compared with it.",
                reference=f"{definitions.dose_reference_mg:g}",
                low=f"{low:.0f}",
                high=f"{high:.0f}",
            ),
            cure=_("Set `definitions: dose_reference_mg` and `dose_unit_mg` to doses that fit the medication."),
        )


def _fit(rows: pd.DataFrame, design: pd.DataFrame, cluster: str) -> CoxFit:
    try:
        return fit_cox(
            rows["start"].to_numpy(),
            rows["stop"].to_numpy(),
            rows["left"].to_numpy(),
            design,
            strata=pd.factorize(rows["site"])[0],
            cluster=pd.factorize(rows[cluster])[0],
            small_sample=cluster == "site",
        )
    except SurvivalError as error:
        raise NotSupported(_("The dose model cannot be fitted to these data ({code}).", code=error.code)) from None


def _knots(dose: np.ndarray, days: np.ndarray) -> np.ndarray | None:
    """Four knots at quantiles of person-time; None (a straight line) where doses are too alike."""
    try:
        knots = np.asarray(default_knots(dose, days, 4))
    except SurvivalError:
        return None
    return knots if len(np.unique(knots)) == len(knots) else None


def dose_terms(doses_mg: np.ndarray, knots: np.ndarray | None) -> np.ndarray:
    """The columns of dose in the model: a straight line, or a restricted cubic spline."""
    return doses_mg[:, None] if knots is None else restricted_cubic_spline(doses_mg, knots)


def covariate_columns(rows: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    """Numbers as they are, categories as indicators against the first level; constant columns left out."""
    columns: dict[str, np.ndarray] = {}
    for name in covariates:
        if pd.api.types.is_numeric_dtype(rows[name]):
            columns[name] = rows[name].to_numpy(float)
        else:
            levels = sorted(rows[name].unique())
            columns |= {f"{name}: {level}": (rows[name] == level).to_numpy(float) for level in levels[1:]}
    return pd.DataFrame({name: values for name, values in columns.items() if np.ptp(values) > 0}, index=rows.index)


def estimate_dose_curve(model: DoseModel, definitions: Definitions) -> Result:
    """Hazard ratio of leaving by dose against the reference, within the 5th to 95th percentile of person-time."""
    step_mg = fine_band_mg(definitions)
    low, high = _weighted_limits(model.doses_mg, model.days)
    grid = np.arange(step_mg * np.ceil(low / step_mg), high + 1e-9, step_mg)
    log_ratio, se = model.log_ratio(grid)
    rows = {"term": [f"{dose:g}" for dose in grid], "estimate": np.exp(log_ratio), "se": se}
    limits = {"lower": np.exp(log_ratio - model.quantile * se), "upper": np.exp(log_ratio + model.quantile * se)}
    name = "lagged dose, straight line" if model.knots_mg is None else "lagged dose, spline"
    return _ratios("dose_hazard_ratio", model, pd.DataFrame(rows | limits), name, "dose_mg")


def estimate_dose_slope(model: DoseModel, definitions: Definitions) -> Result:
    """Hazard ratio of leaving per `dose_unit_mg`, lagged dose as a straight line."""
    return _ratios("dose_slope", model, _first_term(model), "lagged dose", f"per {definitions.dose_unit_mg:g} mg")


def estimate_naive_slopes(cohort: pd.DataFrame, definitions: Definitions, covariates: Sequence[str]) -> list[Result]:
    """The same hazard ratio by exposures that must not be used: shown only beside the lagged dose.

    Maximum and whole-episode mean carry immortal time, the last dose carries reverse causation, the dose at
    entry answers another question. One row per client, at risk from the same day as in the lagged model.
    """
    before = first_risk_day(definitions) - 1
    known = cohort.dropna(subset=list(covariates))
    known = known[known["time"] > before]
    rows = known.rename(columns={"entry": "start", "time": "stop"})
    rows = rows.assign(left=known["event"].isin(LEFT).astype(int), start=np.maximum(known["entry"], before))
    found = []
    for column, name in NAIVE.items():
        part = rows.dropna(subset=[column]).rename(columns={column: "dose_mg"})
        if part["dose_mg"].nunique() > 1 and part["left"].sum() > 0:
            try:
                model = fit_dose_model(part, definitions, covariates, spline=False)
            except NotSupported:
                continue  # a comparison that cannot be made must not cost the chapter
            frame, unit = _first_term(model), f"per {definitions.dose_unit_mg:g} mg"
            found.append(_ratios(f"dose_slope_{name}", model, frame, f"naive: {name}", unit))
    return found


def estimate_person_time(rows: pd.DataFrame, definitions: Definitions) -> Result:
    """Client-days at risk by fine dose bands; `term` is a band's lower limit in mg, `n` the clients behind it."""
    step_mg = fine_band_mg(definitions)
    frame = rows.assign(low=rows["dose_mg"] // step_mg * step_mg, days=rows["stop"] - rows["start"])
    found = frame.groupby("low").agg(estimate=("days", "sum"), n=("client", "nunique")).reset_index()
    return _person_days(
        "dose_person_time", found.assign(term=found["low"].map("{:g}".format)).drop(columns="low"), "dose_mg"
    )


def estimate_band_rates(rows: pd.DataFrame, definitions: Definitions) -> Result:
    """Exits and client-days by dose band (mg) and in all (`level` empty); the rate is left to the table."""
    edges = dose_bands_mg(definitions)
    middle = [f"{low:g}-<{high:g}" for low, high in pairwise(edges[1:-1])]
    labels = [f"<{edges[1]:g}", *middle, f">={edges[-2]:g}"]
    frame = rows.assign(
        level=pd.cut(rows["dose_mg"], edges, right=False, labels=labels), days=rows["stop"] - rows["start"]
    )
    bands = frame.groupby("level", observed=True)
    found = bands.agg(estimate=("days", "sum"), n=("client", "nunique"), events=("left", "sum")).reset_index()
    total = {
        "level": "",
        "estimate": frame["days"].sum(),
        "n": frame["client"].nunique(),
        "events": frame["left"].sum(),
    }
    parts = tuple((band, "events") for band in range(len(found)))
    found = pd.concat([found.astype({"level": str}), pd.DataFrame([total])], ignore_index=True)
    return _person_days("dose_bands", found, "dose_band_mg", sums=(Sum(((len(parts), "events"),), parts),))


def dose_bands_mg(definitions: Definitions) -> tuple[float, ...]:
    """The methadone bands of the definitions; for another medication 0.5, 1 and 1.5 times the reference dose."""
    if definitions.medication == "methadone":
        return METHADONE_BANDS_MG
    return (0, *(definitions.dose_reference_mg * share for share in (0.5, 1, 1.5)), np.inf)


def fine_band_mg(definitions: Definitions) -> float:
    """Width of the bands of person-time and of the curve's grid: half the study's dose unit (methadone: 5 mg)."""
    return definitions.dose_unit_mg / 2


def estimate_model_clients(rows: pd.DataFrame, cohort: Cohort, definitions: Definitions) -> Result:
    """Starters who left before the first risk day or were at risk on it; of these, in the model and left out of it.

    Left out are clients without a value of a covariate or without any known dose.
    """
    first = first_risk_day(definitions)
    at_risk = int((cohort.frame["time"] >= first).sum())
    modelled, n = int(rows["client"].nunique()), len(cohort.frame)
    levels = {"left_before": n - at_risk, "at_risk": at_risk, "in_model": modelled, "left_out": at_risk - modelled}
    frame = counts(levels, estimand="clients", n=n, day=first, group="dose_model", **_who(cohort))
    whole = Sum(((0, "n"),), ((0, "estimate"), (1, "estimate")))
    return Result(
        "dose_clients", "counts", frame, sums=(whole, Sum(((1, "estimate"),), ((2, "estimate"), (3, "estimate"))))
    )


def first_risk_day(definitions: Definitions) -> int:
    """The day on which risk starts: after stabilisation, and with a full window behind the lag."""
    return max(definitions.stabilisation_days + 1, definitions.lag_days + 7)


def estimate_carried_share(rows: pd.DataFrame) -> Result:
    """Share of risk time whose exposure was carried forward because no day of the window was dosed."""
    days = rows["stop"] - rows["start"]
    row = {"estimate": float(days[rows["carried"]].sum() / days.sum()), "n": rows["client"].nunique()}
    same = {"estimand": "carried_share", "population": "clients at risk", "unit": "proportion of client-days"}
    return Result("dose_carried", "means", pd.DataFrame([row]).assign(**same))


def estimate_left_before_risk(cohort: Cohort, definitions: Definitions) -> Result:
    """Starters who were no longer at risk on the first risk day: nothing is said about them."""
    first, n = first_risk_day(definitions), len(cohort.frame)
    before = int((cohort.frame["time"] < first).sum())
    row = {"day": first, "events": before, "n": n, "estimate": before / n}
    same = {"estimand": "share", "group": "dose_model", "level": "left_before", "unit": "proportion"}
    return Result("dose_left_before", "proportions", pd.DataFrame([row]).assign(**same, **_who(cohort)))


def _who(cohort: Cohort) -> dict[str, str]:
    return {"population": cohort.population, "definition": f"cohort|{cohort.ends}"}


def _first_term(model: DoseModel) -> pd.DataFrame:
    coefficient, se = model.fit.coefficients[0], np.sqrt(model.covariance[0, 0])
    low, high = coefficient - model.quantile * se, coefficient + model.quantile * se
    return pd.DataFrame([{"estimate": np.exp(coefficient), "se": se, "lower": np.exp(low), "upper": np.exp(high)}])


def _ratios(output: str, model: DoseModel, frame: pd.DataFrame, name: str, group: str) -> Result:
    same: dict[str, Any] = {
        "estimand": "hazard_ratio",
        "population": f"clients in the model, {name.partition(',')[0]}",
        "model": name,
        "group": group,
        "unit": "ratio",
    }
    strata = "baseline by site" if model.by_site else "one baseline"
    frame = frame.assign(n=model.clients, events=model.events, definition=strata, **same)
    return Result(output, "regression", frame, parameters=len(model.fit.coefficients))


def _person_days(output: str, frame: pd.DataFrame, group: str, sums: tuple[Sum, ...] = ()) -> Result:
    same = {"estimand": "client_days", "population": "clients at risk", "group": group, "unit": "client-days"}
    return Result(output, "counts", frame.assign(**same), sums=sums)


def _weighted_limits(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return tuple(float(values[order][np.searchsorted(share, p)]) for p in (0.05, 0.95))  # type: ignore[return-value]
