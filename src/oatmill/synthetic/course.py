"""The course of treatment of every client, one day at a time, all clients together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from oatmill.synthetic import model
from oatmill.synthetic.model import Bools, Floats, Ints
from oatmill.synthetic.people import People, Sites

NEVER = np.int64(2**40)
_RING = model.LAG_DAYS + model.WINDOW_DAYS + 1


@dataclass
class Course:
    """What happened. Each list holds one array for each day; `stack` joins them.

    rows: client, day, dose_mg, take_home_days, site, spell.  spells: client, spell, start, last (covered day),
    cause (index into `CAUSES`), day (of the event).  moves: client, day, destination.  tests: client, day,
    positive, site.  deaths: client, day (after leaving).
    """

    rows: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    spells: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    moves: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    tests: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    deaths: list[tuple[np.ndarray, ...]] = field(default_factory=list)


CAUSES = ("death", "prison", "completed_taper", "dropout", "administrative", "transfer_out")


def stack(parts: list[tuple[np.ndarray, ...]], width: int) -> list[np.ndarray]:
    """The columns of one list of `Course`."""
    if not parts:
        return [np.empty(0, dtype=np.int64) for _ in range(width)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


@dataclass(frozen=True)
class Rules:
    """What may happen, and when."""

    returns_from: int = 0  # nobody who leaves before this day comes back
    take_home_from: int = int(NEVER)
    move_out: float = model.MOVE_OUT
    hazard: float = 1.0  # of leaving, times the baseline
    anywhere: bool = False  # who comes back elsewhere may come to any open site, not to the old ones only
    returns: bool = True
    holidays: frozenset[int] = frozenset()


class Clinic:
    """The state of every client on one day. `idx` below: clients in treatment that day; `d`: their day of the episode."""

    def __init__(self, people: People, sites: Sites, rules: Rules, rng: np.random.Generator):
        n = len(people)
        self.people, self.sites, self.rules, self.rng, self.course = people, sites, rules, rng, Course()
        self.entry = people.entry.copy()
        self.inside = np.zeros(n, dtype=bool)
        self.spell = np.zeros(n, dtype=np.int64)
        self.start, self.last, self.last_miss = (np.zeros(n, dtype=np.int64) for _ in range(3))
        self.site, self.first_site = people.site.copy(), people.site.copy()
        self.dose, self.target, self.step = np.zeros(n), people.target.copy(), np.zeros(n)
        self.given = np.zeros(n)  # the dose of the last visit; a supply at home carries it
        self.missing, self.supply, self.taper, self.taper_days = (np.zeros(n, dtype=np.int64) for _ in range(4))
        self.back = np.zeros(n, dtype=bool)  # the day after a run of missed days is not missed
        self.hazard = np.zeros(n)
        self.next_test = np.zeros(n, dtype=np.int64)
        self.ring, self.sum, self.count, self.exposure = np.zeros((_RING, n)), np.zeros(n), np.zeros(n), np.zeros(n)

    def run(self, first: int, last: int) -> Course:
        for day in range(first, last + 1):
            self.admit(day)
            idx = np.flatnonzero(self.inside)
            d = day - self.start[idx] + 1
            self.prescribe(idx, d)
            attending, covered = self.attend(idx, d, day)
            self.dispense(idx[attending], d[attending], day)
            self.remember(idx, covered, day)
            self.leave(idx, d, covered, day)
        return self.course

    def admit(self, day: int) -> None:
        who = np.flatnonzero(~self.inside & (self.entry == day))
        n = who.size
        self.inside[who], self.start[who], self.last[who] = True, day, day
        again = self.spell[who] > 0
        self.spell[who] += 1
        others = np.flatnonzero(self.sites.opened <= day if self.rules.anywhere else self.sites.old)
        elsewhere = again & (self.rng.random(n) < 0.1)
        self.site[who] = np.where(elsewhere, self.rng.choice(others, n), self.people.site[who])
        self.first_site[who] = self.site[who]
        self.target[who] = np.maximum(self.target[who], model.LOWEST)
        self.dose[who] = np.minimum(self.rng.choice(model.FIRST_DOSES, n), self.target[who])
        self.step[who] = self.rng.choice((5.0, 5.0, 10.0), n)
        for column in (self.missing, self.supply, self.taper, self.taper_days, self.hazard, self.sum, self.count):
            column[who] = 0
        self.ring[:, who] = 0
        self.exposure[who] = self.dose[who]
        self.last_miss[who] = day
        self.back[who] = True  # day 1 is a dosed day
        self.next_test[who] = day

    def prescribe(self, idx: Ints, d: Ints) -> None:
        """Titration in steps, later changes of the maintenance dose, tapers."""
        u, free = self.rng.random((2, idx.size)), (self.taper[idx] == 0) & (self.supply[idx] == 0)
        change = free & (d > 60) & (u[0] < model.CHANGE)
        by = np.asarray(model.CHANGES)[np.floor(len(model.CHANGES) * u[1]).astype(np.int64)]
        self.target[idx[change]] = np.clip(self.target[idx[change]] + by[change], model.LOWEST, model.HIGHEST)
        due = free & (d > 1) & ((d - 1) % model.STEP_EVERY == 0)
        who = idx[due]
        change_by = np.clip(self.target[who] - self.dose[who], -5.0, self.step[who])
        self.dose[who] += change_by
        begin = idx[free & (d >= model.TAPER_FROM_DAY) & (self.rng.random(idx.size) < model.per_day(model.TAPER))]
        days = self.rng.integers(*model.TAPER_DAYS, begin.size, endpoint=True)
        self.taper[begin], self.taper_days[begin] = days, days

    def attend(self, idx: Ints, d: Ints, day: int) -> tuple[Bools, Bools]:
        """Who comes for a dose, and who is covered (a dose today, or a supply at home)."""
        u = self.rng.random((2, idx.size))
        home = self.supply[idx] > 0
        away = (self.missing[idx] > 0) & ~home
        chance = self.people.miss[idx] + (model.HOLIDAY_MISS if day in self.rules.holidays else 0.0)
        begin = ~home & ~away & ~self.back[idx] & (u[0] < chance)
        self.missing[idx[begin]] = _run_length(u[1][begin])
        away |= begin
        self.back[idx[~home]] = False
        self.missing[idx[away]] -= 1
        self.back[idx[away & (self.missing[idx] == 0)]] = True
        self.last_miss[idx[away]] = day
        self.supply[idx[home]] -= 1
        return ~home & ~away, ~away

    def dispense(self, who: Ints, d: Ints, day: int) -> None:
        steady = (d >= model.TAKE_HOME_FROM_DAY) & (day - self.last_miss[who] >= model.STEADY_DAYS)
        allowed = steady & (self.people.careful[who] == 1) & (self.taper[who] == 0) & (day >= self.rules.take_home_from)
        take_home = np.where(allowed, np.select([d < 365, d < 730], [1, 2], 6), 0)
        self.supply[who] = take_home
        tapering = self.taper[who] > 0
        share = self.taper[who] / np.maximum(1, self.taper_days[who])
        lowered = np.maximum(5.0, np.ceil(self.dose[who] * share / 5) * 5)
        dose = np.where(tapering, np.minimum(self.dose[who], lowered), self.dose[who])
        self.course.rows.append((who, np.full(who.size, day), dose, take_home, self.site[who], self.spell[who]))
        self.given[who] = dose
        self.test(who, d, dose, day)

    def test(self, who: Ints, d: Ints, dose: Floats, day: int) -> None:
        """A monthly urine test on the first attended day from when it is due."""
        due = day >= self.next_test[who]
        who, d, dose = who[due], d[due], dose[due]
        logit = 0.9 - 0.25 * np.log(d) - 0.015 * (dose - 60)
        positive = (self.rng.random(who.size) < 1 / (1 + np.exp(-logit))).astype(np.int64)
        self.next_test[who] = day + 30
        self.course.tests.append((who, np.full(who.size, day), positive, self.site[who]))

    def remember(self, idx: Ints, covered: Bools, day: int) -> None:
        """Move the exposure window on by one day."""
        today = np.zeros(self.dose.size)
        home = idx[covered]
        today[home] = self.given[home]
        self.last[home] = day
        self.ring[day % _RING] = today
        entering = self.ring[(day - model.LAG_DAYS) % _RING]
        leaving = self.ring[(day - model.LAG_DAYS - model.WINDOW_DAYS) % _RING]
        self.sum += entering - leaving
        self.count += (entering > 0).astype(np.float64) - (leaving > 0)
        dosed = self.count > 0
        self.exposure[dosed] = self.sum[dosed] / self.count[dosed]

    def leave(self, idx: Ints, d: Ints, covered: Bools, day: int) -> None:
        """At most one way out a day; by one's own choice only on the last covered day of a supply."""
        u = self.rng.random((6, idx.size))
        people, rules = self.people, self.rules
        log_hazard = people.log_hazard[idx] + np.where(
            d >= model.DOSE_EFFECT_FROM_DAY,
            model.DOSE_EFFECT_PER_10_MG * (self.exposure[idx] - model.REFERENCE_MG) / 10,
            0.0,
        )
        hazard = rules.hazard * model.baseline(d) * self.sites.frailty[self.first_site[idx]] * np.exp(log_hazard)
        self.hazard[idx] += np.where(covered, hazard, 0.0)
        free = covered & (self.supply[idx] == 0)
        tapering = self.taper[idx] > 0
        self.taper[idx[tapering]] = np.maximum(1, self.taper[idx[tapering]] - 1)
        ends = [
            u[0] < model.per_day(model.DEATH),
            u[1] < model.per_day(model.PRISON),
            free & tapering & (self.taper[idx] == 1),
            free & (u[2] < 1 - np.exp(-self.hazard[idx])),
            free & (u[3] < model.per_day(model.DISCHARGE)),
            free & (d > model.MOVE_FROM_DAY) & (u[4] < model.per_day(rules.move_out)),
        ]
        self.hazard[idx[free]] = 0.0
        out = np.logical_or.reduce(ends)
        self.close(idx[out], np.argmax(np.asarray(ends)[:, out], axis=0), day)
        moving = ~out & free & (d > model.MOVE_FROM_DAY) & ~tapering & (u[5] < model.per_day(model.MOVE))
        self.move(idx[moving], day)

    def close(self, who: Ints, cause: Ints, day: int) -> None:
        n = who.size
        if not n:
            return
        event = np.full(n, day) + ((cause == 0) & (self.rng.random(n) < 0.5))
        self.course.spells.append((who, self.spell[who], self.start[who], self.last[who], cause, event))
        self.inside[who] = False
        self.entry[who] = NEVER
        u = self.rng.random((3, n))
        away = model.SHORTEST_ABSENCE + np.round(
            model.ABSENCE_MEDIAN * np.exp(model.ABSENCE_SIGMA * self.rng.standard_normal(n))
        ).astype(np.int64)
        share = np.asarray([model.RETURN.get(name, 0.0) for name in CAUSES])[cause]
        comes_back = self.rules.returns & (day >= self.rules.returns_from) & (u[0] < share)
        dies = (u[1] < model.DEATH_AFTER) & ~np.isin(cause, (0, 5))
        self.entry[who[comes_back & ~dies]] = day + away[comes_back & ~dies]
        death = day + 1 + np.floor(60 * u[2] ** 2).astype(np.int64)
        self.course.deaths.append((who[dies], death[dies]))

    def move(self, who: Ints, day: int) -> None:
        """A transfer within the register: the log goes on at another open site, at once or after a day or two."""
        open_sites = np.flatnonzero(self.sites.opened <= day)
        if not who.size or open_sites.size < 2:
            return
        place = np.searchsorted(open_sites, self.site[who])
        to = open_sites[(place + self.rng.integers(1, open_sites.size, who.size)) % open_sites.size]
        self.course.moves.append((who, np.full(who.size, day), to))
        self.site[who] = to
        self.missing[who] = self.rng.integers(0, 3, who.size)
        self.back[who] = self.missing[who] == 0


def _run_length(u: Floats) -> Ints:
    """Days of a run of missed days: mostly 1 to 3, now and then up to three weeks."""
    short = 1 + np.floor(3 * (u / 0.93) ** 1.5)
    long = 4 + np.floor((model.LONGEST_RUN - 3) * ((u - 0.93) / 0.07) ** 2)
    return np.clip(np.where(u < 0.93, short, long), 1, model.LONGEST_RUN).astype(np.int64)
