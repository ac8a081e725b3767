"""The data dictionary: the schema's tables and columns, and what the chapters' own declarations say of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from oatmill.book import markup
from oatmill.intake.columns import ONE_OF
from oatmill.run import Chapter
from oatmill.schema import TABLES, Column, Table
from oatmill.study import Study
from oatmill.text import _


def dictionary_page(study: Study, chapters: Sequence[Chapter]) -> str:
    """Every table and column that Oatmill knows; for each the chapters that require it, and those that use it."""
    lead = [
        _("Tables and columns that Oatmill reads. A study supplies those it has; the file names are its own."),
        _("REQUIRED: the chapter cannot run without the column (*the table*: its rows cannot be read without it)."),
        _(
            "OPTIONAL: the chapter runs without it and loses what is named. Both are declared by the chapters themselves."
        ),
        _("A column that no chapter names is read and checked."),
    ]
    parts = [f"# {_('Data dictionary')}\n", " ".join(lead) + "\n"]
    for table in TABLES.values():
        parts += [f"## {table.name}\n", " ".join(_about(table, study, chapters)) + "\n"]
        header = [_("Column"), _("Holds"), _("Kind"), _("Values"), _("REQUIRED by"), _("OPTIONAL for")]
        parts.append(markup.table(header, [_column(table, column, chapters) for column in table.columns]))
    return "\n".join(parts)


def _about(table: Table, study: Study, chapters: Sequence[Chapter]) -> Iterator[str]:
    """The table as a whole."""
    yield _(table.grain)[:1].upper() + _(table.grain)[1:] + "."
    yield _("This study has this table.") if table.name in study.sources else _("This study has no such table.")
    if sets := ONE_OF.get(table.name):
        words = [" + ".join(map(markup.code, names)) for names in sets]
        yield _("The table needs one of these: {columns}.", columns="; ".join(words))
    if whole := list(required_by(table.name, "", chapters)):
        yield _("REQUIRED by: {chapters}.", chapters=", ".join(whole))
    if lost := list(optional_for(table.name, chapters)):
        yield _("OPTIONAL for: {chapters}.", chapters="; ".join(lost))


def _column(table: Table, column: Column, chapters: Sequence[Chapter]) -> list[str]:
    kinds = {
        "id": _("identifier"), "date": _("date"), "number": _("number"), "integer": _("whole number"),
        "category": _("category"), "flag": _("yes or no"), "text": _("text"),
    }  # fmt: skip
    needed = [f"*{_('the table')}*"] if column.required else []
    unit = f", {_(column.unit)}" if column.unit else ""
    return [
        markup.code(column.name),
        _(column.description),
        kinds[column.kind] + unit,
        ", ".join(markup.code(value) for value in column.allowed) or _bounds(column),
        "<br>".join([*needed, *required_by(table.name, column.name, chapters)]),
        "<br>".join(optional_for(f"{table.name}.{column.name}", chapters)),
    ]


def required_by(table: str, column: str, chapters: Iterable[Chapter]) -> Iterator[str]:
    """The chapters that cannot run without a column (blank: without the table, whatever its columns).

    Where a chapter declares several sets of columns, any one of which will do, the others are named.
    """
    for chapter in chapters:
        for choice in chapter.requires:
            if table in choice and (column in choice[table] if column else not choice[table]):
                others = [name for other in chapter.requires if other != choice for name in other if name not in choice]
                yield _either(chapter, others)


def _either(chapter: Chapter, others: Sequence[str]) -> str:
    title = markup.plain(chapter.title)
    if not others:
        return title
    tables = _(" or ").join(map(markup.code, dict.fromkeys(others)))
    return _("{chapter} (unless the study has {tables})", chapter=title, tables=tables)


def optional_for(place: str, chapters: Iterable[Chapter]) -> Iterator[str]:
    """The chapters that run without a table or a `table.column`, and what each loses."""
    for chapter in chapters:
        for places, loss in chapter.optional.items():
            names = places.split(" or ")
            if place in names:
                yield _loss(chapter, [name for name in names if name != place], loss)


def _loss(chapter: Chapter, others: Sequence[str], loss: str) -> str:
    title, lost = markup.plain(chapter.title), markup.plain(_(loss))
    if not others:
        return _("{chapter}: {loss}", chapter=title, loss=lost)
    tables = _(" or ").join(map(markup.code, others))
    return _("{chapter} (or {tables}): {loss}", chapter=title, tables=tables, loss=lost)


def _bounds(column: Column) -> str:
    low, high = column.low, column.high
    if low is not None and high is not None:
        return _("{low} to {high}", low=f"{low:g}", high=f"{high:g}")
    return _("{low} or more", low=f"{low:g}") if low is not None else ""
