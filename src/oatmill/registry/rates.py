"""Events per 100 person-years."""

from __future__ import annotations

import numpy as np
from statsmodels.stats.rates import confint_poisson

DAYS_PER_YEAR = 365.25


def rate_per_100_person_years(events: float, person_years: float) -> dict[str, float]:
    """Events per 100 person-years with the exact (Garwood) Poisson interval.

    R: `poisson.test(1114, 3148.9)$conf.int * 100` gives the same limits.
    """
    if not (events >= 0 and person_years > 0):
        return {"estimate": np.nan, "lower": np.nan, "upper": np.nan, "events": events}
    lower, upper = confint_poisson(events, person_years / 100, method="exact-c")
    return {"estimate": 100 * events / person_years, "lower": float(lower), "upper": float(upper), "events": events}
