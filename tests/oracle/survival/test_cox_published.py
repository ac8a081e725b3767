"""Published figures of the UMARU IMPACT study (Hosmer & Lemeshow, Applied Survival Analysis, Table 7.1).

The data are read where they lie and never copied: folder `uis` of the real data (see tests/conftest.py).
"""

import numpy as np
import pandas as pd
import pytest

from oatmill.survival import count_by_day, fit_cox, log_rank

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def uis(realdata):
    path = realdata / "uis" / "uis.csv"
    if not path.exists():
        pytest.skip(f"no UIS data at {path}")
    return pd.read_csv(path)


def table_7_1(complete):
    """The model's nine terms: fractional polynomials of earlier treatments, interactions with site, site as stratum."""
    tenths = (complete["ndrugtx"] + 1) / 10
    return pd.DataFrame(
        {
            "age": complete["age"],
            "becktota": complete["beck"],
            "ndrugfp1": 1 / tenths,
            "ndrugfp2": np.log(tenths) / tenths,
            "ivhx_3": complete["ivhx"] == 3,  # recent injecting
            "race": complete["race"],
            "treat": complete["treat"],
            "age:site": complete["age"] * complete["site"],
            "race:site": complete["race"] * complete["site"],
        }
    )


def test_stratified_model_of_table_7_1(uis):
    complete = uis.dropna()
    assert len(complete) == 575
    x = table_7_1(complete)
    fit = fit_cox(None, complete["time"], complete["censor"], x.astype(float), strata=complete["site"], ties="breslow")
    assert f"{fit.loglik:.4f}" == "-2349.7757"
    assert f"{fit.likelihood_ratio:.2f}" == "66.18"
    printed = dict(zip(fit.names, (f"{coefficient:.7f}" for coefficient in fit.coefficients), strict=True))
    assert printed["age"] == "-0.0413808"
    assert printed["becktota"] == "0.0087201"
    assert printed["ndrugfp1"] == "-0.5726626"
    assert printed["ndrugfp2"] == "-0.2135928"
    errors = dict(zip(fit.names, (f"{error:.7f}" for error in fit.standard_errors), strict=True))
    assert (errors["age"], errors["becktota"]) == ("0.0099136", "0.0049705")


def test_log_rank_by_injecting_history(uis):
    known = uis.dropna(subset=["ivhx"])
    test = log_rank([count_by_day(group["time"], group["censor"]) for _, group in known.groupby("ivhx")])
    assert (f"{test.statistic:.4f}", test.df) == ("14.7196", 2)
