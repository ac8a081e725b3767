"""The plan for the whole book: a pure function of all Results and of the last published release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from oatmill.disclosure.book import Book, Cell, Reading, build_book, read_book, touching, twins
from oatmill.disclosure.comparing import add_release
from oatmill.disclosure.keys import Key, curves_of, whole_of
from oatmill.disclosure.plan import Plan, Rounding
from oatmill.disclosure.releases import Release, keep_later_days, keep_old, release_of
from oatmill.disclosure.worlds import Worlds, known_too_closely
from oatmill.errors import DisclosureRefused
from oatmill.profiles import Profile, Threshold
from oatmill.results import Result
from oatmill.text import _

_MOST_STEPS = 500
_WITHHOLDING = 1e3  # times the loss of a wider class
_CURVE = 20  # times the loss of one count: all days of the curve are shown less exactly


@dataclass(frozen=True)
class Officer:
    """What the person who answers for the data has decided: the profile, and thresholds lifted by output."""

    profile: Profile
    lifted: Mapping[str, Sequence[Threshold]]

    def roundings(self, results: Iterable[Result], plan: Plan) -> dict[str, Rounding]:
        outputs = {result.output for result in results}
        return {name: Rounding(self.profile.without(*self.lifted.get(name, ())), plan) for name in outputs}


def plan_release(results: Sequence[Result], officer: Officer, last: Release | None = None) -> Plan:
    """Decide on the whole book.

    1. Counts that have moved little since an earlier published release are shown as they were in it.
    2. A total that lies so near to the sum of its parts that some true total would give a part away is shown in a
       wider class. The choice is made for all totals of one widest class alike, so that the width tells nothing.
    3. While any small count is known too closely from everything together, the count whose coarsening costs least
       is shown in a wider class, or in the end withheld.

    Raises
    ------
    DisclosureRefused
        where one count has two true values, or no plan is found
    """
    confidential = [result for result in results if not result.public]
    readings = [Reading(result) for result in confidential]
    curves = [curve for reading in readings for curve in reading.curves]
    plan = Plan()
    for _step in range(_MOST_STEPS):
        book = read_book(readings, officer.roundings(confidential, plan))
        if last is not None:
            keeping = keep_old(plan, book, curves, last, officer.profile)
            if keeping != plan:
                plan = keeping
                continue
            add_release(book, last, plan, officer.profile)
        better = _improved(book, plan, officer.profile)
        if better is None:
            return keep_later_days(plan, curves, last, officer.profile) if last else plan
        plan = better
    raise DisclosureRefused(_("No way was found to show these results without giving small numbers away."))


def build_release(
    name: str, results: Sequence[Result], officer: Officer, plan: Plan, last: Release | None = None
) -> Release:
    """What is published when these Results are shown by this plan."""
    confidential = [result for result in results if not result.public]
    roundings = officer.roundings(confidential, plan)
    curves = [(curve, roundings[result.output]) for result in confidential for curve in curves_of(result)]
    return release_of(name, build_book(confidential, roundings), curves, Rounding(officer.profile, plan), last)


def _improved(book: Book, plan: Plan, profile: Profile) -> Plan | None:
    """The plan with one more step; None when nothing is known too closely any more."""
    tight = {key: plan.widened.get(key, 1) * 2 for key in _tight_totals(book, plan, profile)}
    if tight:
        return replace(plan, widened={**plan.widened, **tight})
    close = next(known_too_closely(book, profile), None)
    return None if close is None else _loosened(book, plan, profile, close)


# Step 2


def _tight_totals(book: Book, plan: Plan, profile: Profile) -> Iterator[Key]:
    same = twins(book)
    for each in book.sums:
        total = each.left[0]
        parts = [book.cells[key] for key in each.right]
        if len(each.left) > 1 or len(parts) < 2 or not _is_total(total, book) or not _may_widen(total, plan, profile):
            continue
        if any(_is_tight(low, high, parts, profile) for low, high in _siblings(total, book, plan, profile)):
            yield from {total} | same.get(total, set())


def _is_total(key: Key, book: Book) -> bool:
    """Whether the total is a count with a class of its own, not a zero and not a day of a curve."""
    return book.cells[key].shown and book.cells[key].high > 0 and whole_of(key) == key


def _siblings(key: Key, book: Book, plan: Plan, profile: Profile) -> list[tuple[int, int]]:
    """The classes that, in the widest class, are one with the count's own: they are all treated alike."""
    times = plan.widened.get(key, 1)
    low, high = profile.possible(profile.count(book.cells[key].true, profile.widest), profile.widest)
    found = {profile.count(true, times) for true in range(max(low, 1), high + 1)}
    return [profile.possible(value, times) for value in sorted(found) if value == value]


def _is_tight(low: int, high: int, parts: Sequence[Cell], profile: Profile) -> bool:
    """Whether a total between these values would give away a part that may be a small count."""
    least, most = sum(part.low for part in parts), sum(part.high for part in parts)
    if high < least or low > most:
        return False
    room_up, room_down = high - least, most - low
    return any(
        profile.is_protected(part.low, part.high)
        and part.low < part.high
        and (
            profile.too_close(part.low, min(part.high, part.low + room_up))
            or profile.too_close(max(part.low, part.high - room_down), part.high)
        )
        for part in parts
    )


# Step 3


def _loosened(book: Book, plan: Plan, profile: Profile, close: Key) -> Plan:
    """The plan in which one more value is possible for a count that is known too closely, at the least loss."""
    group = next((group for group in touching(book) if close in group), None)
    if group is None:  # in no sum: its own released value tells too much
        return _less_exact([close], book, plan, profile)
    loss = {key: _loss(key, book, plan, profile) for key in sorted(group) if book.cells[key].shown}
    worlds, cell = Worlds(book, sorted(group)), book.cells[close]
    for value in (cell.true + step for far in range(1, profile.possible_values + 1) for step in (far, -far)):
        if value >= min(cell.low, 0) and not worlds.allows(close, value):
            changed = worlds.least_change(close, value, loss)
            if changed:
                return _less_exact(changed, book, plan, profile)
    raise DisclosureRefused(_("No way was found to show these results without giving small numbers away."))


def _may_widen(key: Key, plan: Plan, profile: Profile) -> bool:
    whole = whole_of(key)
    return plan.widened.get(whole, 1) < profile.widest and key not in plan.kept and whole not in plan.withheld


def _loss(key: Key, book: Book, plan: Plan, profile: Profile) -> float:
    """What showing a count less exactly costs: little for a large one; withholding it, far more."""
    relative = (1 if whole_of(key) == key else _CURVE) / (1 + abs(book.cells[key].true))
    return relative if _may_widen(key, plan, profile) else _WITHHOLDING * relative


def _less_exact(keys: Iterable[Key], book: Book, plan: Plan, profile: Profile) -> Plan:
    """The plan with each of these counts in a class twice as wide, or withheld where it is as wide as may be."""
    same, widened, withheld = twins(book), dict(plan.widened), set(plan.withheld)
    for key in keys:
        alike = {whole_of(each) for each in {key} | same.get(key, set())}
        if _may_widen(key, plan, profile):
            widened |= dict.fromkeys(alike, plan.widened.get(whole_of(key), 1) * 2)
        else:
            withheld |= alike
    return replace(plan, widened=widened, withheld=frozenset(withheld))
