"""Retention curves, day by day.

A row on a day means that the rounded number of exits so far rose on that day; on days between rows it did not. The
number at risk gives, besides, the rounded number whose follow-up had ended by the day before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from helpers.attacker.knowledge import Reader, Row, everybody, members, part
from helpers.attacker.rounding import ANY, Range
from helpers.attacker.system import Count

Family = tuple[str, str]
Days = Mapping[Family, list[int]]


@dataclass
class Curve:
    """One curve: the rounded exits so far on the days of its rows, and the numbers at risk."""

    rule: str
    size: Count
    rows: list[Row]
    exact: bool
    steps: dict[int, int] = field(default_factory=dict)  # day -> exits so far, as released
    at_risk: dict[int, int] = field(default_factory=dict)
    censored: dict[int, int] = field(default_factory=dict)  # only where the true counts are read
    silent: list[int] = field(default_factory=list)  # days of rows without a number

    def __post_init__(self) -> None:
        left = censored = 0
        for row in sorted(self.rows, key=lambda row: float(row["day"])):
            day = int(float(row["day"]))
            if row["status"] != "shown":
                self.silent.append(day)
                continue
            left += round(float(row["events"]))
            self.steps[day], self.at_risk[day] = left, round(float(row["n"]))
            if self.exact:
                censored += round(float(row["censored"]))
                self.censored[day] = censored

    def on(self, what: str, day: int) -> Count:
        return (what, self.rule, *self.size, str(day))

    @property
    def last(self) -> int:
        return max(self.steps, default=-1)

    def days(self) -> set[int]:
        """Each day with a row, and the day before it."""
        return {max(day - back, 0) for day in self.steps for back in (0, 1)}

    def left_within(self, day: int, book: Reader) -> Range:
        if self.exact:
            return (_step(self.steps, day),) * 2
        if day > self.last:
            return ANY
        value, rule = _step(self.steps, day), book.rule
        if value == 0 and rule.hidden and day not in self.steps:  # a hidden number of exits shows no row
            last_zero = max((at for at in self.steps if at <= day), default=-1)
            within = (int(any(last_zero < silent <= day for silent in self.silent)), rule.hidden)
        else:
            within = rule.behind(value, rule.widths(self._reason)) or ANY
        return self._loose(within, book)

    def censored_within(self, day: int, book: Reader) -> Range:
        """What the number at risk on the next day says, where there is a row."""
        if self.exact:
            return (_step(self.censored, day),) * 2
        if day + 1 not in self.at_risk or self.size not in book.released:
            return ANY
        value = book.released[self.size] - _step(self.steps, day) - self.at_risk[day + 1]
        if book.rule.hidden and value == book.rule.base:
            return self._loose((1, book.rule.hidden), book)
        return self._loose(book.rule.behind(value, book.rule.widths(self._reason)) or ANY, book)

    @property
    def _reason(self) -> str:
        return next(row["reason"] for row in self.rows if row["status"] == "shown")

    def _loose(self, within: Range, book: Reader) -> Range:
        """In a later release each day's count may have kept an older value."""
        if book.before is None:
            return within
        return max(within[0] - book.rule.kept + 1, 0), within[1] + book.rule.kept - 1


def _step(steps: Mapping[int, int], day: int) -> int:
    return max((value for at, value in steps.items() if at <= day), default=0)


def read_curves(book: Reader, days: Days | None) -> None:
    families: dict[Family, dict[tuple[str, str, str], list[Row]]] = {}
    for row in book.rows:
        if row["unit"] == "probability":
            name = (row["definition"].partition("|")[0], row["group"], row["level"])
            families.setdefault(members(row), {}).setdefault(name, []).append(row)
    for family, found in families.items():
        curves = {}
        for (rule, group, level), rows in found.items():
            size = part(rows[0]) if group else everybody(rows[0])
            curves[rule, group, level] = Curve(rule, size, rows, "censored" in rows[0])
        curves |= _without_rows(book, family, curves)
        looked_at = sorted(days[family]) if days else _days_of(list(curves.values()), book, family)
        book.days[family] = looked_at
        for curve in curves.values():
            _add_days(book, curve, looked_at)
        _add_groups(book, curves, looked_at, family)
        _add_net(book, curves, looked_at, family)
        _add_dropout(book, curves, looked_at, family)
        _add_fixed(book, curves, looked_at, family)


