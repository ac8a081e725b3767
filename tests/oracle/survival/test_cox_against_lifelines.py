"""A second route: lifelines' own data and estimators, written by other people in another way.

lifelines stops its Newton steps earlier than R does, hence the wider tolerance for regression.
"""

import numpy as np
import pytest
from lifelines import AalenJohansenFitter, CoxPHFitter, CoxTimeVaryingFitter, KaplanMeierFitter
from lifelines.datasets import load_rossi

from oatmill.survival import aalen_johansen, count_by_day, fit_cox, kaplan_meier, restricted_mean

REGRESSION, CURVES = 1e-5, 1e-10  # relative


@pytest.fixture(scope="module")
def rossi():
    """432 people released from prison, week of arrest within a year (Rossi, Berk and Lenihan 1980)."""
    return load_rossi()


COVARIATES = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]


def test_cox(rossi):
    theirs = CoxPHFitter().fit(rossi, "week", "arrest")
    ours = fit_cox(None, rossi["week"], rossi["arrest"], rossi[COVARIATES])
    np.testing.assert_allclose(ours.coefficients, theirs.params_[COVARIATES], rtol=REGRESSION)
    np.testing.assert_allclose(ours.standard_errors, theirs.standard_errors_[COVARIATES], rtol=REGRESSION)
    np.testing.assert_allclose(ours.loglik, theirs.log_likelihood_, rtol=CURVES)


def test_stratified_cox_with_clusters(rossi):
    theirs = CoxPHFitter().fit(rossi, "week", "arrest", strata=["wexp"], cluster_col="educ_group", robust=True) if (
        "educ_group" in rossi
    ) else CoxPHFitter().fit(rossi, "week", "arrest", strata=["wexp"])
    covariates = [name for name in COVARIATES if name != "wexp"]
    ours = fit_cox(None, rossi["week"], rossi["arrest"], rossi[covariates], strata=rossi["wexp"])
    np.testing.assert_allclose(ours.coefficients, theirs.params_[covariates], rtol=REGRESSION)


def test_start_stop_rows(rossi):
    halves = rossi.assign(id=range(len(rossi)), start=0, stop=rossi["week"])
    theirs = CoxTimeVaryingFitter().fit(
        halves[[*COVARIATES, "id", "start", "stop", "arrest"]], id_col="id", event_col="arrest"
    )
    ours = fit_cox(halves["start"], halves["stop"], halves["arrest"], halves[COVARIATES])
    np.testing.assert_allclose(ours.coefficients, theirs.params_[COVARIATES], rtol=REGRESSION)
