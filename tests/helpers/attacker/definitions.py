"""The other definitions of retention: in treatment on a day, at the first site, for 180 days, in December, for 6 months."""

from __future__ import annotations

import datetime as dt

from helpers.attacker.knowledge import DOSED, Reader, Row, everybody, members
from helpers.attacker.system import Count


def read_definitions(book: Reader) -> None:
    _on_oat(book)
    _first_site(book)
    _reached(book)
    _december(book)
    for row in book.output("retention_six_months"):
        book.system.at_most([book.see(row, "estimate", ("six months", row["period"]))], [DOSED])


def _counted(book: Reader, row: Row, what: str) -> Count:
    """A share: its population, who is counted, and who is not."""
    count = (what, *members(row), row["day"])
    book.see(row, "n", everybody(row))
    book.see(row, "events", count)
    book.system.derive(("not", *count), [everybody(row)], [count])
    return count


def _on_oat(book: Reader) -> None:
    """Whoever is retained is in treatment; the others have come back."""
    for row in book.output("retention_on_oat"):
        count = _counted(book, row, "on oat")
        retained, back = ("retained", *count[1:]), ("came back", *count[1:])
        book.system.derive(back, [count], [retained])
        again = ("part", row["population"].partition(" followed")[0], members(row)[1], "returned", "yes")
        if again in book.system.bounds:
            book.system.at_most([back], [again])


def _first_site(book: Reader) -> None:
    for row in book.output("retention_programme"):
        count = _counted(book, row, "at the first site")
        anywhere = (row["population"].removesuffix(" at their first site"), members(row)[1])
        book.system.derive(("moved", *count[1:]), [("retained", *anywhere, row["day"])], [count])
        book.system.derive(("not followed there", *count[1:]), [("n", *anywhere)], [everybody(row)])
        everyone = ("n", row["population"].partition(" followed")[0], members(row)[1])
        book.system.derive(("not followed", *members(row)), [everyone], [everybody(row)])


def _reached(book: Reader) -> None:
    for row in book.output("retention_nqf180"):
        count = _counted(book, row, "reached")
        retained = ("retained", *count[1:])
        if retained in book.system.bounds:
            book.system.derive(("left on the day", *count[1:]), [count], [retained])


def _december(book: Reader) -> None:
    """The three parts are all, those with a dose in December and those without."""
    rows = book.output("retention_december")
    for row in rows:
        _counted(book, row, "december")
        book.system.at_most([everybody(row)], [DOSED])
    for row in [row for row in rows if not row["group"]]:
        parts = [each for each in rows if each["group"]]
        book.system.equal([everybody(row)], [everybody(each) for each in parts])
        whole = ("december", *members(row), row["day"])
        book.system.equal([whole], [("december", *members(each), each["day"]) for each in parts])
    for row in [row for row in rows if row["level"] == "first_entrants"]:
        _entered(book, row)


def _entered(book: Reader, row: Row) -> None:
    """Who entered first in the year began in one of its months, quarters, or in the year itself, if all of it was assessed."""
    cut, year = book.settings.data_cut, int(row["period"])
    if cut is None or cut - dt.timedelta(days=book.settings.gap_days) < dt.date(year, 12, 31):
        return
    for output in ("starters_by_quarter", "starters_by_site"):
        periods = [
            each
            for each in book.output(output)
            if not each["group"] and members(each)[1] == members(row)[1] and each["period"][:4] == row["period"]
        ]
        for length in {len(each["period"]) for each in periods}:
            began = [("quarter", *members(each), each["period"]) for each in periods if len(each["period"]) == length]
            book.system.at_most([everybody(row)], began)
