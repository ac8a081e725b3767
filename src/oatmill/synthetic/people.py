"""Invented sites and clients: who they are, when they first come, how they would be dosed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from oatmill.schema import EDUCATIONS, EMPLOYMENTS, MARITAL_STATUSES
from oatmill.synthetic import model
from oatmill.synthetic.model import Floats, Ints

if TYPE_CHECKING:
    from oatmill.study import Generate

BURN_IN = 900  # days before the log in which its prevalent clients come
_SPARE = 1.15  # more candidates than clients: some leave before the log begins


@dataclass(frozen=True)
class Sites:
    """One value per site. `opened` is a day; `old` sites have clients when the log begins."""

    code: list[str]
    opened: Ints
    old: np.ndarray
    weight: Floats
    mean_dose: Floats
    frailty: Floats


@dataclass(frozen=True)
class People:
    """One value per client. `entry` is the first day in treatment, `site` an index."""

    entry: Ints
    site: Ints
    female: Ints
    age: Ints
    injecting: Ints
    target: Floats
    miss: Floats
    careful: Ints
    log_hazard: Floats

    def __len__(self) -> int:
        return len(self.entry)

    def at_once(self, some: Ints) -> People:
        """Some of them, all coming on day 0."""
        part = People(*(getattr(self, name)[some] for name in self.__dataclass_fields__))
        return replace(part, entry=np.zeros(len(some), dtype=np.int64))


def day_number(date: dt.date) -> int:
    """Days since 1970-01-01."""
    return date.toordinal() - dt.date(1970, 1, 1).toordinal()


def later(date: dt.date, years: int) -> dt.date:
    """The same date some years on; 29 February becomes 28 February."""
    try:
        return date.replace(year=date.year + years)
    except ValueError:
        return date.replace(year=date.year + years, day=28)


def draw_sites(generate: Generate, rng: np.random.Generator) -> Sites:
    """Sites of different size; about 60% are old, the others open in the first half of the log."""
    n, start = generate.sites, day_number(generate.start)
    half = max(2, (day_number(later(generate.start, generate.years)) - start) // 2)
    number_old = max(1, round(0.6 * n))
    old = np.arange(n) < number_old
    before = start - rng.integers(BURN_IN, 2 * BURN_IN, n)
    after = start + 1 + (np.arange(1, n + 1) - number_old) * (half - 1) // max(1, n - number_old)
    width = max(2, len(str(n)))
    weight = np.exp(rng.normal(0, 0.5, n))
    log_frailty = _centred(rng.normal(0, model.FRAILTY_SD, n), weight)
    return Sites(
        code=[f"S{k:0{width}d}" for k in range(1, n + 1)],
        opened=np.where(old, before, after),
        old=old,
        weight=weight,
        mean_dose=model.SITE_MEAN + _centred(rng.normal(0, model.SITE_SD, n), weight),
        frailty=np.exp(log_frailty),
    )


def draw_candidates(generate: Generate, sites: Sites, rng: np.random.Generator) -> People:
    """Everyone who may come, in random order; more than `generate.clients`."""
    n = int(np.ceil(generate.clients * _SPARE)) + 20
    first, end = day_number(generate.start), day_number(later(generate.start, generate.years))
    open_days = end - np.maximum(sites.opened, first)
    early = rng.random(n) < 0.2
    in_log = _choose(rng, n, sites.weight * open_days)
    site = np.where(early, _choose(rng, n, sites.weight * sites.old), in_log)
    from_day = np.where(early, first - BURN_IN, np.maximum(sites.opened[site], first))
    to_day = np.where(early, first, end)
    entry = from_day + np.floor(rng.random(n) * (to_day - from_day)).astype(np.int64)
    new, first_client = np.unique(site, return_index=True)
    for place, client in zip(new, first_client, strict=True):
        if not sites.old[place]:
            entry[client] = sites.opened[place]  # a new site's log begins on its opening day
    return draw_people(entry, site, sites, rng)


def draw_people(
    entry: Ints, site: Ints, sites: Sites, rng: np.random.Generator, more_mg: Floats | float = 0.0
) -> People:
    """Clients with these first days and sites; `more_mg`: above the sites' own mean dose."""
    n = len(entry)
    female = (rng.random(n) < 0.22).astype(np.int64)
    age = np.clip(np.floor(18 + rng.gamma(5.0, 3.6, n)), 18, 72).astype(np.int64)
    injecting = (rng.random(n) < 0.62).astype(np.int64)
    wanted = rng.normal(sites.mean_dose[site] + model.INJECTING_MORE * (injecting - 0.62), model.CLIENT_SD) + more_mg
    heap = np.where(rng.random(n) < 0.6, 10.0, 5.0)
    target = np.clip(np.round(wanted / heap) * heap, model.LOWEST, model.HIGHEST)
    effects = model.EFFECTS
    log_hazard = (
        effects["female"] * female
        + effects["age_per_10_years_from_35"] * (age - 35) / 10
        + effects["injecting"] * injecting
    )
    miss = np.minimum(0.2, model.MISS * np.exp(rng.normal(0, model.MISS_SIGMA, n)))
    careful = (rng.random(n) < model.TAKE_HOME_SHARE).astype(np.int64)
    return People(entry, site, female, age, injecting, target, miss, careful, log_hazard)


def draw_background(people: People, rng: np.random.Generator) -> dict[str, list[str | None]]:
    """Columns of `clients` that nothing in the model depends on, with a few cells missing."""
    n, injecting = len(people), people.injecting
    hcv = rng.random(n) < np.where(injecting == 1, 0.6, 0.08)
    hiv = rng.random(n) < np.where(injecting == 1, 0.16, 0.02)
    prison = rng.random(n) < np.where(people.female == 1, 0.12, 0.38)
    columns = {
        "education": _pick(rng, EDUCATIONS, (0.02, 0.13, 0.5, 0.25, 0.1), n),
        "employment": _pick(rng, EMPLOYMENTS, (0.33, 0.56, 0.02, 0.03, 0.06), n),
        "marital_status": _pick(rng, MARITAL_STATUSES, (0.33, 0.4, 0.2, 0.04, 0.03), n),
        "hiv": np.where(hiv, "positive", "negative").astype(object),
        "hcv": np.where(hcv, "positive", "negative").astype(object),
        "prior_prison": np.where(prison, "yes", "no").astype(object),
    }
    missing = {
        "education": 0.03,
        "employment": 0.02,
        "marital_status": 0.02,
        "hiv": 0.06,
        "hcv": 0.08,
        "prior_prison": 0.04,
    }
    for name, share in missing.items():
        columns[name][rng.random(n) < share] = None
    return {name: list(values) for name, values in columns.items()}


def _centred(values: Floats, weight: Floats) -> Floats:
    """Around 0, so that the level of the programme does not hang on a few sites."""
    return values - np.average(values, weights=weight)


def _choose(rng: np.random.Generator, n: int, weight: Floats) -> Ints:
    return rng.choice(len(weight), size=n, p=weight / weight.sum()).astype(np.int64)


def _pick(rng: np.random.Generator, values: tuple[str, ...], shares: tuple[float, ...], n: int) -> np.ndarray:
    return np.asarray(values, dtype=object)[_choose(rng, n, np.asarray(shares))]
