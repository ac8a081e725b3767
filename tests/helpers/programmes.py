"""Random small and nasty programmes, and the Results of a whole book of each, in memory.

The records are invented; every number comes from the real estimators. Small parts are common on purpose: rare reasons,
few clients per quarter, many on one day, values that are missing for one or two clients.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from oatmill import describe, dose, programme, quality, registry, retention
from oatmill.cohort import add_groups, build_cohort
from oatmill.episodes.years import last_day_of, year_of
from oatmill.errors import NotSupported
from oatmill.results import Result
from oatmill.schema import EXIT_REASONS
from oatmill.study import Definitions

EPOCH = dt.date(1970, 1, 1)
COVARIATES = ("sex", "age", "injecting")
QUARANTINE = ("client_missing", "date_missing", "after_death", "duplicate", "after_cut", "no_number")


@dataclass(frozen=True)
class Programme:
    """One invented programme: who came when, for how long and why it ended; its registry and its yearly numbers."""

    people: pd.DataFrame
    spells: pd.DataFrame
    years: pd.DataFrame
    definitions: Definitions
    by_month: bool
    faults: tuple[int, ...]
    seed: int

    @property
    def cut(self) -> int:
        return (self.definitions.data_cut - EPOCH).days


def random_programme(seed: int) -> Programme:
    random = np.random.default_rng(seed)
    cut = dt.date(2020, int(random.choice([3, 6, 9, 12])), int(random.integers(1, 29)))
    longest = int(random.choice([120, 240, 500, 900]))
    window = int(random.choice([90, 180])) if random.random() < 0.3 else None
    gap_days = int(random.choice([30, 30, 7]))
    definitions = Definitions(
        data_cut=cut,
        gap_days=gap_days,
        co_primary_gap_days=37 - gap_days,
        follow_up_days=window,
        look_ahead=window is not None,
        prior_treatment="unknown",
    )
    size = int(np.exp(random.uniform(np.log(15), np.log(400))))
    people = _people(random, size, (cut - EPOCH).days, longest, leavers=random.choice([0.05, 0.3, 0.8]))
    spells = _spells(random, int(random.integers(12, 90)), (cut - EPOCH).days)
    faults = tuple(int(n) for n in random.choice([0, 1, 1, 2, 3, 9], len(QUARANTINE)))
    return Programme(people, spells, _years(random), definitions, bool(random.random() < 0.3), faults, seed)


def _people(random: np.random.Generator, size: int, cut: int, longest: int, leavers: float) -> pd.DataFrame:
    """One row per client: first day, days until the end under a gap of 30 and of 7, reason, covariates."""
    wave = random.choice([1.0, 3.0])  # few in the first quarters, or evenly
    start = cut - (longest * random.random(size) ** wave).astype(int)
    leaves = random.random(size) < leavers
    days = np.where(leaves, random.geometric(1 / random.choice([15, 60, 200]), size), 10_000)
    tied = random.random(size) < random.choice([0.0, 0.4])
    days = np.where(leaves & tied, random.choice([1, 28, 30, 31, 60]), days)
    short = random.random(size) < 0.3
    rare = random.dirichlet(np.full(len(EXIT_REASONS), random.choice([0.2, 1.0])))
    missing = random.choice([0.0, 0.03, 0.1], len(COVARIATES))
    share = random.choice([0.05, 0.3, 0.5], 2)
    age = pd.Series(random.normal(35, random.choice([3, 9]), size).clip(18, 70).astype(int)).astype(float)
    frame = pd.DataFrame(
        {
            "client": np.arange(size),
            "start_day": start,
            "days": days,
            "narrow_days": np.where(short, np.minimum(days, random.geometric(1 / 40, size)), days),
            "reason": random.choice(EXIT_REASONS, size, p=rare),
            "sex": np.where(random.random(size) < share[0], "female", "male"),
            "age": age,
            "injecting": np.where(random.random(size) < share[1], "ever", "never"),
            "again": random.random(size) < random.choice([0.03, 0.3]),
            "dose_mg": random.choice([20, 45, 60, 75, 90, 110, 130], size, p=random.dirichlet(np.full(7, 0.6))),
        }
    )
    for name, gone in zip(COVARIATES, missing, strict=True):
        frame[name] = frame[name].mask(random.random(size) < gone)
    return frame


def _spells(random: np.random.Generator, size: int, cut: int) -> pd.DataFrame:
    """A registry's line list over two to four years."""
    first = cut - (random.choice([600, 1300]) * random.random(size) ** random.choice([0.5, 2])).astype(int)
    left = first + random.geometric(1 / random.choice([60, 400]), size)
    types, reasons = ("primary", "repeat", "transfer_in"), EXIT_REASONS
    gone = (random.random(size) < random.choice([0.1, 0.6])) & (left <= cut)
    frame = pd.DataFrame({"client": random.integers(0, max(size - 3, 1), size), "enrolled_day": first})
    frame["left_day"] = pd.Series(left).where(gone).astype("Int64")
    frame["enrolment_type"] = random.choice(types, size, p=random.dirichlet([1.5, 0.3, 0.2]))
    frame["exit_reason"] = random.choice(reasons, size, p=random.dirichlet(np.full(len(reasons), 0.5)))
    return frame


