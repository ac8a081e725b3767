"""Survival analysis on whole days.

Time in treatment is a whole number of days, so every estimator reduces to small tables indexed by day. This package
knows nothing of the rest of oatmill: arrays in, arrays and frames out, `SurvivalError` with a code where input cannot
be used. Intervals are (start, stop]; a person is at risk on days start + 1 .. stop.

Reading order: `day_tables`, `curves`, `readings`, `competing`, `log_rank`, `splines`, `cox`, `cox_curves`,
`proportional_hazards`.
"""

from oatmill.survival.competing import aalen_johansen, aalen_johansen_from_counts
from oatmill.survival.cox import CoxFit, WaldTest, coefficient_table, fit_cox, wald_test
from oatmill.survival.cox_curves import baseline_hazard, predict_survival
from oatmill.survival.curves import follow_up, kaplan_meier, kaplan_meier_from_counts
from oatmill.survival.day_tables import DayTable, at_risk_on, count_by_day
from oatmill.survival.errors import SurvivalError
from oatmill.survival.log_rank import LogRank, log_rank
from oatmill.survival.proportional_hazards import proportional_hazards_test
from oatmill.survival.readings import RestrictedMean, incidence_at, quantile, restricted_mean, survival_at
from oatmill.survival.splines import default_knots, restricted_cubic_spline

__all__ = [
    "CoxFit",
    "DayTable",
    "LogRank",
    "RestrictedMean",
    "SurvivalError",
    "WaldTest",
    "aalen_johansen",
    "aalen_johansen_from_counts",
    "at_risk_on",
    "baseline_hazard",
    "coefficient_table",
    "count_by_day",
    "default_knots",
    "fit_cox",
    "follow_up",
    "incidence_at",
    "kaplan_meier",
    "kaplan_meier_from_counts",
    "log_rank",
    "predict_survival",
    "proportional_hazards_test",
    "quantile",
    "restricted_cubic_spline",
    "restricted_mean",
    "survival_at",
    "wald_test",
]
