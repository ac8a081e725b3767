"""A match -> the lines of its source in a study file. Each settled line says what it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from oatmill.intake.columns import names_told
from oatmill.intake.sample import SAMPLE_ROWS
from oatmill.proposal.codes import code_lines
from oatmill.proposal.lines import Line, listed, nest, quoted, todo
from oatmill.proposal.matching import Match, chosen
from oatmill.proposal.values import Cells, Reading, date_formats, number, number_marks
from oatmill.proposal.words import EXACT, WEAK, missing_numbers, strength, unit_of
from oatmill.schema import Column
from oatmill.text import _, integer, ngettext

_ISO = "%Y-%m-%d"
_OWN_MARKS = ("decimal", "thousands")  # what is read from the matched columns, whatever the sample says


def source_lines(one: Match, files: Sequence[str]) -> list[Line]:
    """The lines under `sources: <table>:`."""
    sample = one.sample
    lines = [_files(files, _seen(one))] if "url_from" not in sample.settings else []
    lines += [Line(f"{key}: {_value(value)}") for key, value in sample.settings.items() if key not in _OWN_MARKS]
    lines += [Line(todo(doubt), live=False) for doubt in sample.doubts if not _about_marks(one, doubt)]
    lines += [*_dates(one), *_numbers(one), *_dose_unit(one)]
    lines += [*_as_they_are(one), *nest("columns", list(_columns(one)))]
    lines += nest("codes", [line for column in one.table.columns for line in code_lines(one, column)])
    lines += nest("constants", list(_constants(one)))
    lines += [*_missing(one), *_drop(one), *_unused(one)]
    return lines


def _files(files: Sequence[str], seen: str) -> Line:
    if len(files) == 1:
        return Line(f"file: {quoted(files[0])}", seen)
    n = ngettext("{n} file of the same columns", "{n} files of the same columns", len(files))
    return Line(f"file: {listed(files)}", f"{n}; {seen}")


def _about_marks(one: Match, doubt: str) -> bool:
    """Doubts about the marks of numbers are decided by the columns that are used."""
    return "decimal" in doubt and not any(c.kind in ("number", "integer") for c, _cells in used(one))


def used(one: Match) -> Iterator[tuple[Column, Cells]]:
    for name in one.columns:
        yield one.table.column(name), one.seen(name)


def _seen(one: Match) -> str:
    n = len(one.sample.rows)
    if n >= SAMPLE_ROWS:
        return _("looked at: the first {n} rows", n=integer(n))
    return ngettext("looked at: all of it, {n} row", "looked at: all of it, {n} rows", n)


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return listed(map(str, value))
    return quoted(value) if isinstance(value, str) else str(value)


# Dates


def _dates(one: Match) -> Iterator[Line]:
    """One format for the file, and others for single columns."""
    readings = {c.name: date_formats(cells) for c, cells in used(one) if c.kind == "date" and cells.filled}
    settled = {name: str(r.ways[0]) for name, r in readings.items() if r.whole and len(r.ways) == 1}
    common = Counter(settled.values()).most_common(1)
    main = common[0][0] if common else _ISO
    if main != _ISO:
        names = [name for name, form in settled.items() if form == main]
        yield Line(f"date_format: {quoted(main)}", _("every date of {names} reads so", names=", ".join(names)))
    other = {name: form for name, form in settled.items() if form != main}
    lines = [Line(f"{name}: {quoted(form)}", _("every date reads so")) for name, form in other.items()]
    for name, reading in readings.items():
        if name not in settled:
            lines += _date_doubt(name, reading, one.seen(name))
    yield from nest("date_formats", lines)


def _date_doubt(name: str, reading: Reading, cells: Cells) -> list[Line]:
    if len(reading.ways) > 1:
        words = todo(_("day or month first? both fit every date: keep one line"))
    else:
        words = todo(
            _("{n} of {all} dates read so; mend the others", n=integer(reading.read), all=integer(cells.filled))
        )
    return [Line(f"{name}: {quoted(str(form))}", words, live=False) for form in reading.ways]


# Numbers


def _numbers(one: Match) -> Iterator[Line]:
    """The marks of decimals and thousands, from the columns that are used as numbers."""
    readings = {
        c.name: number_marks(cells) for c, cells in used(one) if c.kind in ("number", "integer") and cells.filled
    }
    shared = [way for way in _ways(readings) if all(way in r.ways for r in readings.values())]
    if not shared or (shared[0] == (".", "") and _agree(one, list(readings), shared)):
        return
    likely = [way for way in shared if _plausible(one, list(readings), way)]
    names = ", ".join(readings)
    told = _("every number of {names} reads so", names=names)
    if not all(reading.whole for reading in readings.values()):
        told = todo(_("most numbers of {names} read so; mend the others", names=names))
    if _agree(one, list(readings), likely or shared):
        for key, mark in zip(_OWN_MARKS, (likely or shared)[0], strict=True):
            if mark != {"decimal": ".", "thousands": ""}[key]:
                yield Line(f"{key}: {quoted(mark)}", told)
        return
    for decimal, thousands in shared[:3]:
        words = todo(
            _(
                "how are numbers written? decimal {decimal}, thousands {thousands}",
                decimal=quoted(decimal),
                thousands=quoted(thousands),
            )
        )
        yield Line(f"decimal: {quoted(decimal)}", words, live=False)


def _ways(readings: dict[str, Reading]) -> Sequence[tuple[str, str]]:
    return [way for way in next(iter(readings.values())).ways if isinstance(way, tuple)] if readings else []


def _agree(one: Match, names: Sequence[str], ways: Sequence[tuple[str, str]]) -> bool:
    """Whether all ways give the same numbers."""
    return all(len({number(cell, *way) for way in ways}) == 1 for name in names for cell in one.seen(name).values)


def _plausible(one: Match, names: Sequence[str], way: tuple[str, str]) -> bool:
    for name in names:
        column = one.table.column(name)
        found = [value for cell in one.seen(name).values if (value := number(cell, *way)) is not None]
        if column.high is not None and any(value > column.high for value in found):
            return False
    return True


def _dose_unit(one: Match) -> Iterator[Line]:
    if "dose_mg" not in one.columns:
        return
    header = one.columns["dose_mg"]
    unit = unit_of(header)
    strong = Line("mg_per_ml: 10", todo(_("the strength of the solution: how many mg in one ml?")), live=False)
    if unit == "ml":
        yield Line("dose_unit: ml", _("the name of the column says so"))
        yield strong
    elif unit is None and strength(one.table.name, "dose_mg", header) != EXACT:
        words = todo(
            _(
                "is {header} in mg? If in ml, bring back this line and `mg_per_ml: 10` with your strength",
                header=quoted(header),
            )
        )
        yield Line("dose_unit: ml", words, live=False)


# Columns


def _columns(one: Match) -> Iterator[Line]:
    for column in one.table.columns:
        name = column.name
        if name in one.columns and one.columns[name] != name:
            yield _column(one, column)
        elif name in one.doubts:
            others = one.doubts[name]
            needed = column.required or name in chosen(one)
            words = todo(
                _("needed; which one is it? keep one line") if needed else _("which one is it? keep one line, or none")
            )
            yield from (Line(f"{name}: {quoted(other)}", words, live=False) for other in others)
        elif name in one.lacking:
            yield Line(f"{name}:", todo(_("required; which column is it?")), live=False)


def _as_they_are(one: Match) -> Iterator[Line]:
    names = [column for column, header in one.columns.items() if column == header]
    if names:
        yield Line(_("found under their own names: {names}", names=", ".join(names)), live=False)


def _column(one: Match, column: Column) -> Line:
    header, seen = one.columns[column.name], one.seen(column.name)
    sure = strength(one.table.name, column.name, header)
    text = f"{column.name}: {quoted(header)}"
    if column.kind == "flag":
        return _flag(column, text, seen)
    told = _evidence(column, seen)
    if sure == WEAK and column.kind != "id":
        return Line(text, todo(_("is this right? {told}", told=told)))
    return Line(text, told)


def _flag(column: Column, text: str, seen: Cells) -> Line:
    """A yes or no under another name: 1 may mean either, so nothing is taken for granted."""
    counts = ", ".join(f"{value}: {integer(n)}" for value, n in seen.values.most_common(4))
    words = todo(_("{question}? which value means yes ({counts})", question=column.description, counts=counts))
    return Line(text, words, live=False)


def _evidence(column: Column, seen: Cells) -> str:
    if not seen.filled:
        return _("by its name; no value was seen")
    if column.kind == "id":
        return ngettext("by its name; {n} client", "by its name; {n} clients", len(seen.values))
    if column.kind == "date":
        return _("by its name, and its dates")
    if column.kind in ("number", "integer"):
        return _("by its name, and its numbers")
    return ngettext("by its name; {n} different value", "by its name; {n} different values", len(seen.values))


def _constants(one: Match) -> Iterator[Line]:
    for name in one.lacking:
        if one.table.column(name).kind == "category":
            yield Line(f"{name}: ...", todo(_("or one value for every row, if no column has it")), live=False)


# What is left out


def _missing(one: Match) -> Iterator[Line]:
    words = sorted({word for _c, cells in used(one) for word in cells.missing})
    if words:
        yield Line(f"missing: {listed(['', *words])}", _("words for `not known` that were seen"))
    odd = {
        cell
        for column, cells in used(one)
        if column.kind in ("number", "integer", "category") and column.name not in ("dose_mg", "site_id")
        for cell in cells.values
        if cell in missing_numbers() and not _in_range(column, cell)
    }
    if odd:
        question = todo(_("do these stand for `not known`? then list them"))
        yield Line(f"missing: {listed(['', *words, *sorted(odd)])}", question, live=False)


def _in_range(column: Column, cell: str) -> bool:
    value = float(cell)
    if column.kind == "category":
        return False
    return value >= 0 and (column.low or 0) <= value <= (column.high or 50) and value not in (99, 999)


def _drop(one: Match) -> Iterator[Line]:
    if one.drop:
        kinds = ", ".join(sorted(set(one.drop.values())))
        yield Line(f"drop: {listed(one.drop)}", _("direct identifiers, never read ({kinds})", kinds=kinds))


def _unused(one: Match) -> Iterator[Line]:
    names = names_told(one.unused)
    if names:
        yield Line(_("not used: {names}", names=", ".join(map(quoted, names))), live=False)


def relative(file: Path, folder: Path) -> str:
    """The file's path from the folder; the whole path where they are on different drives."""
    import os

    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return file.resolve().as_posix()