def _years(random: np.random.Generator) -> pd.DataFrame:
    """Yearly numbers of a programme that grows by a few clients a year."""
    new = random.choice([0, 1, 2, 3, 5, 8, 20], int(random.integers(2, 6)))
    ever = int(random.integers(10, 60)) + np.cumsum(new)
    closing = [int(ever[0] * random.uniform(0.5, 1))]
    for entered in new[1:]:
        closing.append(max(closing[-1] + int(entered) - int(random.choice([0, 1, 2, 4, 9])), 0))
    frame = pd.DataFrame({"clients_cumulative": ever, "clients_year_end": closing}, dtype=float)
    frame["mean_dose_mg"] = random.normal(60, 5, len(frame)).round(1)
    return frame.set_index(pd.Index(range(2016, 2016 + len(frame)), name="year"))


def later(before: Programme, seed: int) -> Programme:
    """The same programme some weeks on: a few clients more, a few outcomes corrected."""
    random = np.random.default_rng(seed)
    days = int(random.choice([14, 30, 90]))
    cut = before.definitions.data_cut + dt.timedelta(days=days)
    people = before.people.copy()
    fixed = random.random(len(people)) < 0.02
    people["days"] = np.where(fixed, random.integers(1, 60, len(people)), people["days"])
    people["narrow_days"] = np.minimum(people["days"], people["narrow_days"])
    corrected = random.random(len(people)) < 0.02
    people["sex"] = people["sex"].mask(corrected, "female")
    new = people.sample(int(random.integers(0, 7)), replace=True, random_state=seed)
    new = new.assign(client=len(people) + np.arange(len(new)), start_day=before.cut - random.integers(0, 60, len(new)))
    more = _spells(random, int(random.integers(1, 7)), before.cut + days)
    years = before.years.copy()
    years.iloc[-1] += [random.integers(0, 4), random.integers(-3, 4), 0]
    years["clients_year_end"] = years[["clients_year_end", "clients_cumulative"]].min(axis=1)
    return replace(
        before,
        people=pd.concat([people, new], ignore_index=True),
        spells=pd.concat([before.spells, more], ignore_index=True),
        years=years,
        definitions=before.definitions.model_copy(update={"data_cut": cut}),
        faults=tuple(n + int(random.integers(0, 3)) for n in before.faults),
    )


# The book


def book_of(given: Programme) -> list[Result]:
    """The Results that the six chapters would release."""
    results = [*_quality(given), *_retention(given)]
    every = "M" if given.by_month else "Y"
    spells = given.spells[given.spells["enrolled_day"] > given.cut - (240 if given.by_month else 10_000)]
    if len(spells):
        ledger = registry.ledger.build_ledger_from_spells(spells.reset_index(drop=True), given.cut, every)
        results.append(registry.estimate_registry_ledger(ledger))
    units = {"mean_dose_mg": "mg"}
    own = programme.Programme("the programme", "own", given.years, units, public=False)
    return [*results, *programme.estimate_indicators(own), programme.estimate_flows(own)]