def _without_rows(
    book: Reader, family: Family, curves: Mapping[tuple[str, str, str], Curve]
) -> dict[tuple[str, str, str], Curve]:
    """Curves of levels that stand in a table but show no row: nobody is seen to leave, and nobody at risk."""
    found = {}
    for rule, group in sorted({name[:2] for name in curves if name[1]}):
        exact = next(curve.exact for curve in curves.values())
        for size in [each for each in book.system.bounds if each[:-1] == ("part", *family, group)]:
            if size[-1] != "missing" and (rule, group, size[-1]) not in curves:
                found[rule, group, size[-1]] = Curve(rule, size, [], exact)
    return found


def _days_of(curves: list[Curve], book: Reader, family: Family) -> list[int]:
    found = set().union(*(curve.days() for curve in curves))
    horizons = [int(float(row["day"])) for row in book.output("retention_fixed") if members(row)[1] == family[1]]
    wanted = {book.settings.first_risk_day - 1, *horizons, *(day - 1 for day in horizons)}
    last = max((curve.last for curve in curves), default=-1)
    return sorted(day for day in found | wanted if 0 <= day <= last)


def _add_days(book: Reader, curve: Curve, days: list[int]) -> None:
    for day in days:
        left = book.system.bound(curve.on("left", day), curve.left_within(day, book))
        lost = book.system.bound(curve.on("censored", day), curve.censored_within(day, book))
        book.system.at_most([left, lost], [curve.size])
    for what in ("left", "censored"):
        for before, day in pairwise(days):
            name = (f"{what} after {before}", *curve.on(what, day))
            book.system.derive(name, [curve.on(what, day)], [curve.on(what, before)])


def _add_groups(book: Reader, curves: Mapping[tuple[str, str, str], Curve], days: list[int], family: Family) -> None:
    """The curves of a group's levels, and of clients whose level is not known, make up the whole curve."""
    for group in sorted({name[1] for name in curves} - {""}):
        whole, parts = curves.get(("ret_km", "", "")), [curve for name, curve in curves.items() if name[1] == group]
        if whole is None:
            continue
        missing = ("part", *family, group, "missing")
        for what in ("left", "censored"):
            for day in days:
                rest = (f"{what}, {group} not known", *family, str(day))
                book.system.derive(rest, [whole.on(what, day)], [curve.on(what, day) for curve in parts])
                if missing in book.system.bounds:
                    book.system.at_most([rest], [missing])


def _reasons(family: Family, *names: str) -> list[Count]:
    return [("part", *family, "exit_reason", name) for name in names]


def _add_net(book: Reader, curves: Mapping[tuple[str, str, str], Curve], days: list[int], family: Family) -> None:
    """Deaths and prison are the difference of the two curves; their follow-up ends on the same days."""
    whole, net = curves.get(("ret_km", "", "")), curves.get(("ret_km_net", "", ""))
    known = _reasons(family, "death")[0] in book.system.bounds
    for day in days if whole else ():
        if known:
            every = _reasons(family, "dropout", "administrative", "completed_taper", "death", "prison")
            stays = _reasons(family, "in_treatment", "transfer_out")
            complete = day == book.settings.follow_up_days
            for counts, ends in ((whole.on("left", day), every), (whole.on("censored", day), stays)):
                (book.system.equal if complete else book.system.at_most)([counts], ends)
        if net:
            died = (f"died or in prison by {day}", *family)
            book.system.derive(died, [whole.on("left", day)], [net.on("left", day)])
            book.system.equal([net.on("censored", day)], [whole.on("censored", day), died])
            if known:
                book.system.at_most([died], _reasons(family, "death", "prison"))
                book.system.at_most(
                    [net.on("left", day)], _reasons(family, "dropout", "administrative", "completed_taper")
                )


