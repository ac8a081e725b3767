"""What readers know between outputs, beyond the sums that each Result declares.

Every statement here follows from the definitions: who has left by a day has left for one of the reasons; who is
followed for t days and retained has not left by then. A statement is noted only where all its counts are in the book,
and only when it is true: what is false cannot be known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from oatmill.disclosure.book import Book, Cell, Sum
from oatmill.disclosure.curves import Family
from oatmill.disclosure.keys import Key

_LEAVING = ("dropout", "administrative", "completed_taper")
_DYING = ("death", "prison")
_STAYING = ("in_treatment", "transfer_out")


def add_implied(book: Book, families: Iterable[Family]) -> None:
    _followed(book)
    for family in families:
        _exits(book, family)
        _net(book, family)
        _dropout(book, family)
        _before_risk(book, family)
        _fixed(book, family)
        _on_oat(book, family)
        _reached(book, family)
    _first_site(book)
    _yearly(book)
    _ages(book)
    _ages_in_groups(book)
    _returns(book)
    _tables(book)
    _programme(book)


def _equal(book: Book, left: Sequence[Key], right: Sequence[Key]) -> None:
    if _known(book, left, right) and _total(book, left) == _total(book, right):
        book.sums.append(Sum(tuple(left), tuple(right)))


def _at_most(book: Book, left: Sequence[Key], right: Sequence[Key]) -> None:
    if _known(book, left, right) and _total(book, left) <= _total(book, right):
        book.at_most.append(Sum(tuple(left), tuple(right)))


def _known(book: Book, left: Sequence[Key], right: Sequence[Key]) -> bool:
    return bool(left) and bool(right) and all(key in book.cells for key in (*left, *right))


def _total(book: Book, keys: Iterable[Key]) -> int:
    return sum(book.cells[key].true for key in keys)


def _of(what: str, population: str, ends: str, group: str = "", level: str = "") -> Key:
    return (what, population, ends, "", group, level, "", "", "")


def _exit_reasons(family: Family, *reasons: str) -> list[Key]:
    return [_of("", family.population, family.ends, "exit_reason", reason) for reason in reasons]


def _exits(book: Book, family: Family) -> None:
    """Who has left by a day has left for a reason; whose follow-up has ended was in treatment or moved."""
    whole = family.whole("ret_km")
    if whole is None:
        return
    for day in family.days:
        gone, lost = whole.on("left", day), whole.on("censored", day)
        _at_most(book, [gone], _exit_reasons(family, *_LEAVING, *_DYING))
        _at_most(book, [lost], _exit_reasons(family, *_STAYING))
        if day == family.days[-1]:
            _equal(book, [gone], _exit_reasons(family, *_LEAVING, *_DYING))
            _equal(book, [lost], _exit_reasons(family, *_STAYING))


def _net(book: Book, family: Family) -> None:
    """Deaths and prison are the difference of the two curves, and censored in one of them."""
    whole, net = family.whole("ret_km"), family.whole("ret_km_net")
    if whole is None or net is None:
        return
    for day in family.days:
        died = (f"died {family.ends}", *whole.on("left", day)[1:])
        book.add_rest(died, [whole.on("left", day)], [net.on("left", day)])
        _equal(book, [net.on("censored", day)], [whole.on("censored", day), died])
        _at_most(book, [died], _exit_reasons(family, *_DYING))
        _at_most(book, [net.on("left", day)], _exit_reasons(family, *_LEAVING))


def _dropout(book: Book, family: Family) -> None:
    """Who has left otherwise than by dropout is the difference of two curves, and censored in one of them."""
    whole, dropout, net = (family.whole(rule) for rule in ("ret_km", "ret_dropout", "ret_km_net"))
    if whole is None or dropout is None:
        return
    for day in family.days:
        dropped = dropout.on("left", day)
        otherwise = (f"left otherwise {family.ends}", *whole.on("left", day)[1:])
        book.add_rest(otherwise, [whole.on("left", day)], [dropped])
        _equal(book, [dropout.on("censored", day)], [whole.on("censored", day), otherwise])
        _at_most(book, [dropped], _exit_reasons(family, "dropout"))
        _at_most(book, [otherwise], _exit_reasons(family, *_LEAVING[1:], *_DYING))
        if day == family.days[-1]:
            _equal(book, [dropped], _exit_reasons(family, "dropout"))
        if net is not None:
            finished = (f"finished {family.ends}", *whole.on("left", day)[1:])
            book.add_rest(finished, [net.on("left", day)], [dropped])
            _at_most(book, [finished], _exit_reasons(family, *_LEAVING[1:]))


def _before_risk(book: Book, family: Family) -> None:
    """Who was no longer at risk on the first risk day had left, or was followed for less."""
    whole = family.whole("ret_km")
    for key in [key for key in book.cells if key[1:3] == (family.population, family.ends) and key[5] == "left_before"]:
        if whole and not key[0]:
            day = int(key[7]) - 1
            _equal(book, [key], [whole.on("left", day), whole.on("censored", day)])


def _fixed(book: Book, family: Family) -> None:
    """Retained at t, of those followed for t days: neither gone by the day before; and whoever is not, is gone by t."""
    whole = family.whole("ret_km")
    for retained in _fixed_shares(book, family):
        day = int(retained[7])
        for by, known in ((day - 1, _at_most), (day, _at_least)):
            if whole:
                gone = [whole.on("left", by), whole.on("censored", by)]
                known(book, [*gone, retained], [whole.size_key])
        started_by = retained[8]
        if started_by:
            _late_starters(book, family, retained, dt.date.fromisoformat(started_by))


def _on_oat(book: Book, family: Family) -> None:
    """In treatment on day t, of those followed to it: the retained, and who has left and come back."""
    whole = family.whole("ret_km")
    for retained in _fixed_shares(book, family):
        on_oat = ("on_oat", *retained[1:])
        if on_oat in book.cells:
            back = ("came back", *retained[1:])
            book.add_rest(back, [on_oat], [retained])
            if whole is not None:
                _at_most(book, [back], [whole.on("left", int(retained[7]) - 1)])
            _at_most(book, [back], [_of("", family.population, family.ends, "returned", "yes")])


def _reached(book: Book, family: Family) -> None:
    """With t days in treatment or more, of those followed to day t: everybody else was gone by the day before."""
    whole = family.whole("ret_km")
    for reached in [key for key in book.cells if key[0] == "reached" and key[2] == family.ends]:
        retained, day = ("retention", *reached[1:]), int(reached[7]) - 1
        if retained in book.cells:
            book.add_rest(("left on the day", *reached[1:]), [reached], [retained])
        if whole is not None and reached[1].startswith(f"{family.population} followed"):
            _equal(book, [whole.on("left", day), whole.on("censored", day), reached], [whole.size_key])


def _first_site(book: Book) -> None:
    """In treatment at the first site are some of those in treatment anywhere, and so are those followed there."""
    for here in [key for key in book.cells if key[0] == "at_first_site"]:
        anywhere = here[1].removesuffix(" at their first site")
        for what, part, rest in (("retention", "at_first_site", "moved"), ("", "", "not followed at their first site")):
            place = here[2:] if part else (here[2], *[""] * 6)
            whole, some = (what, anywhere, *place), (part, here[1], *place)
            if _known(book, [whole], [some]) and _total(book, [whole]) >= _total(book, [some]):
                book.add_rest((rest, anywhere, *place), [whole], [some])


def _yearly(book: Book) -> None:
    """Clients with a dose in a year are some of all with a dose; those who entered first in it are starters of the year."""
    dosed = _of("", "clients with a dose", "")
    for key in [key for key in book.cells if not key[0] and key[1].startswith(f"{dosed[1]} in ") and not any(key[3:])]:
        _at_most(book, [key], [dosed])
        if key[1].endswith(": first_entrants"):
            year = key[1].removeprefix(f"{dosed[1]} in ")[:4]
            periods = [
                each for each in book.cells if not each[0] and each[2] == key[2] and each[8] and not any(each[3:8])
            ]
            for length in sorted({len(each[8]) for each in periods}):
                inside = [each for each in periods if len(each[8]) == length and each[8][:4] == year]
                _at_most(book, [key], inside)
    for key in [key for key in book.cells if key[0] == "six_months"]:
        _at_most(book, [key], [dosed])


def _at_least(book: Book, left: Sequence[Key], right: Sequence[Key]) -> None:
    _at_most(book, right, left)


def _fixed_shares(book: Book, family: Family) -> list[Key]:
    population = f"{family.population} followed for "
    return [
        key for key in book.cells if key[0] == "retention" and key[1].startswith(population) and key[2] == family.ends
    ]


def _late_starters(book: Book, family: Family, retained: Key, started_by: dt.date) -> None:
    """Who started too late to be followed for so many days started in the last periods."""
    late = _not_followed(_of("", retained[1], retained[2]))
    periods = [
        key for key in book.cells if key[:3] == ("", family.population, family.ends) and key[8] and not any(key[3:8])
    ]
    for length in sorted({len(key[8]) for key in periods}):  # months, quarters, years
        spans = [(key, _span(key[8])) for key in periods if len(key[8]) == length]
        _at_most(book, [key for key, (first, _after) in spans if first > started_by], [late])
        touched = [key for key, (_first, last) in spans if last > started_by]
        _at_most(book, [late], touched)
        if not touched and late in book.cells:  # nobody started so late, so everybody was followed
            book.add(late, Cell(book.cells[late].true, 0, 0, shown=False))


def _span(period: str) -> tuple[dt.date, dt.date]:
    """First and last day of a month (2016-04), a quarter (2016Q2) or a year (2016)."""
    year, first, months = int(period[:4]), 1, 12
    if "Q" in period:
        first, months = 3 * int(period[-1]) - 2, 3
    elif "-" in period:
        first, months = int(period[-2:]), 1
    after = dt.date(year + (first + months > 12), (first + months - 1) % 12 + 1, 1)
    return dt.date(year, first, 1), after - dt.timedelta(days=1)


def _not_followed(followed: Key) -> Key:
    return ("not followed", *followed[1:])


def _followed(book: Book) -> None:
    """Those followed for t days are some of all."""
    for key in [key for key in book.cells if not key[0] and " followed for " in key[1] and not any(key[3:])]:
        everybody = (*key[:1], key[1].partition(" followed for ")[0], *key[2:])
        if everybody in book.cells:
            book.add_rest(_not_followed(key), [everybody], [key])


def _ages(book: Book) -> None:
    """Clients whose age is known and clients whose age is missing are all."""
    for key in [key for key in book.cells if key[1].endswith(" whose age is known") and not key[0]]:
        population = key[1].removesuffix(" whose age is known")
        everybody, missing = _of("", population, key[2]), _of("", population, key[2], "age", "missing")
        _equal(book, [everybody], [key, *([missing] if missing in book.cells else [])])


def _ages_in_groups(book: Book) -> None:
    """Clients of a group whose age is known and whose age is missing are the group."""
    for group in [
        key for key in book.cells if not key[0] and key[4] and "," not in key[4] and not any((key[3], *key[6:]))
    ]:
        known = _of("", f"{group[1]} whose age is known ({group[4]}: {group[5]})", group[2])
        if known not in book.cells:
            continue
        by_age = group[4] > "age"
        place = ("missing", group[5]) if by_age else (group[5], "missing")
        pair = (*group[:4], ", ".join(sorted(["age", group[4]])), *place, "", "")
        _equal(book, [group], [known, *([pair] if pair in book.cells else [])])


def _returns(book: Book) -> None:
    """Starters who came back are some of the clients with a dose who did; and so are those who did not."""
    dosed = "clients with a dose"
    once, away = (
        _of("", dosed, "", "episodes", "1"),
        [key for key in book.cells if key[1] == dosed and key[4] == "days away"],
    )
    for key in [key for key in book.cells if key[4] == "returned" and not any((key[0], key[3], *key[6:]))]:
        _at_most(book, [key], [once] if key[5] == "no" else away)


def _tables(book: Book) -> None:
    """Rows set aside are set aside for one reason each; the rows of a table are those in which values are missing."""
    listed = _of("", "clients in the clients table", "")
    _equal(book, [_of("rows_kept rows", "", "", "table", "clients")], [listed])
    for key in [key for key in book.cells if key[0] == "rows_kept rows" and not key[6]]:
        _equal(book, [key], [_of("", f"rows of {key[5]}", "")])
    for key in [key for key in book.cells if key[0] == "rows_quarantined rows" and not key[6]]:
        _equal(book, [key], [c for c in book.cells if c[0] == "check rows" and c[3] == "quarantine" and c[4] == key[5]])
    found = {(key[4], key[5]): key for key in book.cells if key[0] == "check rows"}
    if {("clients", "not_in_doses"), ("doses", "not_in_clients")} <= set(found):
        without_dose, not_listed = found["clients", "not_in_doses"], found["doses", "not_in_clients"]
        _at_most(book, [_of("", "clients with a dose", ""), without_dose], [listed, not_listed])
    if ("exits", "reason_blank") in found:
        _equal(book, [found["exits", "reason_blank"]], [_of("missing", "rows of exits", "", "column", "reason")])
    _missing(book, found.get(("doses", "not_in_clients")))


def _missing(book: Book, not_listed: Key | None) -> None:
    """A client analysed without a value has none in the table, or does not stand in it."""
    for key in [key for key in book.cells if key[5] == "missing" and not any((key[0], key[3], *key[6:]))]:
        for rows in ("clients in the clients table", "rows of episodes"):
            blank = _of("missing", rows, "", "column", key[4])
            _at_most(book, [key], [blank, *([not_listed] if not_listed else [])])


def _programme(book: Book) -> None:
    """A programme's yearly indicators are the counts of its flows; who closes a year has been enrolled."""
    own = {"clients_cumulative": ("ever", "ever_before"), "clients_year_end": ("closing", "opening")}
    for key in [key for key in book.cells if key[0] == "indicator" and key[5] in own]:
        now, next_year = own[key[5]]
        _equal(book, [key], [(now, *key[1:4], "", "", *key[6:])])
        _equal(book, [key], [(next_year, *key[1:4], "", "", *key[6:8], str(int(key[8]) + 1))])
        _equal(book, [key], [_of("", f"{key[1]} at the end of {key[8]}", key[2])])
    for key in [key for key in book.cells if key[0] == "closing" and key[8]]:
        _at_most(book, [key], [("ever", *key[1:])])
