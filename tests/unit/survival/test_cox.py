"""Cox regression: likelihoods small enough to write out, and everything that must be refused."""

from math import exp, log

import numpy as np
import pandas as pd
import pytest

from oatmill.survival import (
    SurvivalError,
    baseline_hazard,
    coefficient_table,
    fit_cox,
    predict_survival,
    proportional_hazards_test,
    wald_test,
)

# Five people, x = 1 for those on a low dose.
# day     1  2  3  4
# Anna    x              x = 1
# Bek     =  x           x = 0
# Chen    =  x           x = 1   tied with Bek
# Dina    =  =  =  o     x = 0
# Erkin      =  x        x = 1   enters late, first at risk on day 2
START, STOP, EVENT, X = [0, 0, 0, 0, 1], [1, 2, 2, 4, 3], [1, 1, 1, 0, 1], [1, 0, 1, 0, 1]


def log_likelihood(ties, beta):
    """Anna among A, B, C, D; then Bek and Chen among B, C, D, E; then Erkin among D, E."""
    low = exp(beta)
    day_1 = beta - log(2 * low + 2)
    at_risk, tied = 2 * low + 2, 1 + low
    day_2 = beta - log(at_risk) - log(at_risk - (tied / 2 if ties == "efron" else 0))
    return day_1 + day_2 + beta - log(low + 1)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_log_likelihood_by_hand(ties):
    fit = fit_cox(START, STOP, EVENT, X, ties=ties)
    beta = fit.coefficients[0]
    assert fit.loglik_null == pytest.approx(log_likelihood(ties, 0))
    assert fit.loglik == pytest.approx(log_likelihood(ties, beta))
    assert fit.loglik > max(log_likelihood(ties, beta + 1e-3), log_likelihood(ties, beta - 1e-3))
    curvature = log_likelihood(ties, beta + 1e-4) - 2 * fit.loglik + log_likelihood(ties, beta - 1e-4)
    assert fit.covariance[0, 0] == pytest.approx(-1e-8 / curvature, rel=1e-4)
    assert (fit.n_rows, fit.n_events) == (5, 4)
    assert fit.likelihood_ratio == pytest.approx(2 * (fit.loglik - fit.loglik_null))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_estimate_without_ties_by_hand(ties):
    # Four people leave one by one, x = 1, 0, 1, 0. With e = exp(beta) the likelihood is e/(2e+2) 1/(e+2) e/(e+1) 1,
    # its derivative is 0 where 2/(e+1) = e/(e+2), that is e^2 - e - 4 = 0.
    fit = fit_cox(None, [1, 2, 3, 4], [1, 1, 1, 1], [1, 0, 1, 0], ties=ties)
    assert exp(fit.coefficients[0]) == pytest.approx((1 + 17**0.5) / 2, rel=1e-12)


def test_rows_at_risk_on_no_event_day_change_nothing():
    # The sixth person enters after the last event.
    more = fit_cox([*START, 3], [*STOP, 9], [*EVENT, 0], [*X, 1])
    assert more.coefficients == pytest.approx(fit_cox(START, STOP, EVENT, X).coefficients, rel=1e-12)
    assert more.n_rows == 6


