"""Every check of a single row, declared once: its id, its words, when it is met, and what follows.

Severity `stop`: the intake stops and says which rows. `quarantine`: the row is set aside, with the reason. `warn`: it
is counted, nothing is changed (a cell that cannot be read is then taken as missing). A study file may choose another
severity under `checks:`, among those that the check allows.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from oatmill.errors import Fault, StudyInvalid
from oatmill.intake import sql
from oatmill.intake.cells import bad, can_be_bad, daily_dose, expected
from oatmill.intake.columns import Layout
from oatmill.schema import PLAUSIBLE_DOSE_MG, Column
from oatmill.study import Definitions, Severity, Study
from oatmill.text import _, integer, number

# Cells without which a row says nothing. Others may be missing.
NEEDED: dict[str, tuple[str, ...]] = {
    "clients": ("client_id",),
    "doses": ("client_id", "date"),
    "exits": ("client_id", "date"),
    "tests": ("client_id", "date", "test", "result"),
    "surveys": ("client_id",),
    "episodes": ("client_id",),
    "registry": ("client_id", "enrolled"),
    "registry_counts": ("period",),
    "programme": ("year",),
    "sites": ("site_id",),
}
EVENTS = ("doses", "exits", "tests", "surveys")  # tables whose rows have a date that a data cut can exclude
SPELLS = {"episodes": ("start", "end"), "registry": ("enrolled", "left")}
DUPLICATE = "duplicate"
_ANY: tuple[Severity, ...] = ("stop", "quarantine", "warn")
_OUT: tuple[Severity, ...] = ("stop", "quarantine")  # the definitions do not let such a row stay


@dataclass(frozen=True)
class Rule:
    """A check of one row.

    Attributes
    ----------
    words : what was found, as a reason for a row
    expected : what should stand there
    test : SQL over the typed row `t` (with `death_day` and `birth_day` of its client); NULL is no
    column : the column that it looks at, where it is one
    """

    id: str
    severity: Severity
    words: str
    expected: str
    test: str
    allowed: tuple[Severity, ...] = _ANY
    column: Column | None = None


def row_rules(study: Study, layouts: Mapping[str, Layout], table: str) -> list[Rule]:
    """The checks of the rows of one table, in the order in which a row's reasons are named.

    Raises
    ------
    StudyInvalid
        where the study file gives a check a severity that it cannot have
    """
    layout, definitions = layouts[table], study.definitions
    rules = [
        *_total_lines(layout),
        *_unreadable(layout),
        *_blank(layout),
        *_dated(layout, definitions, has_births(layouts), has_deaths(layouts)),
        *_ends_before_start(layout),
        *_implausible(layout, definitions),
        *_take_home(layout, definitions),
    ]
    return [_as_chosen(rule, table, study) for rule in rules]


def check_chosen(study: Study, known: Mapping[str, list[str]]) -> None:
    """Refuse a name under `checks:` that no check of this study has; `known`: table -> ids whose severity can be chosen."""
    names = [f"{table}.{check}" for table, checks in known.items() for check in checks]
    faults = []
    for name in study.checks:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
            faults.append(Fault(_("unknown name"), found=f"checks: {name}", expected=", ".join(close)))
    if faults:
        raise StudyInvalid(_("The study file cannot be used as it is."), faults)


def has_deaths(layouts: Mapping[str, Layout]) -> bool:
    return "exits" in layouts


def has_births(layouts: Mapping[str, Layout]) -> bool:
    return "clients" in layouts and layouts["clients"].has("birth_date")


def data_cut_of(layout: Layout, definitions: Definitions) -> int | None:
    """The data cut as a day, where it applies to this table."""
    if definitions.data_cut is None or layout.table.name not in EVENTS or not layout.has("date"):
        return None
    return _day(definitions.data_cut)


def _as_chosen(rule: Rule, table: str, study: Study) -> Rule:
    chosen = study.checks.get(f"{table}.{rule.id}", rule.severity)
    if chosen not in rule.allowed:
        fault = Fault(
            _("the value of `{key}` is not allowed", key=f"checks.{table}.{rule.id}"),
            found=f"`{chosen}`",
            expected=_("one of: {values}", values=", ".join(rule.allowed)),
        )
        raise StudyInvalid(_("The study file cannot be used as it is."), [fault])
    return replace(rule, severity=chosen)


def _total_lines(layout: Layout) -> Iterator[Rule]:
    if layout.file.source.total_lines:
        words, right = _("a line of totals"), _("one row for each client or event; totals are not needed")
        test = f"t.row IN (SELECT row FROM total_{layout.table.name})"
        yield Rule("total_line", "quarantine", words, right, test, ("quarantine",))


def _unreadable(layout: Layout) -> Iterator[Rule]:
    for column in layout.columns:
        if can_be_bad(column):
            words = unreadable_words(column)
            # Without the cells that it needs a row says nothing, so such a cell cannot be taken as missing.
            allowed = _OUT if column.name in NEEDED[layout.table.name] else _ANY
            yield Rule(
                f"unreadable_{column.name}", "stop", words, expected(layout, column), bad(column), allowed, column
            )


def unreadable_words(column: Column) -> str:
    words = {
        "date": _("`{column}` cannot be read as a date"),
        "number": _("`{column}` cannot be read as a number"),
        "integer": _("`{column}` cannot be read as a whole number"),
        "flag": _("`{column}` is neither yes nor no"),
    }
    return words.get(column.kind, _("`{column}` is a code that is not in the list")).format(column=column.name)


def _blank(layout: Layout) -> Iterator[Rule]:
    for name in NEEDED[layout.table.name]:
        if layout.has(name):
            words = _("`{column}` is blank", column=name)
            column = layout.table.column(name)
            blank = f"t.{sql.name(name)} IS NULL" + (f" AND NOT {bad(column)}" if can_be_bad(column) else "")
            yield Rule(f"blank_{name}", "quarantine", words, _("a value in every row"), blank, _OUT, column)


def _dated(layout: Layout, definitions: Definitions, births: bool, deaths: bool) -> Iterator[Rule]:
    table = layout.table.name
    day = "date" if table in EVENTS else SPELLS.get(table, ("",))[0]
    if not (day and layout.has(day)):
        return
    column, cell = layout.table.column(day), f"t.{sql.name(day)}"
    if (cut := data_cut_of(layout, definitions)) is not None:
        right = _("a day up to {day}", day=str(definitions.data_cut))
        yield Rule(
            "after_data_cut", "quarantine", _("dated after the data cut"), right, f"{cell} > {cut}", _OUT, column
        )
    if definitions.programme_start:
        start = definitions.programme_start
        words, right = _("dated before the programme's first day"), _("a day from {day} on", day=str(start))
        yield Rule("before_programme", "quarantine", words, right, f"{cell} < {_day(start)}", _ANY, column)
    if births and table != "clients" and layout.has("client_id"):
        words, right = _("dated before the client's birth"), _("a day after the date of birth in `clients`")
        yield Rule("before_birth", "quarantine", words, right, f"{cell} < birth_day", _ANY, column)
    if deaths and table == "doses":
        words, right = _("dated after the client's recorded death"), _("a day up to the date of death in `exits`")
        yield Rule("after_death", "quarantine", words, right, f"{cell} > death_day", _OUT, column)


def _ends_before_start(layout: Layout) -> Iterator[Rule]:
    first, last = SPELLS.get(layout.table.name, ("", ""))
    if first and layout.has(first) and layout.has(last):
        words = _("`{last}` is before `{first}`", first=first, last=last)
        test = f"t.{sql.name(last)} < t.{sql.name(first)}"
        right = _("a last day that is not before the first")
        yield Rule("ends_before_start", "quarantine", words, right, test, _OUT, layout.table.column(last))


def _implausible(layout: Layout, definitions: Definitions) -> Iterator[Rule]:
    for column in layout.columns:
        if (layout.table.name, column.name) == ("doses", "dose_mg"):
            yield _implausible_dose(layout, definitions, column)
        elif column.low is not None or column.high is not None:
            cell, words = f"t.{sql.name(column.name)}", _outside(column)
            tests = [f"{cell} < {column.low}"] if column.low is not None else []
            tests += [f"{cell} > {column.high}"] if column.high is not None else []
            test = " OR ".join(tests)
            yield Rule(f"implausible_{column.name}", "warn", words, _("a plausible value"), test, column=column)


def plausible_doses(definitions: Definitions) -> dict[str, float]:
    """Medication -> the highest daily dose in mg that is plausible: the study's own, else the schema's."""
    return {name: definitions.plausible_dose_mg.get(name, most) for name, most in PLAUSIBLE_DOSE_MG.items()}


def _implausible_dose(layout: Layout, definitions: Definitions, column: Column) -> Rule:
    """Too high for the medication; zero and negative doses have a check of their own."""
    most = plausible_doses(definitions)
    named = f"coalesce(t.medication, {sql.value(definitions.medication)})" if layout.has("medication") else None
    if named:
        cases = " ".join(f"WHEN {sql.value(name)} THEN {high}" for name, high in most.items())
        limit = f"CASE {named} {cases} END"
        told = _("; ").join(f"{name} {number(high, 0)} mg" for name, high in most.items())
    else:
        high = most[definitions.medication]
        limit, told = str(high), f"{number(high, 0)} mg"
    dose = daily_dose(layout, definitions)
    words = _("`dose_mg` is higher than is plausible for the medication ({limits})", limits=told)
    return Rule(
        "implausible_dose_mg", "warn", words, _("a dose that a client can have had"), f"{dose} > {limit}", column=column
    )


def _take_home(layout: Layout, definitions: Definitions) -> Iterator[Rule]:
    most = definitions.take_home_policy_days
    if most is not None and layout.table.name == "doses" and layout.has("take_home_days"):
        words = _("more take-home days than the programme's policy allows ({n})", n=integer(most))
        right = _("at most {n} days to take home", n=integer(most))
        column = layout.table.column("take_home_days")
        yield Rule("take_home_beyond_policy", "warn", words, right, f"t.take_home_days > {most}", column=column)


def _outside(column: Column) -> str:
    unit = f" {column.unit}" if column.unit else ""
    if column.low is None:
        return _("`{column}` is above {high}{unit}", column=column.name, high=number(column.high, 0), unit=unit)
    if column.high is None:
        return _("`{column}` is below {low}{unit}", column=column.name, low=number(column.low, 0), unit=unit)
    return _(
        "`{column}` is below {low} or above {high}{unit}",
        column=column.name,
        low=number(column.low, 0),
        high=number(column.high, 0),
        unit=unit,
    )


def _day(date: dt.date) -> int:
    return date.toordinal() - 719163  # the ordinal of 1970-01-01