def _add_dropout(book: Reader, curves: Mapping[tuple[str, str, str], Curve], days: list[int], family: Family) -> None:
    """Who left in another way than by dropping out is in one curve and not in the other, where follow-up then ends."""
    whole, dropout, net = (curves.get((rule, "", "")) for rule in ("ret_km", "ret_dropout", "ret_km_net"))
    known = _reasons(family, "dropout")[0] in book.system.bounds
    for day in days if whole and dropout else ():
        other = (f"left otherwise by {day}", *family)
        book.system.derive(other, [whole.on("left", day)], [dropout.on("left", day)])
        book.system.equal([dropout.on("censored", day)], [whole.on("censored", day), other])
        if known:
            complete = day == book.settings.follow_up_days
            (book.system.equal if complete else book.system.at_most)(
                [dropout.on("left", day)], _reasons(family, "dropout")
            )
            reasons = _reasons(family, "administrative", "completed_taper", "death", "prison")
            book.system.at_most([other], reasons)
        if net:
            finished = (f"finished by {day}", *family)
            book.system.derive(finished, [net.on("left", day)], [dropout.on("left", day)])
            if known:
                book.system.at_most([finished], _reasons(family, "administrative", "completed_taper"))


def _add_fixed(book: Reader, curves: Mapping[tuple[str, str, str], Curve], days: list[int], family: Family) -> None:
    """Everybody whose time is over by a day has left or is no longer followed."""
    whole = curves.get(("ret_km", "", ""))
    if whole is None:
        return
    gone = {day: [whole.on("left", day), whole.on("censored", day)] for day in days}
    before = ("part", *family, "dose_model", "left_before")
    if before in book.system.bounds and book.settings.first_risk_day - 1 in gone:
        book.system.equal([before], gone[book.settings.first_risk_day - 1])
    for row in book.output("retention_fixed"):
        day, population = int(float(row["day"])), row["population"].partition(" followed")[0]
        if (population, members(row)[1]) != family:
            continue
        retained = ("retained", *members(row), row["day"])
        if day - 1 in gone:
            book.system.at_most([*gone[day - 1], retained], [whole.size])
        if day in gone:
            book.system.at_most([whole.size], [*gone[day], retained])
        back = ("came back", *members(row), row["day"])
        if back in book.system.bounds and day - 1 in gone:
            book.system.at_most([back], gone[day - 1][:1])
        _add_periods(book, row, day, family)


def _add_periods(book: Reader, row: Row, day: int, family: Family) -> None:
    """Who started too late to be followed for so many days started in the last months, quarters or years."""
    cut, late = book.settings.data_cut, ("not followed", *members(row))
    rows = [each for each in book.output("starters_by_quarter", "starters_by_site") if members(each) == family]
    periods = {each["period"] for each in rows if not each["group"]}
    if cut is None or not periods:
        return
    last_in_time = cut - dt.timedelta(days=book.settings.gap_days + day - 1)
    for length in {len(period) for period in periods}:
        after, touched = [], []
        for period in [period for period in periods if len(period) == length]:
            first, end = _first_days(period)
            name = ("quarter", *family, period)
            after += [name] if first > last_in_time else []
            touched += [name] if end > last_in_time + dt.timedelta(days=1) else []
        book.system.at_most(after, [late])
        book.system.at_most([late], touched)


def _first_days(period: str) -> tuple[dt.date, dt.date]:
    """The first day of a period, and of the one after it."""
    year = int(period[:4])
    if len(period) == 4:
        return dt.date(year, 1, 1), dt.date(year + 1, 1, 1)
    if len(period) == 6:
        quarter = int(period[-1])
        return dt.date(year, 3 * quarter - 2, 1), dt.date(year + quarter // 4, 3 * quarter % 12 + 1, 1)
    month = int(period[5:])
    return dt.date(year, month, 1), dt.date(year + month // 12, month % 12 + 1, 1)
