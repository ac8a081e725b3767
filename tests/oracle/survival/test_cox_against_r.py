"""Cox models against R's coxph, basehaz, survfit.coxph and cox.zph (expected.R)."""

import numpy as np
import pandas as pd
import pytest

from oatmill.survival import (
    baseline_hazard,
    default_knots,
    fit_cox,
    predict_survival,
    proportional_hazards_test,
    restricted_cubic_spline,
    wald_test,
)

COEFFICIENTS, CURVES, TESTS = 1e-8, 1e-10, 1e-8  # relative
MODELS = ["right", "late", "strata", "site", "client", "weighted", "weighted_right"]


def fit(name, people, intervals, ties):
    """The model that expected.R fits under the same name."""
    if name.endswith("right"):
        more = {"weights": people["weight"], "cluster": people["site"]} if name.startswith("weighted") else {}
        x = people[["age", "male"]]
        return fit_cox(None, people["exit"], people["cause"] == 1, x, ties=ties, **more)
    more = {
        "late": {},
        "strata": {"strata": intervals["region"]},
        "site": {"strata": intervals["region"], "cluster": intervals["site"]},
        "client": {"cluster": intervals["client"]},
        "weighted": {"strata": intervals["region"], "cluster": intervals["site"], "weights": intervals["weight"]},
    }[name]
    rows = intervals[["start", "stop", "event"]].to_numpy().T
    return fit_cox(*rows, intervals[["age", "male", "dose"]], ties=ties, **more)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", MODELS)
def test_fit(people, intervals, expected, agree, name, ties):
    ours, theirs = fit(name, people, intervals, ties), expected.table(f"cox_{ties}_{name}")
    terms = list(ours.names)
    agree(ours.coefficients, theirs.loc[terms, "coefficient"], COEFFICIENTS)
    agree(ours.covariance, theirs.loc[terms, [f"covariance_{term}" for term in terms]], COEFFICIENTS)
    if ours.robust_covariance is not None:
        agree(ours.robust_covariance, theirs.loc[terms, [f"robust_{term}" for term in terms]], COEFFICIENTS)
    overall = theirs.loc["all"]
    agree([ours.loglik_null, ours.loglik], overall[["loglik_null", "loglik"]], CURVES)
    agree(ours.score_statistic, overall["score_statistic"], TESTS)
    assert ours.n_events == overall["n_events"]


def test_small_sample_factor_is_k_over_k_minus_1(people, intervals):
    plain, n_sites = fit("site", people, intervals, "efron"), intervals["site"].nunique()
    rows = intervals[["start", "stop", "event"]].to_numpy().T
    x, groups = intervals[["age", "male", "dose"]], {"strata": intervals["region"], "cluster": intervals["site"]}
    corrected = fit_cox(*rows, x, small_sample=True, **groups)
    np.testing.assert_allclose(corrected.robust_covariance, plain.robust_covariance * n_sites / (n_sites - 1))
    assert (corrected.degrees_of_freedom, plain.degrees_of_freedom) == (n_sites - 1, np.inf)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", ["right", "strata", "weighted"])
def test_baseline_hazard(people, intervals, expected, agree, name, ties):
    # As basehaz(fit, centered = FALSE) in R, which has a row for every stop day
    fitted = fit(name, people, intervals, ties)
    ours, theirs = baseline_hazard(fitted, at="zero"), expected.table(f"baseline_{ties}_{name}")
    labels = ours["stratum"].map(lambda label: "all" if label is None else str(label))
    rows = labels + "|" + ours["day"].astype(str)
    agree(ours["cumulative_hazard"], theirs.loc[rows, "cumulative_hazard"], CURVES)
    at_means = baseline_hazard(fitted, at="means")["hazard"]
    shift = np.exp(fitted.means @ fitted.coefficients)
    np.testing.assert_allclose(at_means, ours["hazard"] * shift, rtol=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_predicted_survival(people, intervals, expected, agree, ties):
    # As survfit(fit, newdata = someone) in R
    someone = pd.DataFrame({"dose": [40, 95], "age": [25, 51.5], "male": [1, 0]})
    ours = predict_survival(fit("strata", people, intervals, ties), someone, [5, 20, 33], strata=[1, 3])
    theirs = expected.table(f"predicted_{ties}").loc[[f"{who}|{day}" for who in (1, 2) for day in (5, 20, 33)]]
    agree(ours.ravel(), theirs["survival"], CURVES)


@pytest.mark.parametrize("transform", ["km", "identity", "rank", "log"])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", ["right", "strata", "weighted"])
def test_proportional_hazards(people, intervals, expected, agree, name, ties, transform):
    # As cox.zph(fit, transform) in R
    ours = proportional_hazards_test(fit(name, people, intervals, ties), transform).set_index("term")
    theirs = expected.table(f"zph_{ties}_{name}_{transform}")
    assert ours.index.tolist() == theirs.index.tolist()
    agree(ours, theirs, TESTS)


def test_terms_of_two_columns(intervals, expected, agree):
    curved = intervals.assign(dose2=intervals["dose"] ** 2 / 100)
    rows = intervals[["start", "stop", "event"]].to_numpy().T
    fitted = fit_cox(*rows, curved[["age", "dose", "dose2"]], strata=intervals["region"])
    terms = {"age": ["age"], "curved": ["dose", "dose2"]}
    ours = proportional_hazards_test(fitted, terms=terms).set_index("term")
    agree(ours, expected.table("zph_joint"), TESTS)
    agree(wald_test(fitted, ["dose", "dose2"]).statistic, expected.table("wald_joint").loc["all", "statistic"], TESTS)


def test_knots_by_rows_and_by_days(intervals, expected, agree):
    # As quantile(x) in R (type 7), of the rows and of the rows repeated once per day
    theirs = expected.table("knots")
    agree(default_knots(intervals["dose"]), theirs["rows"], CURVES)
    agree(default_knots(intervals["dose"], intervals["stop"] - intervals["start"]), theirs["days"], CURVES)


def test_spline_spans_the_natural_splines_of_r(intervals, expected):
    # splines::ns with the same knots is another basis of the same curves
    theirs = expected.table("natural_basis")
    ours = restricted_cubic_spline(theirs.index.astype(float), default_knots(intervals["dose"]))
    design = np.column_stack([np.ones(len(ours)), ours])
    fitted = design @ np.linalg.lstsq(design, theirs.to_numpy(), rcond=None)[0]
    np.testing.assert_allclose(fitted, theirs, atol=1e-10)


def test_spline_model_gives_the_same_curve_as_r(intervals, expected, agree):
    knots = default_knots(intervals["dose"])
    rows = intervals[["start", "stop", "event"]].to_numpy().T
    fitted = fit_cox(*rows, restricted_cubic_spline(intervals["dose"], knots))
    agree(fitted.loglik, expected.table("spline").loc["all", "loglik"], CURVES)
    theirs = expected.table("spline_curve")["log_hazard_ratio"]
    away = restricted_cubic_spline(theirs.index.astype(float), knots) - restricted_cubic_spline([60], knots)
    np.testing.assert_allclose(away @ fitted.coefficients, theirs, rtol=1e-8, atol=1e-10)
