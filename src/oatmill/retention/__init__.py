"""Chapter 30: how long clients stay. Cohort -> Results; every rule is in `definitions`.

Reading order: `curves` (Kaplan-Meier), `incidence` (competing ends), `shares` (of starters followed to a day), `yearly` (what
programmes report once a year), `exits` (why clients leave), `beside` (every definition on the same data).
"""

from oatmill.retention.beside import Beside, Material, estimate_definitions
from oatmill.retention.curves import SMALLEST_COHORT, estimate_dropout, estimate_retention, horizons_within
from oatmill.retention.exits import estimate_exits
from oatmill.retention.incidence import estimate_incidence
from oatmill.retention.shares import (
    estimate_completed_window,
    estimate_fixed_retention,
    estimate_nqf180,
    estimate_on_oat,
    estimate_programme_retention,
)
from oatmill.retention.yearly import ENTRIES, estimate_december_retention, estimate_six_months

__all__ = [
    "ENTRIES",
    "SMALLEST_COHORT",
    "Beside",
    "Material",
    "estimate_completed_window",
    "estimate_december_retention",
    "estimate_definitions",
    "estimate_dropout",
    "estimate_exits",
    "estimate_fixed_retention",
    "estimate_incidence",
    "estimate_nqf180",
    "estimate_on_oat",
    "estimate_programme_retention",
    "estimate_retention",
    "estimate_six_months",
    "horizons_within",
]
