"""Text cells -> typed columns, in SQL, and the faults of cells that cannot be read.

A typed table `typed_<table>` has `row` (from 0), one column for each column of the schema that the study
has, under its own name (days since 1970-01-01 for dates, NULL where a cell is missing), and for each of them
that can be unreadable a flag `bad_<column>`.
"""

from __future__ import annotations

import re

import duckdb

from oatmill.errors import Fault, StudyInvalid
from oatmill.intake import sql
from oatmill.intake.columns import Layout
from oatmill.intake.files import FIRST_LINES, first_lines, lines_of
from oatmill.schema import Column
from oatmill.text import _, integer, ngettext

BLANKS = " \t\r\n\u00a0\ufeff"  # what stands around a cell without meaning anything; spreadsheets add U+00A0
_NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_DAY_RANGE = ("1900-01-01", "2100-12-31")

# Numbers that nothing real can be. What is only implausible has its bounds in the schema and is reported.
_IMPOSSIBLE: dict[tuple[str, str], tuple[float, float]] = {
    ("doses", "dose_mg"): (-1e5, 1e5),
    ("doses", "take_home_days"): (0, 366),
}
_INTEGERS = (-2147483648, 2147483647)


def build_typed(con: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Make `typed_<table>` from the table's text."""
    check_date_format(con, layout)
    texts, columns = [], []
    for column in layout.columns:
        texts.append(f"{cell_sql(layout, column.name)} AS {sql.name(column.name)}")
        cell = f"t.{sql.name(column.name)}"
        read = _read_sql(layout, column, cell)
        columns.append(f"{read} AS {sql.name(column.name)}")
        if can_be_bad(column):
            columns.append(f"({cell} IS NOT NULL AND ({read}) IS NULL) AS {_bad(column)}")
    con.execute(
        f"CREATE TABLE {typed(layout)} AS SELECT row, {', '.join(columns)} "
        f"FROM (SELECT rowid AS row, {', '.join(texts)} FROM {layout.file.raw}) t"
    )


def typed(layout: Layout) -> str:
    return f"typed_{layout.table.name}"


def check_cells(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Fault]:
    """One fault for each column with unreadable cells."""
    columns = [column for column in layout.columns if can_be_bad(column)]
    if not columns:
        return []
    counts = ", ".join(f"count(*) FILTER ({_bad(column)})" for column in columns)
    found = con.execute(f"SELECT {counts} FROM {typed(layout)}").fetchone() or ()
    return [_fault(con, layout, column, count) for column, count in zip(columns, found, strict=True) if count]


def cell_sql(layout: Layout, column: str) -> str:
    """The cell's text in the schema's own values: trimmed, codes applied, missing as NULL."""
    source = layout.file.source
    if column in layout.constants:
        cell = sql.value(layout.constants[column].strip(BLANKS))
    else:
        cell = f"trim(c{layout.positions[column]}, {sql.value(BLANKS)})"
    missing = sql.values(dict.fromkeys(("", *source.missing)))
    plain = f"CASE WHEN {cell} IN ({missing}) THEN NULL ELSE {cell} END"
    codes = source.codes.get(column, {})
    if not codes:
        return plain
    cases = " ".join(f"WHEN {sql.value(code)} THEN {sql.value(value)}" for code, value in codes.items())
    return f"CASE coalesce({cell}, '') {cases} ELSE {plain} END"


def can_be_bad(column: Column) -> bool:
    return column.kind in ("date", "number", "integer", "flag") or bool(column.allowed)


def check_date_format(con: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Refuse a `date_format` that is no strptime format."""
    form = layout.file.source.date_format
    try:
        con.execute(f"SELECT try_strptime('2016-01-31', {sql.value(form)})").fetchone()
        if "%" in form:
            return
    except duckdb.Error:
        pass
    fault = Fault(
        _("the value of `{key}` is not allowed", key=f"sources.{layout.table.name}.date_format"),
        expected=_("codes for year, month and day, such as %d.%m.%Y for 31.12.2016"),
    )
    raise StudyInvalid(_("The study file cannot be used as it is."), [fault])


def _read_sql(layout: Layout, column: Column, cell: str) -> str:
    """The typed value of a cell; NULL where it cannot be read."""
    if column.kind == "date":
        day = f"CAST(try_strptime({cell}, {sql.value(layout.file.source.date_format)}) AS DATE)"
        low, high = _DAY_RANGE
        return f"CASE WHEN {day} BETWEEN DATE '{low}' AND DATE '{high}' THEN CAST({day} - DATE '1970-01-01' AS INTEGER) END"
    if column.kind in ("number", "integer"):
        return _number_sql(layout, column, cell)
    if column.kind == "flag":
        return f"CASE WHEN lower({cell}) IN ({sql.values(_YES)}) THEN true WHEN lower({cell}) IN ({sql.values(_NO)}) THEN false END"
    if column.allowed:
        return f"CASE WHEN lower({cell}) IN ({sql.values(column.allowed)}) THEN lower({cell}) END"
    return cell


def _number_sql(layout: Layout, column: Column, cell: str) -> str:
    number = f"TRY_CAST({cell} AS DOUBLE)"
    tests = [f"regexp_full_match({cell}, '{_NUMBER}')", f"isfinite({number})"]
    bounds = _IMPOSSIBLE.get((layout.table.name, column.name), _INTEGERS if column.kind == "integer" else None)
    if bounds:
        tests.append(f"{number} BETWEEN {bounds[0]} AND {bounds[1]}")
    if column.kind == "integer":
        tests.append(f"{number} = floor({number})")
        number = f"CAST({number} AS INTEGER)"
    return f"CASE WHEN {' AND '.join(tests)} THEN {number} END"


def _bad(column: Column) -> str:
    return sql.name(f"bad_{column.name}")


def _fault(con: duckdb.DuckDBPyConnection, layout: Layout, column: Column, count: int) -> Fault:
    rows = con.execute(
        f"SELECT row FROM {typed(layout)} WHERE {_bad(column)} ORDER BY row LIMIT {FIRST_LINES + 1}"
    ).fetchall()
    lines = lines_of(con, layout.file, [row for (row,) in rows])
    cells = [
        text
        for (text,) in con.execute(
            f"SELECT DISTINCT {cell_sql(layout, column.name)} FROM {layout.file.raw} r "
            f"JOIN {typed(layout)} t ON r.rowid = t.row WHERE t.{_bad(column)} LIMIT 10000"
        ).fetchall()
    ]
    name = layout.file.source.columns.get(column.name, column.name)
    found = _codes_found(len(cells)) if column.allowed else describe(min(cells), column.kind)
    return Fault(
        ngettext(
            "{n} cell cannot be read (line {lines})",
            "{n} cells cannot be read (lines {lines})",
            count,
            lines=first_lines(lines),
        ),
        file=layout.file.name,
        row=lines[0],
        column=name,
        found=found,
        expected=_expected(layout, column),
        cure=_cure(layout, column),
    )


def describe(cell: str, kind: str) -> str:
    """What a cell looks like, without repeating it.

    >>> describe("31.12.2016", "date")
    'a date in another form: digits as in 99.99.9999'
    >>> describe("sixteen", "number")
    'text of 7 characters'
    """
    if re.fullmatch(_NUMBER, cell):
        return _("a whole number") if re.fullmatch("[+-]?[0-9]+", cell) else _("a number that is not whole")
    if re.fullmatch("[+-]?[0-9]+,[0-9]+", cell):
        return _("a number with a comma")
    if kind == "date" and re.fullmatch(r"[0-9]{1,4}([-./ ][0-9]{1,4}){2}([ T][0-9:.]+)?", cell):
        return _("a date in another form: digits as in {shape}", shape=re.sub("[0-9]", "9", cell))
    return ngettext("text of {n} character", "text of {n} characters", len(cell))


def _codes_found(n: int) -> str:
    return ngettext("{n} code that is not in the list", "{n} different codes that are not in the list", n)


def _expected(layout: Layout, column: Column) -> str:
    if column.kind == "date":
        low, high = _DAY_RANGE
        form = layout.file.source.date_format
        return _("a date written as {form}, from {low} to {high}", form=form, low=low, high=high)
    if column.kind == "flag":
        return _("yes or no")
    if column.allowed:
        return _("one of: {values}", values=", ".join(column.allowed))
    bounds = _IMPOSSIBLE.get((layout.table.name, column.name))
    if column.kind == "integer":
        if bounds:
            return _("a whole number from {low} to {high}", low=integer(bounds[0]), high=integer(bounds[1]))
        return _("a whole number")
    if bounds:
        return _("a number not above {high}, with a decimal point", high=integer(bounds[1]))
    return _("a number, with a decimal point")


def _cure(layout: Layout, column: Column) -> str:
    table = layout.table.name
    if column.kind == "date":
        return _(
            'If the file writes dates otherwise, say so under `sources: {table}:`, for example `date_format: "%d.%m.%Y"`.',
            table=table,
        )
    if column.allowed or column.kind == "flag":
        return _(
            'Translate the file\'s own codes under `sources: {table}: codes: {column}:`, one line each: `"code in the file": {value}`.',
            table=table,
            column=column.name,
            value=column.allowed[0] if column.allowed else "yes",
        )
    return _(
        "Mend these cells, or list what stands for a missing value under `sources: {table}: missing:`.", table=table
    )
