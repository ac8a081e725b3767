"""A second route: lifelines' own data and estimators, written by other people in another way.

lifelines stops its Newton steps earlier than R does, hence the wider tolerance for regression.
"""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, CoxTimeVaryingFitter, KaplanMeierFitter
from lifelines.datasets import load_rossi
from lifelines.utils import restricted_mean_survival_time

from oatmill.survival import count_by_day, fit_cox, kaplan_meier, restricted_mean

REGRESSION, CURVES = 1e-5, 1e-10  # relative
COVARIATES = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]


@pytest.fixture(scope="module")
def rossi():
    """432 people released from prison, week of arrest within a year (Rossi, Berk and Lenihan 1980)."""
    return load_rossi()


def test_kaplan_meier(rossi):
    theirs = KaplanMeierFitter().fit(rossi["week"], rossi["arrest"])
    ours = kaplan_meier(count_by_day(rossi["week"], rossi["arrest"]))
    limits = theirs.confidence_interval_survival_function_.loc[ours["day"]].to_numpy()
    np.testing.assert_allclose(ours["survival"], theirs.survival_function_.loc[ours["day"], "KM_estimate"], rtol=CURVES)
    np.testing.assert_allclose(ours[["lower", "upper"]], limits, rtol=CURVES)


def test_restricted_mean(rossi):
    theirs = restricted_mean_survival_time(KaplanMeierFitter().fit(rossi["week"], rossi["arrest"]), t=40)
    ours = restricted_mean(kaplan_meier(count_by_day(rossi["week"], rossi["arrest"])), 40)
    np.testing.assert_allclose(ours.mean, theirs, rtol=CURVES)


def test_cox(rossi):
    theirs = CoxPHFitter().fit(rossi, "week", "arrest")
    ours = fit_cox(None, rossi["week"], rossi["arrest"], rossi[COVARIATES])
    np.testing.assert_allclose(ours.coefficients, theirs.params_[COVARIATES], rtol=REGRESSION)
    np.testing.assert_allclose(ours.standard_errors, theirs.standard_errors_[COVARIATES], rtol=REGRESSION)
    np.testing.assert_allclose(ours.loglik, theirs.log_likelihood_, rtol=CURVES)


def test_cox_with_strata(rossi):
    covariates = [name for name in COVARIATES if name != "wexp"]
    theirs = CoxPHFitter().fit(rossi, "week", "arrest", strata=["wexp"])
    ours = fit_cox(None, rossi["week"], rossi["arrest"], rossi[covariates], strata=rossi["wexp"])
    np.testing.assert_allclose(ours.coefficients, theirs.params_[covariates], rtol=REGRESSION)
    np.testing.assert_allclose(ours.standard_errors, theirs.standard_errors_[covariates], rtol=REGRESSION)


def test_start_stop_rows_whose_covariate_changes(rossi):
    early = rossi.assign(id=range(len(rossi)), start=0, stop=rossi["week"].clip(upper=20))
    early["arrest"] = early["arrest"] * (rossi["week"] <= 20)
    late = rossi.assign(id=range(len(rossi)), start=20, stop=rossi["week"], prio=rossi["prio"] + rossi["age"] % 3)
    rows = pd.concat([early, late[late["stop"] > 20]], ignore_index=True).drop(columns="week")
    theirs = CoxTimeVaryingFitter().fit(rows, id_col="id", event_col="arrest")
    ours = fit_cox(rows["start"], rows["stop"], rows["arrest"], rows[COVARIATES])
    np.testing.assert_allclose(ours.coefficients, theirs.params_[COVARIATES], rtol=REGRESSION)
    np.testing.assert_allclose(ours.standard_errors, theirs.standard_errors_[COVARIATES], rtol=REGRESSION)