def _quality(given: Programme) -> list[Result]:
    kept, quarantined = 40 * len(given.people), sum(given.faults)
    rows = [("doses", kept + quarantined, kept, quarantined), ("clients", len(given.people), len(given.people), 0)]
    ledger = pd.DataFrame(rows, columns=["table", "rows_read", "rows_kept", "rows_quarantined"])
    ledger = ledger.assign(file="", lines_skipped=0)
    checks = [("doses", name, "quarantine", name, n) for name, n in zip(QUARANTINE, given.faults, strict=True)]
    checks = pd.DataFrame(checks, columns=["table", "check", "severity", "rule", "count"])
    intake = SimpleNamespace(ledger=ledger, checks=checks, tables={"clients": given.people[["client", *COVARIATES]]})
    return [
        quality.estimate_ledger(intake),
        quality.estimate_checks(intake),
        quality.estimate_missing(intake),
    ]


def _retention(given: Programme) -> list[Result]:
    wide, narrow = (
        given.definitions,
        given.definitions.model_copy(update={"gap_days": given.definitions.co_primary_gap_days}),
    )
    cohort, by_cause, second = (
        build_cohort(_episodes(given, settings), given.people[["client", *COVARIATES]], settings, None, by_cause=cause)
        for settings, cause in ((wide, False), (wide, True), (narrow, False))
    )
    found = [
        describe.estimate_attrition(cohort),
        describe.estimate_episodes_per_client(_episodes(given, wide)),
        *_supported(describe.estimate_starters_by_quarter, cohort),
        *_supported(describe.estimate_characteristics, cohort, COVARIATES),
        *_supported(describe.estimate_mean_age, cohort),
        *_groups(given, cohort, _episodes(given, wide)),
        *_supported(retention.estimate_retention, cohort, wide),
        *_supported(retention.estimate_retention, by_cause, wide, net=True),
        *_supported(retention.estimate_retention, second, narrow),
        *_supported(retention.estimate_retention, cohort, wide, group="sex"),
        *_supported(retention.estimate_fixed_retention, cohort, wide),
        *_supported(retention.estimate_exits, by_cause, wide),
    ]
    return [*found, *_definitions(given, cohort, by_cause), *_dose(given, by_cause)]


def _definitions(given: Programme, cohort, by_cause) -> list[Result]:
    """The other definitions of retention, on the same clients."""
    wide, episodes = given.definitions, _episodes(given, given.definitions)
    people = given.people[["client", *COVARIATES]]
    sooner = wide.model_copy(update={"gap_days": 8})
    by_rule = wide.model_copy(update={"gap_days": 16})
    found = [
        *_supported(retention.estimate_on_oat, cohort, episodes, wide),
        *_supported(
            retention.estimate_programme_retention, build_cohort(_at_first_site(episodes), people, wide, None), wide
        ),
        *_supported(retention.estimate_nqf180, build_cohort(_episodes(given, sooner), people, sooner, None), sooner),
        *_supported(retention.estimate_dropout, by_cause, wide),
        *_yearly(given, episodes, cohort.ends),
    ]
    if by_cause.population != cohort.population:
        found += _supported(retention.estimate_retention, by_cause, wide)
    if given.seed % 2:
        under = build_cohort(_episodes(given, by_rule), people, by_rule, None, ends="d15of90")
        found += _supported(retention.estimate_retention, under, by_rule)
    return found


def _at_first_site(episodes: pd.DataFrame) -> pd.DataFrame:
    """One client in nine moves to another site half-way through the first episode."""
    moves = (episodes["client"] % 9 == 0) & (episodes["days"] > 2) & (episodes["episode"] == 1)
    half = episodes["days"] // 2
    end = (episodes["start_day"] + half - 1).where(moves, episodes["end_day"])
    seen = episodes.assign(end_day=end, days=end - episodes["start_day"] + 1)
    return seen.assign(
        open=end > episodes["analysis_day"], known_day=end + (episodes["known_day"] - episodes["end_day"])
    )


def _yearly(given: Programme, episodes: pd.DataFrame, ends: str) -> list[Result]:
    """Doses on every day of the episodes, deaths on their last day."""
    seen = episodes[episodes["start_day"] <= given.cut]
    first, last = (year_of(seen[name].to_numpy(np.int64)) for name in ("start_day", "end_day"))
    years = pd.DataFrame(
        [
            (client, year, end >= last_day_of(year) - 30)
            for client, a, b, end in zip(seen["client"], first, last, seen["end_day"], strict=True)
            for year in range(a, b + 1)
        ],
        columns=["client", "year", "december"],
    )
    years = years.groupby(["client", "year"], as_index=False)["december"].max()
    died = seen[~seen["open"] & (seen["exit_reason"] == "death")]
    exits = pd.DataFrame({"client": died["client"], "day": died["end_day"], "reason": "death"})
    try:
        december = retention.estimate_december_retention(years, episodes, exits, ends, given.cut)
    except NotSupported:
        return []
    return [december, retention.estimate_six_months(years, seen, ends, given.cut)]


