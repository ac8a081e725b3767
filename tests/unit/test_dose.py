"""The dose chapter on rows whose answer is known, and against lifelines as a second route."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from oatmill.cohort import Cohort
from oatmill.dose import (
    covariate_columns,
    dose_bands_mg,
    estimate_band_rates,
    estimate_carried_share,
    estimate_dose_curve,
    estimate_dose_slope,
    estimate_left_before_risk,
    estimate_naive_slopes,
    estimate_person_time,
    fine_band_mg,
    fit_dose_model,
)
from oatmill.errors import NotSupported
from oatmill.schema import EXIT_REASONS
from oatmill.study import Definitions

DROPOUT = EXIT_REASONS.index("dropout") + 1


def simulated_rows(clients: int, beta: float, sites: int, seed: int = 7) -> pd.DataFrame:
    """One row of constant dose per client: exponential times with log hazard ratio `beta` per 10 mg."""
    rng = np.random.Generator(np.random.PCG64(seed))
    dose = rng.choice(np.arange(20.0, 121, 5), clients)
    site = rng.integers(0, sites, clients)
    hazard = 0.004 * np.exp(0.3 * (site % 3)) * np.exp(beta * (dose - 60) / 10)
    days = np.ceil(rng.exponential(1 / hazard)).astype(int)
    left = (days <= 700).astype(int)
    frame = pd.DataFrame({"client": np.arange(clients), "start": 0, "stop": np.minimum(days, 700), "dose_mg": dose})
    return frame.assign(left=left, site=[f"s{k}" for k in site], carried=False, sex=rng.choice(["f", "m"], clients))


def test_the_slope_finds_the_simulated_effect_and_agrees_with_lifelines() -> None:
    from lifelines import CoxPHFitter

    rows = simulated_rows(1500, beta=-0.12, sites=12)
    model = fit_dose_model(rows, Definitions(), ["sex"], spline=False)
    result = estimate_dose_slope(model, Definitions()).frame.iloc[0]
    assert result["lower"] < np.exp(-0.12) < result["upper"]
    table = rows.assign(dose=rows["dose_mg"] / 10, male=(rows["sex"] == "m").astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = CoxPHFitter().fit(table[["stop", "left", "dose", "male", "site"]], "stop", "left", strata=["site"])
    # lifelines stops Newton at 1e-7 of the step, so 1e-5 is its own precision
    assert np.log(result["estimate"]) == pytest.approx(other.params_["dose"], rel=1e-5)


def test_site_robust_errors_from_ten_sites_and_client_robust_below() -> None:
    many = fit_dose_model(simulated_rows(400, -0.1, sites=10), Definitions(), [], spline=False)
    few = fit_dose_model(simulated_rows(400, -0.1, sites=9), Definitions(), [], spline=False)
    assert (many.errors, many.fit.degrees_of_freedom) == ("site", 9)
    assert many.quantile == pytest.approx(2.262157, abs=1e-6)  # R: qt(0.975, 9)
    assert few.errors == "client"
    assert few.quantile == pytest.approx(1.959964, abs=1e-6)


def test_the_spline_is_one_at_the_reference_and_follows_a_straight_truth() -> None:
    model = fit_dose_model(simulated_rows(4000, beta=-0.15, sites=12), Definitions(), [])
    curve = estimate_dose_curve(model, Definitions()).frame.set_index("term")
    assert curve.loc["60", "estimate"] == pytest.approx(1)
    assert curve.loc["60", "se"] == pytest.approx(0)
    for dose in (40, 80, 100):
        assert curve.loc[str(dose), "lower"] < np.exp(-0.15 * (dose - 60) / 10) < curve.loc[str(dose), "upper"]


def test_the_curve_stays_within_the_middle_of_person_time() -> None:
    model = fit_dose_model(simulated_rows(1000, -0.1, sites=3), Definitions(), [])
    doses = estimate_dose_curve(model, Definitions()).frame["term"].astype(float)
    assert doses.min() >= 20 and doses.max() <= 120
    assert (np.diff(doses) == 5).all()


def test_person_time_and_rates_add_up() -> None:
    rows = pd.DataFrame(
        {"client": [1, 1, 2], "start": [28, 40, 28], "stop": [40, 60, 128], "dose_mg": [38.0, 62.0, 62.0]}
    )
    rows = rows.assign(left=[0, 1, 0], carried=[False, True, False])
    bands = estimate_band_rates(rows, Definitions()).frame.set_index("level")
    assert bands.loc["<40", ["estimate", "n", "events"]].tolist() == [12, 1, 0]
    assert bands.loc["60-<80", ["estimate", "n", "events"]].tolist() == [120, 2, 1]
    assert bands.loc["", ["estimate", "n", "events"]].tolist() == [132, 2, 1]
    assert estimate_person_time(rows, Definitions()).frame.set_index("term")["estimate"].to_dict() == {
        "35": 12,
        "60": 120,
    }
    assert estimate_carried_share(rows).frame["estimate"].iloc[0] == pytest.approx(20 / 132)


def test_bands_follow_the_medication() -> None:
    assert dose_bands_mg(Definitions())[1:-1] == (40, 60, 80, 100, 120)
    other = Definitions(medication="buprenorphine", dose_reference_mg=16, dose_unit_mg=4)
    assert dose_bands_mg(other)[1:-1] == (8, 16, 24)
    assert (fine_band_mg(Definitions()), fine_band_mg(other)) == (5, 2)


@pytest.mark.parametrize(("stabilisation", "lag", "first_day"), [(28, 14, 29), (28, 28, 35), (0, 0, 7), (48, 14, 49)])
def test_risk_starts_after_stabilisation_and_a_full_window(stabilisation: int, lag: int, first_day: int) -> None:
    """Left before: those whose last day at risk is earlier than max(stabilisation + 1, lag + 7)."""
    cohort = Cohort(pd.DataFrame({"time": [first_day - 1, first_day, first_day + 1]}), ())
    definitions = Definitions(stabilisation_days=stabilisation, lag_days=lag)
    result = estimate_left_before_risk(cohort, definitions).frame.iloc[0]
    assert (result["day"], result["events"], result["n"]) == (first_day, 1, 3)


def test_immortal_time_makes_the_highest_dose_look_protective_where_dose_does_nothing() -> None:
    """Dose rises by 10 mg every 30 days in treatment and has no effect: the highest dose still seems to keep clients."""
    rows = simulated_rows(1200, beta=0, sites=3, seed=11)
    cohort = rows.rename(columns={"start": "entry", "stop": "time"}).drop(columns=["dose_mg", "left"])
    cohort["event"] = np.where(rows["left"] == 1, DROPOUT, 0)
    cohort["first_dose_mg"] = rows["dose_mg"]
    cohort["max_dose_mg"] = rows["dose_mg"] + 10 * (cohort["time"] // 30)
    cohort["mean_dose_mg"] = rows["dose_mg"] + 5 * (cohort["time"] // 30)
    cohort["last_dose_mg"] = cohort["max_dose_mg"]
    found = {r.frame["model"].iloc[0]: r.frame.iloc[0] for r in estimate_naive_slopes(cohort, Definitions(), [])}
    assert found["naive: maximum"]["upper"] < 0.95
    assert found["naive: entry"]["lower"] < 1 < found["naive: entry"]["upper"]


def test_categories_become_indicators_and_constants_are_left_out() -> None:
    rows = pd.DataFrame({"sex": ["f", "m", "m"], "age": [30.0, 40.0, 50.0], "hiv": ["no", "no", "no"]})
    columns = covariate_columns(rows, ["sex", "age", "hiv"])
    assert list(columns) == ["sex: m", "age"]
    assert columns["sex: m"].tolist() == [0, 1, 1]


def test_a_model_that_cannot_be_fitted_is_refused_in_words() -> None:
    rows = simulated_rows(50, 0, sites=2).assign(left=0)
    with pytest.raises(NotSupported, match="cannot be fitted"):
        fit_dose_model(rows, Definitions(), [], spline=False)


def test_where_doses_are_too_alike_for_a_spline_the_curve_is_a_straight_line_and_says_so() -> None:
    rows = simulated_rows(600, beta=-0.1, sites=3)
    rows["dose_mg"] = np.where(rows["dose_mg"] < 70, 60.0, 80.0)
    model = fit_dose_model(rows, Definitions(), [])
    assert model.knots_mg is None
    curve = estimate_dose_curve(model, Definitions()).frame.set_index("term")
    assert set(curve["model"]) == {"lagged dose, straight line"}
    log_ratio = np.log(curve["estimate"])
    assert log_ratio["80"] == pytest.approx(2 * log_ratio["70"])


def test_a_naive_model_that_cannot_be_fitted_is_left_out() -> None:
    """Whoever leaves had a last dose of 90 mg or more, all others 40 or less: no finite hazard ratio exists."""
    rows = simulated_rows(300, beta=0, sites=1)
    cohort = rows.rename(columns={"start": "entry", "stop": "time"}).drop(columns=["dose_mg"])
    cohort["event"] = np.where(cohort["left"] == 1, DROPOUT, 0)
    for column in ("first_dose_mg", "max_dose_mg", "mean_dose_mg"):
        cohort[column] = rows["dose_mg"]
    cohort["last_dose_mg"] = np.where(rows["left"] == 1, 90.0, 40.0)
    models = [result.frame["model"].iloc[0] for result in estimate_naive_slopes(cohort, Definitions(), [])]
    assert "naive: entry" in models
    assert "naive: last" not in models
