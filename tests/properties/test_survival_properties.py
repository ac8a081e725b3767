"""What must hold for every cohort, however small, tied or late."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oatmill.survival import (
    SurvivalError,
    aalen_johansen,
    at_risk_on,
    count_by_day,
    default_knots,
    fit_cox,
    follow_up,
    kaplan_meier,
    log_rank,
    quantile,
    restricted_cubic_spline,
    restricted_mean,
    survival_at,
)


@st.composite
def cohorts(draw, max_size=40, causes=3, late=True):
    """Draw columns start, stop, event: few days, so that most are tied."""
    n = draw(st.integers(1, max_size))
    start = draw(st.lists(st.integers(0, 8 if late else 0), min_size=n, max_size=n))
    length = draw(st.lists(st.integers(1, 15), min_size=n, max_size=n))
    event = draw(st.lists(st.integers(0, causes), min_size=n, max_size=n))
    return pd.DataFrame({"start": start, "stop": np.add(start, length), "event": event})


@st.composite
def regression_cohorts(draw):
    """A cohort large enough for a Cox model, with two covariates; seeds are drawn so that failures shrink."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n = draw(st.integers(40, 120))
    start = rng.integers(0, 6, n) * draw(st.integers(0, 1))
    cohort = pd.DataFrame({"start": start, "stop": start + rng.integers(1, draw(st.integers(6, 60)), n)})
    cohort = cohort.assign(event=rng.integers(0, 2, n), dose=rng.integers(4, 25, n) * 5.0, male=rng.integers(0, 2, n))
    return cohort.assign(site=rng.integers(0, 4, n))


def table_of(cohort, **more):
    return count_by_day(cohort["stop"], cohort["event"], cohort["start"], **more)


def fit(cohort, **more):
    groups = {"strata": cohort["site"], "cluster": cohort["site"]} if more.pop("by_site", False) else {}
    try:
        return fit_cox(cohort["start"], cohort["stop"], cohort["event"], cohort[["dose", "male"]], **groups, **more)
    except SurvivalError as error:
        assume(error.code not in ("separation", "constant-covariate", "collinear-covariates", "no-events"))
        raise


def assert_same_fit(one, other):
    np.testing.assert_allclose(other.coefficients, one.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.covariance, one.covariance, rtol=1e-7)
    assert other.loglik == pytest.approx(one.loglik, rel=1e-9, abs=1e-9)


@given(cohorts())
def test_table_counts_every_person(cohort):
    table = table_of(cohort)
    assert table.any_event.sum() + table.censored.sum() == table.entries.sum() == len(cohort)
    for day in (1, 5, 12, table.last_day):
        expected = ((cohort["start"] < day) & (cohort["stop"] >= day)).sum()
        assert at_risk_on(table, [day]).tolist() == [expected]


@given(cohorts())
def test_survival_falls_within_0_and_1_and_limits_enclose_it(cohort):
    for interval in ("log-log", "log", "plain"):
        curve = kaplan_meier(table_of(cohort), interval=interval)
        assert curve["survival"].between(0, 1).all()
        assert (np.diff(curve["survival"]) <= 0).all()
        known = curve.dropna()
        assert (known["lower"] <= known["survival"] + 1e-12).all()
        assert (known["survival"] <= known["upper"] + 1e-12).all()
        assert (curve["lower"].isna() == (curve["survival"] == 0)).all()


@given(cohorts())
def test_incidences_and_survival_add_up_to_1(cohort):
    table = table_of(cohort)
    incidence = aalen_johansen(table).pivot(index="day", columns="cause", values="cif")
    assert (incidence.diff().dropna() >= 0).all(axis=None)
    np.testing.assert_allclose(incidence.sum(axis=1) + kaplan_meier(table)["survival"].to_numpy(), 1, atol=1e-12)


@given(cohorts(causes=1))
def test_one_cause_is_one_minus_kaplan_meier(cohort):
    table = table_of(cohort)
    incidence, curve = aalen_johansen(table), kaplan_meier(table)
    np.testing.assert_allclose(incidence["cif"], 1 - curve["survival"], atol=1e-12)
    alive = curve["survival"] > 0
    np.testing.assert_allclose(incidence.loc[alive, "se"], curve.loc[alive, "se"], atol=1e-10)


@given(cohorts())
def test_causes_apart_only_ever_look_worse_than_they_are(cohort):
    # One minus Kaplan-Meier of one cause, the others censored, is never below its incidence.
    table = table_of(cohort)
    for cause, incidence in aalen_johansen(table).groupby("cause"):
        alone = kaplan_meier(table.keep_causes([cause]))
        assert (1 - alone["survival"].to_numpy() >= incidence["cif"].to_numpy() - 1e-12).all()


@given(cohorts(late=False), st.integers(1, 15))
def test_without_censoring_the_curve_is_the_share_still_in(cohort, day):
    everybody = cohort.assign(event=1)
    curve = kaplan_meier(table_of(everybody))
    share = (everybody["stop"] > day).mean()
    assert survival_at(curve, [day])["survival"].tolist() == [pytest.approx(share, abs=1e-12)]
    np.testing.assert_allclose(
        curve["se"].dropna() ** 2, (curve["survival"] * (1 - curve["survival"]) / len(cohort))[:-1]
    )
    assert restricted_mean(curve, 15).mean == pytest.approx(everybody["stop"].mean())


@given(cohorts(), st.randoms(use_true_random=False))
def test_row_order_is_irrelevant(cohort, random):
    order = random.sample(range(len(cohort)), len(cohort))
    one, other = table_of(cohort), table_of(cohort.iloc[order])
    pd.testing.assert_frame_equal(kaplan_meier(one), kaplan_meier(other))
    pd.testing.assert_frame_equal(aalen_johansen(one), aalen_johansen(other))


