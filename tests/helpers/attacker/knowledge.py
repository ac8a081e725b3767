"""The rows of results.csv -> a system of counts: which cells are one quantity, and what adds up.

Everything here stands in the methods page, the glossary, a table's heading or a figure's caption.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from helpers.attacker.means import clients_behind_ages
from helpers.attacker.rounding import ANY, Range, Rule
from helpers.attacker.system import Count, System

Row = Mapping[str, str]
DOSED: Count = ("n", "clients with a dose", "")
TABLE: Count = ("n", "clients in the clients table", "")
AT_RISK: Count = ("clients at risk",)
EVENTS: Count = ("exits at risk",)


@dataclass(frozen=True)
class Settings:
    """What the methods page says of how a study was assessed."""

    gap_days: int = 30
    first_risk_day: int = 29
    data_cut: dt.date | None = None
    follow_up_days: int | None = None


@dataclass
class Reader:
    """Reads one book. `before`: what the last release showed; a value that stands there may have been kept."""

    rows: Sequence[Row]
    rule: Rule
    settings: Settings
    before: Reader | None = None
    system: System = field(default_factory=System)
    released: dict[Count, int] = field(default_factory=dict)
    seen: dict[Count, Range] = field(default_factory=dict)
    kept: set[Count] = field(default_factory=set)
    hidden: set[Count] = field(default_factory=set)
    days: dict = field(default_factory=dict)

    def output(self, *names: str) -> list[Row]:
        return [row for row in self.rows if row["output"] in names]

    def see(self, row: Row, column: str, count: Count) -> Count:
        """Note what a cell says of a count."""
        text, shown = row[column], row["status"] == "shown"
        if shown and text:
            return self.system.bound(count, self._shown(row, column, count, round(float(text))))
        if shown and self.rule.hidden:
            return self.system.bound(count, self._hidden(count, 1))
        if "behind it" in row["reason"] and column == "n":
            return self.system.bound(count, (1, self.rule.small_group - 1))
        if "count too small" in row["reason"] and column == ("events" if row["unit"] == "proportion" else "estimate"):
            return self.system.bound(count, self._hidden(count, 0 if column == "events" else 1))
        return self.system.bound(count)

    def _hidden(self, count: Count, least: int) -> Range:
        """A hidden count is a small one, or has not moved far since it was."""
        self.hidden.add(count)
        if self.before and count in self.before.hidden:
            return 0, self.rule.hidden + self.rule.kept - 1
        return least, self.rule.hidden

    def _shown(self, row: Row, column: str, count: Count, value: int) -> Range:
        earlier = self.before
        while earlier and earlier.released.get(count) != value:
            earlier = earlier.before  # a count that comes back gets the value that it had there
        if earlier:
            low, high = earlier.seen[count]
            self.kept.add(count)
            self.released[count], self.seen[count] = value, (low, high)
            least = min(self.system.bounds.get(count, ANY)[0], 0)  # differences may lie below zero
            return max(low - self.rule.kept + 1, least), high + self.rule.kept - 1
        within = self.rule.behind(value, self.rule.widths(row["reason"]))
        if column == "events" and row["n"] == row["events"] and row["unit"] == "proportion":
            # A part in a wider class than its whole is cut to it, so what stands here may not be its released value.
            return (within[0] if within else 0, ANY[1])
        if within is None:
            raise ValueError(f"{row['output']}: no count is shown as {value}")
        self.released[count], self.seen[count] = value, within
        return within


def members(row: Row) -> tuple[str, str]:
    """Who is counted: the population, and the rule by which its episodes end."""
    return row["population"], row["definition"].partition("|")[2]


def everybody(row: Row) -> Count:
    return ("n", *members(row))


def part(row: Row, group: str = "", level: str = "") -> Count:
    return ("part", *members(row), group or row["group"], level or row["level"])


def blank(column: str, table: str = "") -> Count:
    return ("missing", table, column)


def read_book(
    rows: Sequence[Row], rule: Rule, settings: Settings, days: Mapping | None = None, before: Reader | None = None
) -> Reader:
    """All counts of a book. `days`: at which days curves are looked at, to read two books alike."""
    from helpers.attacker.curves import read_curves
    from helpers.attacker.definitions import read_definitions
    from helpers.attacker.groups import read_groups
    from helpers.attacker.registry import read_programme, read_registry

    reader = Reader(rows, rule, settings, before)
    for read in (
        _quality,
        _cohort,
        _characteristics,
        read_groups,
        _exits,
        read_definitions,
        _dose,
        read_registry,
        read_programme,
    ):
        read(reader)
    read_curves(reader, days)
    return reader


def _quality(book: Reader) -> None:
    tables: dict[str, dict[str, Count]] = {}
    for row in book.output("ledger"):
        if row["term"]:  # one of several files
            continue
        kept = row["level"] == "clients" and row["estimand"] == "rows_kept"
        count = TABLE if kept else (row["estimand"], row["level"])
        tables.setdefault(row["level"], {})[row["estimand"]] = book.see(row, "estimate", count)
    checks = {(row["group"], row["level"]): row for row in book.output("checks")}
    for table, rows in tables.items():
        book.system.equal([rows["rows_read"]], [rows["rows_kept"], rows["rows_quarantined"]])
        reasons = [key for key, row in checks.items() if row["model"] == "quarantine" and key[0] == table]
        if reasons:  # a row is set aside for the first reason that applies
            book.system.equal([rows["rows_quarantined"]], [("check", *key) for key in reasons])
    for key, row in checks.items():
        book.see(row, "estimate", ("check", *key))
    for row in book.output("missing_values"):
        table = row["population"].removeprefix("rows of ")
        listed = table == row["population"]
        _share(book, row, TABLE if listed else ("rows_kept", table), blank(row["level"], "" if listed else table))
    if {("clients", "not_in_doses"), ("doses", "not_in_clients")} <= set(checks) and TABLE in book.system.bounds:
        not_dosed, not_listed = ("check", "clients", "not_in_doses"), ("check", "doses", "not_in_clients")
        book.system.at_most([DOSED, not_dosed], [TABLE, not_listed])


def _share(book: Reader, row: Row, whole: Count, count: Count) -> None:
    """A part of a whole, and the rest, which nobody printed."""
    book.see(row, "n", whole)
    book.see(row, "events", count)
    book.system.derive(("not", *count), [whole], [count])


def _cohort(book: Reader) -> None:
    steps = sorted(book.output("attrition"), key=lambda row: row["period"])
    for row in steps:
        book.see(row, "estimate", ("step", row["period"]))
        book.see(row, "events", ("left out", row["period"]))
    for above, row in pairwise(steps):
        book.system.equal([("step", above["period"])], [("step", row["period"]), ("left out", row["period"])])
    for row in steps[:1] + steps[-1:]:
        book.system.equal([("step", row["period"])], [everybody(row)])
    _parts(book, "starters_by_quarter", lambda row: ("quarter", *members(row), row["period"]))
    _parts(book, "episodes_per_client", lambda row: ("episodes", row["level"]))


def _parts(book: Reader, output: str, name: Callable[[Row], Count]) -> None:
    """Counts that make up their population."""
    rows = book.output(output)
    for row in rows:
        book.see(row, "n", everybody(row))
        book.see(row, "estimate", name(row))
    if rows:
        book.system.equal([everybody(rows[0])], [name(row) for row in rows])


def _characteristics(book: Reader) -> None:
    groups: dict[str, list[Row]] = {}
    for row in book.output("characteristics"):
        groups.setdefault(row["group"], []).append(row)
    for rows in groups.values():
        for row in rows:
            _share(book, row, everybody(row), part(row))
        if not any(row["level"] == "missing" for row in rows):
            book.system.bound(part(rows[0], level="missing"), (0, 0))
        book.system.equal([everybody(rows[0])], {part(row) for row in rows} | {part(rows[0], level="missing")})
    for row in book.output("mean_age"):
        known, population = everybody(row), row["population"].removesuffix(" whose age is known")
        book.see(row, "n", known)
        if "age" in groups:
            book.system.equal([("n", population, known[2])], [known, part(groups["age"][0], level="missing")])
        if row["estimand"] == "mean_age" and row["status"] == "shown" and book.rule.base > 1:
            book.system.bound(known, clients_behind_ages(row["estimate"], *book.system.bounds[known]))


def _exits(book: Reader) -> None:
    _parts(book, "exit_reasons", part)
    for row in book.output("retention_fixed", "completed_window"):
        retained = ("retained", *members(row), row["day"])
        _share(book, row, everybody(row), retained)
    followed = sorted(book.output("retention_fixed"), key=lambda row: float(row["day"]))
    for row in followed:
        everyone = ("n", row["population"].partition(" followed")[0], members(row)[1])
        book.system.derive(("not followed", *members(row)), [everyone], [everybody(row)])
    for sooner, later in pairwise(followed):
        book.system.derive(("followed between", *members(later)), [everybody(sooner)], [everybody(later)])
        names = [("retained", *members(row), row["day"]) for row in (sooner, later)]
        book.system.derive(("lost between", *members(later)), names[:1], names[1:])


def _dose(book: Reader) -> None:
    for row in book.output("dose_clients"):
        book.see(row, "n", everybody(row))
        book.see(row, "estimate", AT_RISK if row["level"] == "in_model" else part(row))
    for row in book.output("dose_left_before"):
        _share(book, row, everybody(row), part(row))
    if rows := book.output("dose_clients"):
        left, at_risk, out = (part(rows[0], level=name) for name in ("left_before", "at_risk", "left_out"))
        book.system.equal([everybody(rows[0])], [left, at_risk])
        book.system.equal([at_risk], [AT_RISK, out])
    bands = [row for row in book.output("dose_bands") if row["level"]]
    for row in book.output("dose_bands", "dose_person_time"):
        if not row["level"] and not row["term"]:
            book.see(row, "n", AT_RISK)
            book.see(row, "events", EVENTS)
            continue
        count = book.see(row, "n", ("clients in band", row["output"], row["level"], row["term"]))
        book.system.at_most([count], [AT_RISK])
    for row in bands:
        events = book.see(row, "events", ("exits in band", row["level"]))
        book.system.at_most([events], [("clients in band", row["output"], row["level"], row["term"])])
    if bands:
        book.system.equal([EVENTS], [("exits in band", row["level"]) for row in bands])
    for row in book.output("dose_carried"):
        book.see(row, "n", AT_RISK)
    _regressions(book)


def _regressions(book: Reader) -> None:
    for row in book.rows:
        if row["estimand"] == "hazard_ratio" and row["status"] == "shown":
            naive = row["population"].removeprefix("clients in the model, naive: ")
            lagged = naive == row["population"]
            book.see(row, "n", AT_RISK if lagged else ("clients", naive))
            book.see(row, "events", EVENTS if lagged else ("exits", naive))