def _groups(given: Programme, cohort, episodes: pd.DataFrame) -> list[Result]:
    """Clients by two things at once; Table 1 by one column or another."""
    by = ("sex", "returned", "injecting")[given.seed % 3]
    cohort = add_groups(cohort, episodes, None)
    return [
        describe.estimate_first_return(episodes),
        *_supported(describe.estimate_starters_by_site, cohort),
        *_supported(describe.estimate_age_and_sex, cohort),
        *_supported(describe.estimate_table_one, cohort, COVARIATES, by),
        *_supported(describe.estimate_mean_age, cohort, by),
    ]


def _supported(estimate, cohort, *settings, **more) -> list[Result]:
    """The estimate, where the cohort is large enough for it."""
    if len(cohort.frame) < 2:
        return []
    try:
        return [estimate(cohort, *settings, **more)]
    except NotSupported:
        return []


def _episodes(given: Programme, settings: Definitions) -> pd.DataFrame:
    """Episodes as the gap rule makes them, for clients with a dose; a few have a second one."""
    people, cut = given.people, given.cut
    people = people[people["start_day"] <= cut]
    days = people["days"] if settings.gap_days == 30 else people["narrow_days"]
    end = np.minimum(people["start_day"] + days - 1, cut)
    first_day = int(given.people["start_day"].min())
    analysis, cause = cut - settings.gap_days, cut - max(settings.gap_days, settings.exit_link_days)
    washed = people["start_day"] - first_day >= settings.washout
    first = pd.DataFrame(
        {
            "client": people["client"], "episode": 1, "start_day": people["start_day"], "end_day": end,
            "days": end - people["start_day"] + 1, "open": end > analysis, "exit_reason": people["reason"], "site": people["client"] ** 2 % 7,
            "cut_day": cut, "analysis_day": analysis, "cause_analysis_day": cause, "log_first_day": first_day,
            "washout_met": washed, "starter": washed, "prevalent": ~washed, "enrolled_day": pd.NA,
            "known_day": end + settings.gap_days,
        }
    )  # fmt: skip
    again = first[people["again"].to_numpy()].assign(episode=2)
    away = again["client"] % (400 if given.seed % 3 else 40)  # in some programmes most come back soon
    again["start_day"] = again["end_day"] + settings.gap_days + 1 + away
    again["end_day"] = np.maximum(again["start_day"], np.minimum(again["start_day"] + 30 + again["client"] % 90, cut))
    return pd.concat([first, again], ignore_index=True)


def _dose(given: Programme, cohort) -> list[Result]:
    """Risk rows of one dose per client, as the intervals would give them."""
    first = dose.first_risk_day(given.definitions)
    frame = cohort.frame.merge(given.people[["client", "dose_mg"]], on="client")
    if not len(frame):
        return []
    found = [dose.estimate_left_before_risk(cohort, given.definitions)]
    rows = frame[frame["time"] >= first].dropna(subset=["sex", "age"])
    rows = rows[rows["client"] % 29 > 0]  # without any known dose
    rows = rows.assign(start=first - 1, stop=rows["time"], left=rows["event"].isin(dose.LEFT).astype(int))
    rows = rows.assign(carried=rows["client"] % 7 == 0, site=0)
    if len(rows) < 2:
        return found
    model = [dose.estimate_model_clients(rows, cohort, given.definitions), dose.estimate_carried_share(rows)]
    model += [dose.estimate_band_rates(rows, given.definitions), dose.estimate_person_time(rows, given.definitions)]
    return [*found, *model, *_slope(rows, given.definitions)]


def _slope(rows: pd.DataFrame, definitions: Definitions) -> list[Result]:
    if rows["dose_mg"].nunique() < 2 or rows["left"].sum() < 10:
        return []
    try:
        return [dose.estimate_dose_slope(dose.fit_dose_model(rows, definitions, (), spline=False), definitions)]
    except NotSupported:
        return []