@given(cohorts(), st.integers(1, 20))
def test_cutting_intervals_in_two_changes_no_curve(cohort, day):
    inside = (cohort["start"] < day) & (day < cohort["stop"])
    first = cohort.assign(stop=cohort["stop"].where(~inside, day), event=cohort["event"].where(~inside, 0))
    second = cohort[inside].assign(start=day)
    one, other = table_of(cohort, n_causes=3), table_of(pd.concat([first, second]), n_causes=3)
    np.testing.assert_array_equal(one.at_risk, other.at_risk)
    np.testing.assert_array_equal(one.events, other.events)
    columns = ["survival", "se", "lower", "upper"]
    before = survival_at(kaplan_meier(one), one.day)[columns]
    pd.testing.assert_frame_equal(survival_at(kaplan_meier(other), one.day)[columns], before)


@given(cohorts(late=False))
def test_delayed_entry_on_day_0_is_no_delay(cohort):
    without = count_by_day(cohort["stop"], cohort["event"])
    pd.testing.assert_frame_equal(kaplan_meier(table_of(cohort)), kaplan_meier(without))


@given(cohorts())
def test_weights_are_copies(cohort):
    copies = 1 + np.arange(len(cohort)) % 3
    weighted = table_of(cohort, weights=copies)
    repeated = table_of(cohort.loc[cohort.index.repeat(copies)])
    np.testing.assert_allclose(kaplan_meier(weighted)["survival"], kaplan_meier(repeated)["survival"], atol=1e-12)


@given(cohorts(), st.floats(0.01, 0.99))
def test_quantile_is_where_the_curve_passes(cohort, p):
    curve = kaplan_meier(table_of(cohort))
    day = quantile(curve, p)["quantile"].iloc[0]
    if np.isnan(day):
        assert curve["survival"].iloc[-1] > 1 - p - 1e-7
    else:
        before, after = survival_at(curve, [int(np.ceil(day)) - 1, int(np.ceil(day))])["survival"]
        assert after - 1e-7 <= 1 - p <= before + 1e-7


@given(cohorts())
def test_follow_up_and_survival_share_out_the_exits(cohort):
    # On a day with either events or censorings alone, exactly one of the two curves moves.
    table = table_of(cohort)
    left, lost = kaplan_meier(table), follow_up(table)
    np.testing.assert_array_equal(left["events"], lost["censored"])
    np.testing.assert_array_equal(left["at_risk"], lost["at_risk"])


@given(cohorts(), cohorts())
def test_log_rank_does_not_depend_on_the_order_of_groups(one, other):
    tables = [table_of(one), table_of(other)]
    try:
        test = log_rank(tables)
    except SurvivalError as error:
        assume(error.code not in ("no-events", "no-comparison"))
        raise
    swapped = log_rank(tables[::-1])
    assert swapped.statistic == pytest.approx(test.statistic, rel=1e-9, abs=1e-12)
    assert test.observed.sum() == pytest.approx(test.expected.sum())
    assert 0 <= test.p_value <= 1


@given(st.lists(st.integers(1, 200), min_size=20, max_size=60, unique=True), st.integers(1, 4))
def test_spline_knots_by_weight_are_knots_of_copies(doses, times):
    weights = 1 + np.arange(len(doses)) % times
    np.testing.assert_allclose(default_knots(doses, weights), default_knots(np.repeat(doses, weights)))
    basis = restricted_cubic_spline(doses, default_knots(doses))
    assert np.isfinite(basis).all()
    assert basis.shape == (len(doses), 3)


@given(regression_cohorts(), st.sampled_from(["efron", "breslow"]), st.randoms(use_true_random=False))
def test_cox_does_not_depend_on_row_order(cohort, ties, random):
    order = random.sample(range(len(cohort)), len(cohort))
    one, other = fit(cohort, ties=ties, by_site=True), fit(cohort.iloc[order], ties=ties, by_site=True)
    assert_same_fit(one, other)
    np.testing.assert_allclose(one.robust_covariance, other.robust_covariance, rtol=1e-6, atol=1e-12)


@given(regression_cohorts(), st.sampled_from(["efron", "breslow"]), st.integers(1, 30))
def test_cox_does_not_change_when_intervals_are_cut(cohort, ties, day):
    cohort = cohort.assign(client=np.arange(len(cohort)))
    inside = (cohort["start"] < day) & (day < cohort["stop"])
    first = cohort.assign(stop=cohort["stop"].where(~inside, day), event=cohort["event"].where(~inside, 0))
    cut = pd.concat([first, cohort[inside].assign(start=day)])
    one, other = (fit(rows, ties=ties, cluster=rows["client"]) for rows in (cohort, cut))
    assert_same_fit(one, other)
    np.testing.assert_allclose(one.robust_covariance, other.robust_covariance, rtol=1e-6, atol=1e-12)


@given(regression_cohorts(), st.sampled_from(["efron", "breslow"]))
def test_cox_with_equal_weights_is_cox_without(cohort, ties):
    one, other = fit(cohort, ties=ties), fit(cohort, ties=ties, weights=np.full(len(cohort), 2.0))
    np.testing.assert_allclose(other.coefficients, one.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.covariance, one.covariance / 2, rtol=1e-7)


@given(regression_cohorts())
def test_cox_with_breslow_ties_counts_weights_as_copies(cohort):
    copies = 1 + np.arange(len(cohort)) % 3
    weighted = fit(cohort, ties="breslow", weights=copies)
    assert_same_fit(fit(cohort.loc[cohort.index.repeat(copies)], ties="breslow"), weighted)