def people(n=300, seed=4):
    """Invented cohort: dose in mg, men, five sites; leaving is likelier on a low dose."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"dose_mg": rng.integers(4, 25, n) * 5.0, "male": rng.integers(0, 2, n)})
    leaves = np.ceil(rng.exponential(np.exp(3 + 0.02 * x["dose_mg"] + 0.2 * x["male"]))).astype(int)
    stop, event = np.minimum(leaves, 150), (leaves <= 150).astype(int)
    return stop, event, x, rng.integers(0, 5, n)


def test_names_come_from_the_columns():
    stop, event, x, _ = people()
    assert fit_cox(None, stop, event, x).names == ("dose_mg", "male")
    assert fit_cox(None, stop, event, x.to_numpy()).names == ("x1", "x2")


def test_units_of_a_covariate_change_its_coefficient_only():
    stop, event, x, _ = people()
    in_mg, in_g = fit_cox(None, stop, event, x), fit_cox(None, stop, event, x.assign(dose_mg=x["dose_mg"] / 1000))
    assert in_g.coefficients == pytest.approx(in_mg.coefficients * [1000, 1])
    assert in_g.loglik == pytest.approx(in_mg.loglik)


def test_coefficient_table_uses_t_where_clusters_are_few():
    stop, event, x, site = people()
    normal = coefficient_table(fit_cox(None, stop, event, x, cluster=site))
    corrected = coefficient_table(fit_cox(None, stop, event, x, cluster=site, small_sample=True))
    assert corrected["se"].to_numpy() == pytest.approx(normal["se"].to_numpy() * (5 / 4) ** 0.5)
    width = (corrected["upper"] - corrected["coefficient"]) / corrected["se"]
    assert width.to_numpy() == pytest.approx([2.7764451] * 2)  # t on 4 degrees of freedom
    assert ((normal["upper"] - normal["coefficient"]) / normal["se"]).to_numpy() == pytest.approx([1.9599640] * 2)


def test_wald_test_of_one_term_is_its_squared_statistic():
    stop, event, x, site = people()
    for more in ({}, {"cluster": site}, {"cluster": site, "small_sample": True}):
        fit = fit_cox(None, stop, event, x, **more)
        row = coefficient_table(fit).set_index("term").loc["male"]
        test = wald_test(fit, ["male"])
        assert (test.statistic, test.p_value) == (pytest.approx(row["statistic"] ** 2), pytest.approx(row["p_value"]))


def test_one_cluster_per_row_is_the_default_robust_variance_of_lin_and_wei():
    stop, event, x, _ = people()
    by_row = fit_cox(None, stop, event, x, cluster=np.arange(len(stop)))
    ratio = np.diag(by_row.robust_covariance) / np.diag(by_row.covariance)
    assert ((ratio > 0.7) & (ratio < 1.4)).all()


def test_labels_of_strata_and_clusters_may_be_text():
    stop, event, x, site = people()
    names = np.array([f"site {number}" for number in site])
    text, number = (fit_cox(None, stop, event, x, strata=s, cluster=s) for s in (names, site))
    assert text.strata == tuple(sorted(set(names)))
    np.testing.assert_allclose(text.robust_covariance, number.robust_covariance, rtol=1e-12)


def test_baseline_hazard_without_effect_is_events_over_at_risk():
    # x is balanced between those who leave and those who stay: the coefficient is 0.
    fit = fit_cox(None, [1, 1, 2, 2], [1, 1, 0, 0], [0, 1, 0, 1], ties="breslow")
    assert fit.coefficients == pytest.approx([0], abs=1e-12)
    hazard = baseline_hazard(fit)
    assert hazard[["stratum", "day", "events"]].to_numpy().tolist() == [[None, 1, 2]]
    assert hazard["hazard"].tolist() == pytest.approx([2 / 4])
    assert predict_survival(fit, [0, 1], [0, 1, 2, 3])[0] == pytest.approx(
        [1, exp(-0.5), exp(-0.5), np.nan], nan_ok=True
    )


def test_prediction_at_the_means_is_the_baseline():
    stop, event, x, _ = people()
    fit = fit_cox(None, stop, event, x)
    hazard = baseline_hazard(fit, at="means")
    average = pd.DataFrame([fit.means], columns=list(fit.names))
    np.testing.assert_allclose(predict_survival(fit, average, hazard["day"])[0], np.exp(-hazard["cumulative_hazard"]))


def test_prediction_looks_columns_up_by_name():
    stop, event, x, _ = people()
    fit = fit_cox(None, stop, event, x)
    swapped = x[["male", "dose_mg"]].assign(other=1)
    np.testing.assert_array_equal(predict_survival(fit, swapped, [30]), predict_survival(fit, x, [30]))


def test_stratum_without_an_event_has_no_hazard():
    stop, event, x, site = people()
    event = np.where(site == 2, 0, event)
    fit = fit_cox(None, stop, event, x, strata=site)
    assert predict_survival(fit, x[:1], [100], strata=[2]).tolist() == [[1]]
    assert 2 not in baseline_hazard(fit)["stratum"].tolist()


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("unknown-term", lambda fit, x: predict_survival(fit, x[["male"]], [30], strata=[0] * len(x))),
        ("unknown-stratum", lambda fit, x: predict_survival(fit, x, [30])),
        ("unknown-stratum", lambda fit, x: predict_survival(fit, x, [30], strata=[9] * len(x))),
        ("length-mismatch", lambda fit, x: predict_survival(fit, x, [30], strata=[0])),
        ("length-mismatch", lambda fit, x: predict_survival(fit, x.to_numpy()[:, :1], [30], strata=[0] * len(x))),
        ("negative-day", lambda fit, x: predict_survival(fit, x, [-1], strata=[0] * len(x))),
        ("unknown-option", lambda fit, _: baseline_hazard(fit, at="mean")),
        ("unknown-term", lambda fit, _: wald_test(fit, ["dose"])),
        ("unknown-term", lambda fit, _: wald_test(fit, [])),
        ("unknown-term", lambda fit, _: proportional_hazards_test(fit, terms={"dose": ["dose"]})),
        ("unknown-option", lambda fit, _: proportional_hazards_test(fit, "kaplan-meier")),
        ("bad-confidence", lambda fit, _: coefficient_table(fit, 95)),
    ],
)
def test_questions_to_a_fit_that_are_refused(code, call):
    stop, event, x, site = people()
    with pytest.raises(SurvivalError) as raised:
        call(fit_cox(None, stop, event, x, strata=site), x)
    assert raised.value.code == code


def test_joint_test_needs_more_clusters_than_terms():
    stop, event, x, site = people()
    with pytest.raises(SurvivalError, match="2 clusters cannot test 2 coefficients together"):
        wald_test(fit_cox(None, stop, event, x, cluster=site < 3), ["dose_mg", "male"])


def refused(x=None, event=None, **more):
    """The error of fitting an invented cohort with one thing wrong."""
    stop, left, right_x, _ = people()
    with pytest.raises(SurvivalError) as raised:
        fit_cox(None, stop, left if event is None else event, right_x if x is None else x, **more)
    return raised.value


def test_no_events():
    assert refused(event=np.zeros(300)).code == "no-events"


def test_causes_must_be_chosen_by_the_caller():
    assert refused(event=np.full(300, 2)).code == "bad-event-code"


def test_constant_covariate_is_named():
    error = refused(people()[2].assign(on_methadone=1))
    assert error.code == "constant-covariate"
    assert "on_methadone" in str(error)
    assert "male" not in str(error)


def test_covariate_that_is_constant_within_strata_is_named():
    _, _, x, site = people()
    error = refused(x.assign(rural=site < 2), strata=site)
    assert error.code == "constant-covariate"
    assert str(error) == "Never varies among people at risk together: rural."


def test_collinear_covariates_are_named():
    _, _, x, _ = people()
    error = refused(x.assign(female=1 - x["male"]))
    assert error.code == "collinear-covariates"
    assert str(error) == "female is a combination of: male."


@pytest.mark.parametrize("unit", [1, 1e6, 1e-4])
def test_group_without_an_event_is_named(unit):
    _, event, x, site = people()
    event = np.where(site == 1, 0, event)
    error = refused(x.assign(dose_mg=x["dose_mg"] * unit, site_1=(site == 1) * unit), event)
    assert error.code == "separation"
    assert "No finite estimate for: site_1 (" in str(error)


def test_covariate_that_foretells_the_order_of_leaving():
    stop, _, x, _ = people()
    error = refused(x.assign(days=-stop), np.ones(300))
    assert error.code == "separation"
    assert "days" in str(error)


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("missing-values", {"x": np.full(300, np.nan)}),
        ("length-mismatch", {"x": np.ones(299)}),
        ("no-covariates", {"x": np.empty((300, 0))}),
        ("duplicate-names", {"x": pd.DataFrame(np.ones((300, 2)), columns=["a", "a"])}),
        ("not-numeric", {"x": pd.DataFrame({"sex": ["f", "m"] * 150})}),
        ("length-mismatch", {"strata": [1, 2]}),
        ("missing-values", {"strata": [None, *["a"] * 299]}),
        ("missing-values", {"cluster": [np.nan, *[1.0] * 299]}),
        ("too-few-clusters", {"cluster": [1] * 300}),
        ("bad-weights", {"weights": [0, *[1] * 299]}),
        ("unknown-option", {"ties": "exact"}),
        ("unknown-option", {"small_sample": True}),
    ],
)
def test_input_that_is_refused(code, more):
    assert refused(**more).code == code
