"""Many programmes, each published and attacked: what the attack suite and the long runs report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from helpers.attacker import RULES, Contradiction, Settings, attack, read_releases
from helpers.programmes import Programme, book_of, later, random_programme
from helpers.published import Rows, exact_rows, planned, published_rows, released

from oatmill.disclosure import Plan


@dataclass
class Figures:
    """What came of a campaign.

    narrowed : counts at risk that are left with fewer than three values
    contradictions : programmes of which the attacker held something that is false, so that he proved nothing
    recovered : narrowed counts without the plan, by rounding alone
    holes : every narrowed count and contradiction, with the seed that gives the same programme again
    """

    programmes: int = 0
    at_risk: int = 0
    narrowed: int = 0
    contradictions: int = 0
    recovered: int = 0
    programmes_recovered: int = 0
    programmes_without_plan: int = 0
    rows: int = 0
    coarsened: int = 0
    withheld: int = 0
    seconds: float = 0.0
    holes: list[str] = field(default_factory=list)

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def __str__(self) -> str:
        share, tried = 100 / max(self.rows, 1), self.programmes_without_plan
        recovered = f"without the plan {self.recovered} narrowed in {self.programmes_recovered} programmes; "
        return (
            f"{self.programmes} programmes, {self.at_risk} counts at risk, {self.narrowed} narrowed, "
            f"{self.contradictions} contradictions; "
            f"{share * self.coarsened:.2f}% of rows coarsened, {share * self.withheld:.2f}% withheld beyond rounding; "
            f"{recovered if tried else ''}"
            f"{self.seconds / max(self.programmes, 1):.2f} s per book"
        )


def campaign(seeds: Iterable[int], profile: str, releases: int = 1, *, without_plan: bool = False) -> Figures:
    """Publish and attack one programme per seed, in so many releases."""
    total = Figures()
    for seed in seeds:
        try:
            total += _one(seed, profile, releases, without_plan)
        except Contradiction as error:
            total += Figures(1, contradictions=1, holes=[f"seed {seed} {profile}: {error}"])
    return total


def _one(seed: int, profile: str, releases: int, without_plan: bool) -> Figures:
    chain = [random_programme(seed)]
    while len(chain) < releases:
        chain.append(later(chain[-1], 100_000 * len(chain) + seed))
    books = [book_of(each) for each in chain]
    started = time.process_time()
    shown, last = [], None
    for number, book in enumerate(books):
        plan = planned(book, profile, last)
        shown.append(published_rows(book, profile, plan))
        if number + 1 < releases:
            last = released(str(number), book, profile, plan, last)
    seconds = (time.process_time() - started) / releases
    truth = [exact_rows(book) for book in books]
    found = _attack(shown, truth, chain, profile)
    figures = Figures(1, found.at_risk, len(found.narrowed), seconds=seconds)
    figures.rows = sum(map(len, shown))
    figures.coarsened = _rows(shown, "class of")
    figures.withheld = _rows(shown, "would reveal") - figures.coarsened
    figures.holes = [f"seed {seed} {profile}: {each.count} {each.true} {each.possible}" for each in found.narrowed]
    if without_plan:
        plain = [published_rows(book, profile, Plan()) for book in books]
        recovered = _attack(plain, truth, chain, profile).narrowed
        figures.recovered, figures.programmes_recovered = len(recovered), int(bool(recovered))
        figures.programmes_without_plan = 1
    return figures


def _attack(books: Sequence[Rows], truth: Sequence[Rows], chain: Sequence[Programme], profile: str):
    settings = [_settings(each) for each in chain]
    system, days = read_releases(books, RULES[profile], settings)
    exact, _ = read_releases(truth, RULES["none"], settings, days)
    return attack(system, exact.values(), RULES[profile].protected)


def _settings(programme: Programme) -> Settings:
    told = programme.definitions
    first = max(told.stabilisation_days + 1, told.lag_days + 7)
    return Settings(told.gap_days, first, told.data_cut, told.follow_up_days)


def _rows(books: Sequence[Rows], words: str) -> int:
    """How many rows give this reason, which only the plan gives."""
    return sum(words in row["reason"] for rows in books for row in rows)
