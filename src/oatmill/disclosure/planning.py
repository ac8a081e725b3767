"""The plan for the whole book: a pure function of all Results and of the last published release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from oatmill.disclosure.book import Book, Cell, build_book, twins
from oatmill.disclosure.comparing import add_release
from oatmill.disclosure.keys import Key, curves_of, whole_of
from oatmill.disclosure.plan import Plan, Rounding
from oatmill.disclosure.releases import Release, first_plan, keep_later_days, release_of
from oatmill.disclosure.worlds import known_too_closely
from oatmill.errors import DisclosureRefused
from oatmill.profiles import Profile, Threshold
from oatmill.results import Result
from oatmill.text import _

_MOST_STEPS = 500


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
       wider class. The choice is made for all totals of the wider class alike, so that being wider tells nothing.
    3. While any small count is known too closely from everything together, the count whose coarsening costs least
       is shown in a wider class, or in the end withheld.

    Raises
    ------
    DisclosureRefused
        where one count has two true values, or no plan is found
    """
    confidential = [result for result in results if not result.public]
    curves = [curve for result in confidential for curve in curves_of(result)]
    plan = Plan()
    if last is not None:
        book = build_book(confidential, officer.roundings(confidential, plan))
        plan = first_plan(book, curves, last, officer.profile)
    for _step in range(_MOST_STEPS):
        book = build_book(confidential, officer.roundings(confidential, plan))
        if last is not None:
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
    close = known_too_closely(book, profile)
    if not close:
        return None
    before = len(known_too_closely(book, profile, close[0]))
    for candidate in _candidates(book, plan, profile, close[0]):
        if len(known_too_closely(book.read_again(Rounding(profile, candidate)), profile, close[0])) < before:
            return candidate
    withheld = next(iter(_withheld(book, plan, close[0])), None)
    if withheld is None:
        raise DisclosureRefused(_("No way was found to show these results without giving small numbers away."))
    return withheld


# Step 2


def _tight_totals(book: Book, plan: Plan, profile: Profile) -> Iterator[Key]:
    same = twins(book)
    for each in book.sums:
        total = each.left[0]
        parts = [book.cells[key] for key in each.right]
        if len(each.left) > 1 or len(parts) < 2 or not _may_be_wider(total, book, plan, profile):
            continue
        if any(_is_tight(low, high, parts, profile) for low, high in _siblings(total, book, plan, profile)):
            yield from {total} | same.get(total, set())


def _may_be_wider(key: Key, book: Book, plan: Plan, profile: Profile) -> bool:
    cell, times = book.cells[key], plan.widened.get(key, 1)
    own = cell.shown and cell.high > 0 and key not in plan.kept and whole_of(key) == key
    return own and times < profile.widest and key not in plan.withheld


def _siblings(key: Key, book: Book, plan: Plan, profile: Profile) -> list[tuple[int, int]]:
    """The classes that, in the next wider class, would be one with the count's own."""
    times = plan.widened.get(key, 1)
    low, high = profile.possible(profile.count(book.cells[key].true, times * 2), times * 2)
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


def _candidates(book: Book, plan: Plan, profile: Profile, close: Key) -> Iterator[Plan]:
    """Plans with one count near `close` in a wider class, those that lose least first."""
    same = twins(book)
    for key in sorted(_near(book, close), key=lambda key: (-book.cells[key].true, key)):
        whole = whole_of(key)
        times = plan.widened.get(whole, 1) * 2
        if book.cells[key].shown and times <= profile.widest and key not in plan.kept and whole not in plan.withheld:
            yield replace(plan, widened={**plan.widened, **dict.fromkeys({whole} | same.get(key, set()), times)})


def _withheld(book: Book, plan: Plan, close: Key) -> Iterator[Plan]:
    """Plans with one count near `close` withheld: the smallest first, whose loss is the least."""
    same = twins(book)
    for key in sorted(_near(book, close), key=lambda key: (book.cells[key].true, key)):
        whole = whole_of(key)
        if whole not in plan.withheld and (book.cells[key].shown or key == close):
            yield replace(plan, withheld=plan.withheld | {whole} | same.get(key, set()))


def _near(book: Book, key: Key) -> set[Key]:
    """The counts that share a sum with this one, and those that share a sum with them."""
    near = {key}
    for _hop in range(2):
        near |= {other for each in (*book.sums, *book.at_most) if near & set(each.keys) for other in each.keys}
    return near
