"""What an analysis of the invented programme should find: `truth.json`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from oatmill.synthetic import model
from oatmill.synthetic.course import Clinic, Rules, stack
from oatmill.synthetic.people import People, Sites, draw_people

if TYPE_CHECKING:
    from oatmill.study import Generate

HORIZONS = (30, 90, 180, 365)
STARTERS = 30_000


def draw_starters(sites: Sites, arrivals: np.ndarray, rng: np.random.Generator, n: int = STARTERS) -> People:
    """Clients who all come on day 0, spread over the sites like the programme's starters.

    Parameters
    ----------
    arrivals : how many starters each site has in the programme
    """
    site = rng.choice(len(arrivals), size=n, p=arrivals / arrivals.sum())
    return draw_people(np.zeros(n, dtype=np.int64), site, sites, rng)


def true_retention(people: People, sites: Sites, rng: np.random.Generator, hazard: float = 1.0) -> dict[str, Any]:
    """Retention of starters at each horizon, with nobody censored.

    A large cohort of first episodes under the same rules, followed beyond the last horizon; transfers out of
    the register do not happen in it (`ret_km` censors them).

    Parameters
    ----------
    people : the cohort; all come on day 0
    hazard : of leaving, times the baseline
    """
    n, rules = len(people), Rules(returns=False, move_out=0.0, hazard=hazard)
    course = Clinic(people, sites, rules, rng).run(0, HORIZONS[-1] + model.LONGEST_RUN + 2)
    _client, _spell, start, last, _cause, _day = stack(course.spells, 6)
    days = last - start + 1
    retained = {t: 1 - np.count_nonzero(days <= t) / n for t in HORIZONS}
    return {
        "rule": "days in treatment > t; every end is an event; transfers out of the register do not happen",
        "starters": n,
        "at": {str(t): share for t, share in retained.items()},
        "monte_carlo_se": {str(t): math.sqrt(share * (1 - share) / n) for t, share in retained.items()},
    }


def describe(generate: Generate, seed: int, retention: dict[str, Any], hazard: float = 1.0) -> dict[str, Any]:
    """The content of truth.json."""
    return {
        "generator_version": model.VERSION,
        "seed": seed,
        "generate": generate.model_dump(mode="json"),
        "dose": {
            "beta_per_10_mg": model.DOSE_EFFECT_PER_10_MG,
            "hazard_ratio_per_10_mg": math.exp(model.DOSE_EFFECT_PER_10_MG),
            "exposure": "mean dose over the dosed days among d - 20 .. d - 14, else the last earlier value",
            "from_day": model.DOSE_EFFECT_FROM_DAY,
            "event": "dropout, on a covered day",
        },
        "log_hazard_ratios": dict(model.EFFECTS),
        "baseline_hazard_per_day": {
            str(day): hazard * h for day, h in zip(model.BASELINE_FROM_DAY, model.BASELINE, strict=True)
        },
        "site_frailty_sd": model.FRAILTY_SD,
        "retention": retention,
    }
