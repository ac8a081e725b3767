"""Curves, quantiles, means and tests against R's survival package (expected.R)."""

import numpy as np
import pytest

from oatmill.survival import (
    aalen_johansen,
    at_risk_on,
    count_by_day,
    follow_up,
    kaplan_meier,
    log_rank,
    quantile,
    restricted_mean,
    survival_at,
)

CURVES, TESTS = 1e-10, 1e-8  # relative
COUNTS = ["at_risk", "events", "censored"]


@pytest.fixture(scope="module")
def right(people):
    """Everybody from day 0."""
    return count_by_day(people["exit"], people["cause"])


@pytest.fixture(scope="module")
def late(people):
    """With delayed entry."""
    return count_by_day(people["exit"], people["cause"], people["entry"])


def assert_curve(curve, theirs, agree):
    assert curve["day"].tolist() == theirs.index.tolist()
    np.testing.assert_array_equal(curve[COUNTS].to_numpy(), theirs[COUNTS].to_numpy())
    agree(curve["survival"], theirs["survival"], CURVES)
    agree(curve["se"], theirs["se"], CURVES)
    before_any_event = (theirs["survival"] == 1).to_numpy()  # R's log-log limits are NA there, ours 1
    for limit in ("lower", "upper"):
        agree(curve.loc[~before_any_event, limit], theirs.loc[~before_any_event, limit], CURVES)
        assert (curve.loc[before_any_event, limit] == 1).all()


@pytest.mark.parametrize("interval", ["log-log", "log", "plain"])
def test_kaplan_meier(right, expected, agree, interval):
    # As survfit(Surv(exit, cause > 0) ~ 1, conf.type = interval) in R
    assert_curve(kaplan_meier(right, interval=interval), expected.by_day(f"km_{interval}"), agree)


def test_kaplan_meier_with_delayed_entry(late, expected, agree):
    # As survfit(Surv(entry, exit, cause > 0) ~ 1, conf.type = "log-log") in R
    assert_curve(kaplan_meier(late), expected.by_day("km_late"), agree)


def test_kaplan_meier_with_frequency_weights(people, expected, agree):
    # As survfit(..., weights = copies) in R, copies being whole numbers
    table = count_by_day(people["exit"], people["cause"], weights=people["copies"])
    assert_curve(kaplan_meier(table), expected.by_day("km_copies"), agree)


def test_kaplan_meier_that_reaches_zero(expected, agree):
    curve = kaplan_meier(count_by_day([1, 2, 4, 5, 6], [0, 1, 1, 1, 1]))
    assert_curve(curve, expected.by_day("km_to_zero"), agree)
    assert curve.iloc[-1][["se", "lower", "upper"]].isna().all()


def test_reverse_kaplan_meier(right, expected, agree):
    # As survfit(Surv(exit, cause == 0) ~ 1) in R
    assert_curve(follow_up(right), expected.by_day("follow_up"), agree)


@pytest.mark.parametrize(
    ("case", "stop", "event"),
    [
        ("quantile_to_zero", [1, 2, 4, 5, 6], [0, 1, 1, 1, 1]),
        ("quantile_flat_end", [1, 2, 9, 9], [1, 1, 0, 0]),
    ],
)
def test_quantiles_of_tiny_curves(expected, agree, case, stop, event):
    theirs = expected.table(case)
    ours = quantile(kaplan_meier(count_by_day(stop, event)), theirs.index.astype(float))
    agree(ours[["quantile", "lower", "upper"]], theirs, CURVES)


@pytest.mark.parametrize(("case", "which"), [("quantile", "right"), ("quantile_late", "late")])
def test_quantiles(expected, agree, request, case, which):
    theirs = expected.table(case)
    ours = quantile(kaplan_meier(request.getfixturevalue(which)), theirs.index.astype(float))
    agree(ours[["quantile", "lower", "upper"]], theirs, CURVES)


def test_survival_at_days(right, expected, agree):
    # As summary(survfit, times = days) in R
    theirs = expected.by_day("survival_at")
    ours = survival_at(kaplan_meier(right), theirs.index)
    agree(ours[["survival", "se"]], theirs[["survival", "se"]], CURVES)
    assert at_risk_on(right, theirs.index).tolist() == theirs["at_risk"].tolist()


@pytest.mark.parametrize("which", ["right", "late"])
def test_restricted_mean(expected, agree, request, which):
    # As survival:::survmean(fit, rmean = horizon) in R
    curve = kaplan_meier(request.getfixturevalue(which))
    for horizon, theirs in expected.by_day(f"restricted_mean_{which}").iterrows():
        ours = restricted_mean(curve, int(horizon))
        agree([ours.mean, ours.se], theirs[["mean", "se"]], CURVES)


def by_cause(incidence, column):
    """One column of `aalen_johansen`, days by causes."""
    return incidence.pivot(index="day", columns="cause", values=column)


def test_aalen_johansen(right, expected, agree):
    # As survfit(Surv(exit, factor(cause)) ~ 1, conf.type = "log-log") in R, infinitesimal jackknife variance
    ours, theirs = aalen_johansen(right), expected.by_day("aj")
    for name in ("cif", "se", "lower", "upper"):
        mine, r = by_cause(ours, name), theirs[[f"{name}_{cause}" for cause in (1, 2, 3)]].to_numpy()
        not_yet = by_cause(ours, "cif").to_numpy() == 0  # R's log-log limits are NA before the first event
        agree(mine.to_numpy()[~not_yet], r[~not_yet], CURVES)
        assert (mine.to_numpy()[not_yet] == 0).all()


def test_aalen_johansen_with_delayed_entry(late, expected, agree):
    # As survfit(Surv(entry, exit, factor(cause)) ~ 1, id = client) in R; variance by recursion, in R too
    ours, theirs, greenwood = aalen_johansen(late), expected.by_day("aj_late"), expected.by_day("aj_late_greenwood")
    for cause in (1, 2, 3):
        mine = ours[ours["cause"] == cause].set_index("day")
        agree(mine["cif"], theirs.loc[mine.index, f"cif_{cause}"], CURVES)
        agree(mine["se"], greenwood.loc[mine.index, f"se_{cause}"], CURVES)


def test_jackknife_of_r_is_close_with_delayed_entry(late, expected):
    ours, theirs = aalen_johansen(late), expected.by_day("aj_late")
    for cause in (1, 2, 3):
        mine = ours[(ours["cause"] == cause) & (ours["cif"] > 0)].set_index("day")
        np.testing.assert_allclose(mine["se"], theirs.loc[mine.index, f"se_{cause}"], rtol=0.05)


def groups_of(people, column, with_entry=False):
    return [
        count_by_day(group["exit"], group["cause"] > 0, group["entry"] if with_entry else None)
        for _, group in people.groupby(column)
    ]


@pytest.mark.parametrize(
    ("case", "column", "with_entry"),
    [("log_rank_region", "region", False), ("log_rank_male", "male", False), ("log_rank_late", "region", True)],
)
def test_log_rank(people, expected, agree, case, column, with_entry):
    # As survdiff(Surv(exit, cause > 0) ~ column) in R; it refuses delayed entry: its formula written out
    ours, theirs = log_rank(groups_of(people, column, with_entry)), expected.table(case)
    for name in ("statistic", "df", "p_value"):
        agree(getattr(ours, name), theirs.loc["all", name], TESTS)
    groups = [row for row in theirs.index if row != "all"]
    agree(ours.observed, theirs.loc[groups, "observed"], TESTS)
    agree(ours.expected, theirs.loc[groups, "expected"], TESTS)
