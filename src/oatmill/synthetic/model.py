"""The numbers of the invented programme: everything that is true of it stands here.

A client in treatment on day d of an episode, covered that day, leaves (drops out) with the hazard

    h(d) = baseline(d) * frailty(site of the episode's first dose) * exp(effects . covariates + dose effect)

The dose effect counts from day 29 on: `DOSE_EFFECT_PER_10_MG * (exposure - 60) / 10`, the exposure on day d
being the mean dose over the dosed days among d - 20 .. d - 14 (where there is none, the last earlier value).
Nobody leaves on a day without a dose. Death, prison, tapering, discharge and transfer have hazards of their
own that do not depend on dose.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

VERSION = 1

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Leaving: hazard per day for a man of 35 who does not inject, on 60 mg, at a site of frailty 1.
BASELINE_FROM_DAY = (1, 29, 91, 181, 366)
BASELINE = (0.00210, 0.00175, 0.00118, 0.00070, 0.00050)
DOSE_EFFECT_PER_10_MG = math.log(0.88)
DOSE_EFFECT_FROM_DAY = 29
REFERENCE_MG = 60.0
LAG_DAYS = 14
WINDOW_DAYS = 7
EFFECTS = {"female": -0.10, "age_per_10_years_from_35": -0.15, "injecting": 0.35}
FRAILTY_SD = 0.25  # of the log

# Other ways out, per year in treatment.
DEATH, PRISON, TAPER, DISCHARGE, MOVE, MOVE_OUT = 0.010, 0.025, 0.030, 0.008, 0.040, 0.004
TAPER_FROM_DAY, MOVE_FROM_DAY = 180, 60
TAPER_DAYS = (8, 30)
DEATH_AFTER = 0.012  # share who die in the two months after leaving
DROPOUT_RECORDED = 0.15  # share of dropouts of which the programme keeps a record
DIP = 0.30  # share of dropouts whose dose falls before they leave ...
DIP_DAYS = (3, 12)  # ... for fewer days than the lag, so that the lagged dose does not see it

# Coming back: the share, and the log-normal days away above the shortest absence.
RETURN = {"dropout": 0.50, "prison": 0.50, "administrative": 0.30, "completed_taper": 0.20}
SHORTEST_ABSENCE, ABSENCE_MEDIAN, ABSENCE_SIGMA = 32, 90.0, 0.9

# Dosing, in mg.
SITE_MEAN, SITE_SD, CLIENT_SD, INJECTING_MORE = 56.0, 8.0, 18.0, 4.0
FIRST_DOSES = (20.0, 25.0, 30.0)
LOWEST, HIGHEST = 15.0, 180.0
STEP_EVERY = 3  # days
CHANGE = 1 / 110  # chance a day of a new maintenance dose after day 60 ...
CHANGES = (-10.0, -10.0, -5.0, 5.0, 10.0, 10.0, 10.0, 10.0)  # ... by one of these

# Attendance.
MISS, MISS_SIGMA, LONGEST_RUN = 0.014, 0.6, 20
HOLIDAY_MISS = 0.08
TAKE_HOME_FROM_YEAR = 2  # whole years after the first day of the log
TAKE_HOME_SHARE, TAKE_HOME_FROM_DAY, STEADY_DAYS = 0.6, 180, 30


def baseline(day: Ints) -> Floats:
    """Baseline hazard of leaving per day, by day of the episode (day 1 is the first)."""
    return np.asarray(BASELINE)[np.searchsorted(BASELINE_FROM_DAY, day, side="right") - 1]


def per_day(rate_per_year: float) -> float:
    """The chance of an event on one day."""
    return 1 - math.exp(-rate_per_year / 365.25)
