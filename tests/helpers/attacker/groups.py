"""Clients by two things at once: site and time of entry, age and sex, Table 1; and who came back when.

Margins are counts of all, cells of both; a row and a column of each table add up.
"""

from __future__ import annotations

from collections.abc import Callable

from helpers.attacker.knowledge import DOSED, Reader, Row, blank, everybody, members, part
from helpers.attacker.means import clients_behind_ages
from helpers.attacker.system import Count


def read_groups(book: Reader) -> None:
    _sites(book)
    _tables(book)
    _ages(book)
    _returns(book)
    _missing(book)


def started(row: Row, period: str = "") -> Count:
    return ("quarter", *members(row), period or row["period"])


def _sites(book: Reader) -> None:
    rows = book.output("starters_by_site")
    cells, margins = [], []
    for row in rows:
        at_site = row["group"] == "site"
        if at_site and row["period"]:
            cells.append(row)
            book.see(row, "estimate", _cell(row))
            continue
        margins.append(row)
        book.see(row, "n", everybody(row))
        book.see(row, "estimate", part(row) if at_site else started(row))
    sites = [row for row in margins if row["group"] == "site"]
    if not rows:
        return
    book.system.equal([everybody(rows[0])], [part(row) for row in sites])
    for row in sites:
        book.system.equal([part(row)], [_cell(cell) for cell in cells if cell["level"] == row["level"]])
    for period in {row["period"] for row in cells}:
        here = [_cell(cell) for cell in cells if cell["period"] == period]
        book.system.equal([started(rows[0], period)], here)
    for length in {len(row["period"]) for row in margins if row["group"] == ""}:
        periods = [row for row in margins if row["group"] == "" and len(row["period"]) == length]
        book.system.equal([everybody(rows[0])], [started(row) for row in periods])
        for longer in [row for row in margins if row["group"] == "" and _quarters(row["period"]) is not None]:
            inside = [row for row in periods if _inside(row["period"], longer["period"])]
            if inside and longer not in periods:
                book.system.equal([started(longer)], [started(row) for row in inside])


def _cell(row: Row) -> Count:
    return ("at site", *members(row), row["level"], row["period"])


def _quarters(period: str) -> range | None:
    """Quarters that a quarter or a year spans; None for a month, which is in one."""
    if len(period) == 4:
        return range(4 * int(period), 4 * int(period) + 4)
    if len(period) == 6:
        first = 4 * int(period[:4]) + int(period[-1]) - 1
        return range(first, first + 1)
    return None


def _inside(period: str, longer: str) -> bool:
    spans = _quarters(longer)
    if len(period) == 7:
        return spans is not None and 4 * int(period[:4]) + (int(period[5:]) - 1) // 3 in spans
    return spans is not None and set(_quarters(period) or ()) <= set(spans)


def _both(row: Row) -> Count:
    return ("both", *members(row), row["group"], row["level"], row["term"])


def _tables(book: Reader) -> None:
    for output in ("age_and_sex", "table_one"):
        rows = book.output(output)
        cells, margins = [row for row in rows if row["term"]], [row for row in rows if not row["term"]]
        for row in cells:
            book.see(row, "estimate", _both(row))
        for row in margins:
            book.see(row, "n", everybody(row))
            book.see(row, "estimate", part(row))
        for name in {row["group"] for row in margins}:
            levels = [row for row in margins if row["group"] == name]
            book.system.equal([everybody(levels[0])], [part(row) for row in levels])
            for table in {row["group"] for row in cells if name in row["group"].split(", ")}:
                side = ("level", "term")[table.split(", ").index(name)]
                _margins(
                    book, levels, [row for row in cells if row["group"] == table], lambda row, side=side: row[side]
                )


def _margins(book: Reader, levels: list[Row], cells: list[Row], side: Callable[[Row], str]) -> None:
    for row in levels:
        book.system.equal([part(row)], [_both(cell) for cell in cells if side(cell) == row["level"]])


def _ages(book: Reader) -> None:
    """Of each group, those whose age is known and those whose age is not are the group."""
    for row in book.output("mean_age_by_group"):
        known = everybody(row)
        book.see(row, "n", known)
        population = row["population"].partition(" whose age is known")[0]
        table = ", ".join(sorted(["age", row["group"]]))
        level, term = ("missing", row["level"]) if table.startswith("age, ") else (row["level"], "missing")
        unknown = ("both", population, known[2], table, level, term)
        book.system.bound(unknown, None if unknown in book.system.bounds else (0, 0))
        book.system.equal([("part", population, known[2], row["group"], row["level"])], [known, unknown])
        if row["estimand"] == "mean_age" and row["status"] == "shown" and book.rule.base > 1:
            book.system.bound(known, clients_behind_ages(row["estimate"], *book.system.bounds[known]))


def _returns(book: Reader) -> None:
    away = []
    for row in book.output("first_return"):
        book.see(row, "n", DOSED)
        name = ("episodes", "1") if row["group"] == "episodes" else ("away", row["level"])
        book.see(row, "estimate", name)
        away += [name] if row["group"] == "days away" else []
    if away:
        book.system.equal([DOSED], [("episodes", "1"), *away])
    for row in book.output("table_one"):
        if row["group"] == "returned" and away:
            book.system.at_most([part(row)], [("episodes", "1")] if row["level"] == "no" else away)


def _missing(book: Reader) -> None:
    """Who is analysed without a value has none in the table, or does not stand in it."""
    not_listed = ("check", "doses", "not_in_clients")
    more = [not_listed] if not_listed in book.system.bounds else []
    for row in book.output("characteristics"):
        if row["level"] == "missing" and blank(row["group"]) in book.system.bounds:
            book.system.at_most([part(row)], [blank(row["group"]), *more])
