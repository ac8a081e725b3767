"""What readers of several releases know: each book by itself, and the rule by which released values are kept."""

from __future__ import annotations

from collections.abc import Sequence

from helpers.attacker.knowledge import Reader, Row, Settings, read_book
from helpers.attacker.rounding import FAR, Rule
from helpers.attacker.system import Count, System


def read_releases(
    books: Sequence[Sequence[Row]], rule: Rule, settings: Sequence[Settings], days: dict | None = None
) -> tuple[System, dict]:
    """One system of all releases, first to last; the days at which curves are looked at, the same in all of them."""
    days = days or _all_days(books, rule, settings)
    readers: list[Reader] = []
    for rows, how in zip(books, settings, strict=True):
        readers.append(read_book(rows, rule, how, days, readers[-1] if readers else None))
    system, anchors = System(), {}  # type: System, dict[Count, Count]
    for number, reader in enumerate(readers):
        system.merge(reader.system, str(number))
        anchors = {count: _anchor(system, count, str(number), reader, anchors) for count in reader.released}
    for number in range(1, len(readers)):
        for count in readers[number].system.bounds:
            if count in readers[number - 1].system.bounds and count not in readers[number].system.derived:
                _add_moves(system, count, str(number - 1), str(number))
    return system, days


def _all_days(books: Sequence[Sequence[Row]], rule: Rule, settings: Sequence[Settings]) -> dict:
    found: dict = {}
    reader = None
    for rows, how in zip(books, settings, strict=True):
        reader = read_book(rows, rule, how, before=reader)
        for family, days in reader.days.items():
            found[family] = sorted({*found.get(family, ()), *days})
    return found


def _anchor(system: System, count: Count, number: str, reader: Reader, anchors: dict[Count, Count]) -> Count:
    """The count whose released value stands there: this one, or an older one that it has not moved far from."""
    now = (number, *count)
    if count not in reader.kept or count not in anchors:
        return now
    low, high = reader.seen[count]
    most = max(reader.rule.kept - 1, high - low)  # in a wide class a new value may look like the old one
    way = (f"way of {number}", *count)
    system.bound(way, (-most, most))
    system.equal([now], [anchors[count], way])
    system.derived[way] = {now: 1, anchors[count]: -1}
    return anchors[count]


def _add_moves(system: System, count: Count, then: str, now: str) -> None:
    """How many more, or fewer, there are than in the release before."""
    for name, plus, minus in (("more", now, then), ("fewer", then, now)):
        system.derive((f"{name} in {now}", *count), [(plus, *count)], [(minus, *count)], (-FAR, FAR))
