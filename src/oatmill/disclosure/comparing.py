"""What readers know who compare a release with the last one: counts then and now, and the rule that joins them.

Of a count stand in the book: itself (now), `then` as the last release told it, its `anchor`, the `way` from the
anchor, and what it has `moved` since the last release. Each is a count that must not be known too closely.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from oatmill.disclosure.book import FAR, Book, Cell, Sum
from oatmill.disclosure.keys import Key
from oatmill.disclosure.plan import Kept, Plan
from oatmill.disclosure.releases import Anchor, Release
from oatmill.profiles import Profile

_THEN, _ANCHOR, _MOVED, _WAY = "then ", "anchor ", "moved ", "way of "


def add_release(book: Book, last: Release, plan: Plan, profile: Profile) -> None:
    """Add to a book what its readers know from the last release: its counts, its sums, and how far counts moved."""
    linked = {key for of in (book, last.book) for key in _linked(of)}
    now = list(book.cells)
    for key, cell in last.book.cells.items():
        book.add(_named(_THEN, key), replace(cell, shown=False))
    book.sums += [Sum(_all(each.left), _all(each.right)) for each in last.book.sums]
    book.at_most += [Sum(_all(each.left), _all(each.right)) for each in last.book.at_most]
    for key in now:
        anchors, then = last.anchors_of(key), last.book.cells.get(key)
        if anchors and (key in linked or not _narrow(book, key, anchors[0], plan, profile)):
            _add_way(book, key, anchors[0], then, plan, profile)
        elif then and key in linked and not anchors:
            _add_unseen(book, key, then, profile)


def _linked(book: Book) -> Iterator[Key]:
    for each in (*book.sums, *book.at_most):
        yield from each.keys


def _add_way(book: Book, key: Key, anchor: Anchor, then: Cell | None, plan: Plan, profile: Profile) -> None:
    """now = anchor + way, then = anchor or as near as a kept value says; now = then + moved, a count as well."""
    start = _named(_ANCHOR, key)
    book.add(start, Cell(anchor.true, *anchor.possible(profile), shown=False))
    _add_step(book, _WAY, key, start, _way(book.cells[key], anchor, plan.kept.get(key), profile))
    if then is None:
        return
    _add_step(book, _MOVED, key, _named(_THEN, key), (-FAR, FAR))
    far = profile.kept_until_moved - 1 if anchor.kept else 0
    if then.shown and abs(then.true - anchor.true) <= far:
        _add_step(book, _WAY, _named(_THEN, key), start, (-far, far))


def _add_step(book: Book, what: str, key: Key, start: Key, bounds: tuple[int, int]) -> None:
    """key = start + step."""
    step = _named(what, key)
    book.add(step, Cell(book.cells[key].true - book.cells[start].true, *bounds, shown=False))
    book.sums.append(Sum((key,), (start, step)))


def _way(now: Cell, anchor: Anchor, kept: Kept | None, profile: Profile) -> tuple[int, int]:
    """What its value says of the way of a count from an anchor.

    Kept, it has moved by less than `least`; changed, by `least` or more, in the direction that the classes allow.
    """
    least, (low, high) = profile.kept_until_moved, anchor.possible(profile)
    if kept and abs(now.true - anchor.true) < least:
        return 1 - least, least - 1
    up, down = now.high - low >= least, high - now.low >= least
    return (-FAR if down else least, FAR if up else -least)


def _narrow(book: Book, key: Key, anchor: Anchor, plan: Plan, profile: Profile) -> bool:
    """The same for a count in no sum, where the two classes narrow each other; false where that tells too much."""
    now, (low, high) = book.cells[key], anchor.possible(profile)
    least, most = _way(now, anchor, plan.kept.get(key), profile)
    start = Cell(anchor.true, max(low, now.low - most), min(high, now.high - least), shown=False)
    end = replace(now, low=max(now.low, low + least), high=min(now.high, high + most))
    if any(profile.too_close(each.low, each.high) for each in (start, end)):
        return False
    book.add(_named(_ANCHOR, key), start)
    book.cells[key] = end
    return True


def _add_unseen(book: Book, key: Key, then: Cell, profile: Profile) -> None:
    """A count that readers see for the first time, and take to be much the same as when it was not shown."""
    far = profile.kept_until_moved - 1
    if book.cells[key].shown and not then.shown and abs(book.cells[key].true - then.true) <= far:
        _add_step(book, _MOVED, key, _named(_THEN, key), (-far, far))


def _named(what: str, key: Key) -> Key:
    return (what + key[0], *key[1:])


def _all(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    return tuple(_named(_THEN, key) for key in keys)
