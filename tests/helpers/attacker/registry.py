"""Ledgers of a registry, and yearly numbers of a programme."""

from __future__ import annotations

from itertools import pairwise

from helpers.attacker.knowledge import Reader, Row
from helpers.attacker.rounding import FAR
from helpers.attacker.system import Count

SIGNED = ("residual", "carried", "net_exits")


def _item(row: Row) -> Count:
    return ("registry", row["estimand"], row["level"], row["period"])


def read_registry(book: Reader) -> None:
    rows = [row for row in book.output("registry_ledger") if row["period"]]
    periods = sorted({row["period"] for row in rows})
    for row in book.output("registry_ledger"):
        if row["estimand"] == "carried" and row["period"] == periods[0]:
            continue  # nothing came before
        if row["estimand"] in SIGNED:
            book.system.bound(_item(row), (-FAR, FAR))
        book.see(row, "estimate", _item(row))
    for row in rows:
        book.see(row, "n", ("registry", "enrolled", "", row["period"]))
    found = {_item(row) for row in rows}
    for period in periods:
        _add_period(book, period, found)
    for before, period in pairwise(periods):
        opening, closing = ("registry", "opening", "", period), ("registry", "closing", "", before)
        book.system.equal([opening], [closing, ("registry", "carried", "", period)])


def _add_period(book: Reader, period: str, found: set[Count]) -> None:
    names = ("enrolled", "opening", "entered", "left", "closing", "residual")
    enrolled, opening, entered, left, closing, residual = (("registry", name, "", period) for name in names)
    book.system.equal([enrolled], [opening, entered])
    book.system.equal([enrolled], [left, closing, residual])
    for flow in (entered, left):
        parts = sorted(each for each in found if each[1] == flow[1] and each[2] and each[3] == period)
        if parts:
            book.system.equal([flow], parts)
    stayed = ("registry", "opening and closing at most", "", period)
    book.system.derive(stayed, [enrolled], [left], (-FAR, FAR))


def read_programme(book: Reader) -> None:
    """Yearly counts: ever = ever before + new; opening + new = closing + net exits; a year opens as the last closed."""
    own = {"clients_cumulative": "ever", "clients_year_end": "closing"}
    for row in book.output("own_counts"):
        book.see(row, "estimate", ("programme", own[row["level"]], row["period"]))
    for row in book.output("own_means"):
        if row["status"] == "shown":
            book.see(row, "n", ("programme", "closing", row["period"]))
    for row in book.output("own_flows"):
        year, what = row["period"], row["estimand"]
        name = {"opening": "closing", "ever_before": "ever"}.get(what, what)
        count = ("programme", name, str(int(year) - 1) if name != what else year)
        if name in SIGNED:
            book.system.bound(count, (-FAR, FAR))
        book.see(row, "estimate", count)
    for year in sorted({row["period"] for row in book.output("own_flows")}):
        before = str(int(year) - 1)
        ever, new, closing, net = (("programme", name, year) for name in ("ever", "new", "closing", "net_exits"))
        opening = ("programme", "closing", before)
        book.system.equal([ever], [("programme", "ever", before), new])
        book.system.equal([opening, new], [closing, net])
        book.system.at_most([closing], [ever])
