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
from oatmill.intake.files import FIRST_LINES, first_lines
from oatmill.intake.parts import Span
from oatmill.schema import Column
from oatmill.study import Definitions
from oatmill.text import _, integer, ngettext

BLANKS = " \t\r\n\u00a0\u202f\ufeff"  # what stands around a cell without meaning anything; spreadsheets add U+00A0
_NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
_ISO = "%Y-%m-%d"
_THOUSANDS = {" ": "[ \u00a0\u202f]"}  # a typist's space, and those that spreadsheets put
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
            columns.append(f"({cell} IS NOT NULL AND ({read}) IS NULL) AS {bad(column)}")
    con.execute(
        f"CREATE TABLE {typed(layout)} AS SELECT row, {', '.join(columns)} "
        f"FROM (SELECT rowid AS row, {', '.join(texts)} FROM {layout.file.raw}) t"
    )


def typed(layout: Layout) -> str:
    return f"typed_{layout.table.name}"


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


def daily_dose(layout: Layout, definitions: Definitions) -> str:
    """One day's dose in mg, in SQL: what the row records, or its share of the whole supply."""
    if not (definitions.dose_is_total and layout.has("take_home_days")):
        return "dose_mg"
    return "(dose_mg / (coalesce(take_home_days, 0) + 1))"


def can_be_bad(column: Column) -> bool:
    return column.kind in ("date", "number", "integer", "flag") or bool(column.allowed)


def check_date_format(con: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Refuse a `date_format` that is no strptime format."""
    source, table = layout.file.source, layout.table.name
    forms = {"date_format": source.date_format}
    forms |= {f"date_formats.{column}": form for column, form in source.date_formats.items()}
    faults = [
        Fault(
            _("the value of `{key}` is not allowed", key=f"sources.{table}.{key}"),
            expected=_("codes for year, month and day, such as %d.%m.%Y for 31.12.2016"),
        )
        for key, form in forms.items()
        if not _is_date_format(con, form)
    ]
    if faults:
        raise StudyInvalid(_("The study file cannot be used as it is."), faults)


def _is_date_format(con: duckdb.DuckDBPyConnection, form: str) -> bool:
    try:
        con.execute(f"SELECT try_strptime('2016-01-31', {sql.value(form)})").fetchone()
    except duckdb.Error:
        return False
    return "%" in form


def _read_sql(layout: Layout, column: Column, cell: str) -> str:
    """The typed value of a cell; NULL where it cannot be read."""
    if column.kind == "date":
        return _date_sql(layout, column, cell)
    if column.kind in ("number", "integer"):
        return _number_sql(layout, column, cell)
    if column.kind == "flag":
        return f"CASE WHEN lower({cell}) IN ({sql.values(_YES)}) THEN true WHEN lower({cell}) IN ({sql.values(_NO)}) THEN false END"
    if column.allowed:
        return f"CASE WHEN lower({cell}) IN ({sql.values(column.allowed)}) THEN lower({cell}) END"
    return cell


def _date_sql(layout: Layout, column: Column, cell: str) -> str:
    """Days since 1970-01-01. A file with dates of its own hands them on as YYYY-MM-DD, beside dates typed as text."""
    forms = [layout.file.source.format_of(column.name)]
    if layout.file.native:
        forms += [form for form in (_ISO, f"{_ISO} %H:%M:%S") if form not in forms]
    day = f"CAST(try_strptime({cell}, [{sql.values(forms)}]) AS DATE)"
    low, high = _DAY_RANGE
    return f"CASE WHEN {day} BETWEEN DATE '{low}' AND DATE '{high}' THEN CAST({day} - DATE '1970-01-01' AS INTEGER) END"


def _plain_sql(layout: Layout, cell: str) -> str:
    """The cell as a number is written in code: no thousands, a decimal point; NULL where it is no number."""
    source = layout.file.source
    point = f"CASE WHEN regexp_full_match({cell}, '{_NUMBER}') THEN {cell} END"
    if (source.decimal, source.thousands) == (".", ""):
        return point
    mark, parted = re.escape(source.decimal), _THOUSANDS.get(source.thousands, re.escape(source.thousands))
    whole = f"([0-9]+|[0-9]{{1,3}}({parted}[0-9]{{3}})+)" if parted else "[0-9]+"
    form = sql.value(f"[+-]?({whole}({mark}[0-9]*)?|{mark}[0-9]+)")
    digits = f"regexp_replace({cell}, {sql.value(parted)}, '', 'g')" if parted else cell
    own = f"CASE WHEN regexp_full_match({cell}, {form}) THEN replace({digits}, {sql.value(source.decimal)}, '.') END"
    return f"coalesce({point}, {own})" if layout.file.native else own


def _number_sql(layout: Layout, column: Column, cell: str) -> str:
    source, plain = layout.file.source, _plain_sql(layout, cell)
    number = f"TRY_CAST({plain} AS DOUBLE)"
    if column.name == "dose_mg" and source.dose_unit == "ml":
        number = f"({number} * {source.mg_per_ml})"
    tests = [f"{plain} IS NOT NULL", f"isfinite({number})"]
    bounds = _IMPOSSIBLE.get((layout.table.name, column.name), _INTEGERS if column.kind == "integer" else None)
    if bounds:
        tests.append(f"{number} BETWEEN {bounds[0]} AND {bounds[1]}")
    if column.kind == "integer":
        tests.append(f"{number} = floor({number})")
        number = f"CAST({number} AS INTEGER)"
    return f"CASE WHEN {' AND '.join(tests)} THEN {number} END"


def bad(column: Column) -> str:
    """The flag of a cell that is there and cannot be read."""
    return sql.name(f"bad_{column.name}")


def unreadable(con: duckdb.DuckDBPyConnection, layout: Layout, span: Span, column: Column, count: int) -> Fault:
    """The fault of a column with `count` unreadable cells in one file."""
    rows = con.execute(
        f"SELECT row FROM {typed(layout)} WHERE {bad(column)} AND {span.where} ORDER BY row LIMIT {FIRST_LINES + 1}"
    ).fetchall()
    lines = span.lines(con, [row for (row,) in rows])
    cells = [
        text
        for (text,) in con.execute(
            f"SELECT DISTINCT {cell_sql(layout, column.name)} FROM {layout.file.raw} r "
            f"JOIN {typed(layout)} t ON r.rowid = t.row WHERE t.{bad(column)} AND {span.where} LIMIT 10000"
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
        file=span.file.name,
        row=lines[0],
        column=name,
        found=found,
        expected=expected(layout, column),
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


def expected(layout: Layout, column: Column) -> str:
    if column.kind == "date":
        low, high = _DAY_RANGE
        form = layout.file.source.format_of(column.name)
        return _("a date written as {form}, from {low} to {high}", form=form, low=low, high=high)
    if column.kind == "flag":
        return _("yes or no")
    if column.allowed:
        return _("one of: {values}", values=", ".join(column.allowed))
    bounds = _IMPOSSIBLE.get((layout.table.name, column.name))
    if column.kind != "integer" and layout.file.source.decimal == ",":
        return _("a number, with a decimal comma")
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
