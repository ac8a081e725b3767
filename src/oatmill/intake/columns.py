"""Which column of the file, or which constant, fills each column of the schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from oatmill.errors import Fault
from oatmill.intake.files import DataFile
from oatmill.schema import TABLES, Column, Table
from oatmill.text import _

# Tables in which any one of several sets of columns will do.
ONE_OF: dict[str, tuple[tuple[str, ...], ...]] = {
    "surveys": (("date",), ("month",)),
    "episodes": (("start", "end"), ("days", "ended")),
}
_SHOWN = 40  # column names in a message
_DIGITS = 2  # a name with so many may be a client
_DATUM = re.compile(r"[\d\s.,:/+-]*\d[\d\s.,:/+-]*")  # a number, a date, a time


@dataclass(frozen=True)
class Layout:
    """Where each column of one table comes from.

    `positions`: schema column -> position in the file, from 0; `constants`: schema column -> one value for
    every row; `unused`: names of the file's columns that nothing uses, and their positions.
    """

    file: DataFile
    positions: dict[str, int]
    constants: dict[str, str]
    unused: dict[str, int]

    @property
    def table(self) -> Table:
        return TABLES[self.file.table]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The schema's columns that this study has."""
        return tuple(column for column in self.table.columns if self.has(column.name))

    def has(self, column: str) -> bool:
        return column in self.positions or column in self.constants


def build_layout(file: DataFile) -> tuple[Layout, list[Fault]]:
    """Match the file's header with the schema; the faults name every column that is missing, of several files for each."""
    layout = _layout(file)
    if not file.parts:
        return layout, _faults(layout)
    return layout, [fault for part in file.parts for fault in _faults(_layout(part), layout)]


def _layout(file: DataFile) -> Layout:
    source, header = file.source, file.header
    constants = dict(source.constants)
    names = {column: source.columns.get(column, column) for column in TABLES[file.table].names}
    positions = {
        column: header.index(name) for column, name in names.items() if name in header and column not in constants
    }
    unused = {name: k for k, name in enumerate(header) if k not in positions.values()}
    return Layout(file, positions, constants, unused)


def _faults(layout: Layout, whole: Layout | None = None) -> list[Fault]:
    """What is wrong with the columns of a file; `whole` is the table, where it has several files."""
    faults = [*_misnamed(layout, whole or layout), *_absent(layout), *_twice(layout)]
    return faults + _only_elsewhere(layout, whole) if whole else faults


def _only_elsewhere(layout: Layout, whole: Layout) -> list[Fault]:
    """Columns that other files of the table have; without them its rows would be blank there, in silence."""
    what = _("a column is missing that other files of the table have")
    said = layout.file.source.columns
    return [
        _fault(layout.file, column, what, column)
        for column in whole.positions
        if not layout.has(column) and column not in said and column not in layout.table.required
    ]


def _misnamed(layout: Layout, whole: Layout) -> list[Fault]:
    """Columns that the study file names and the file does not have; of those that are dropped, no file."""
    file = layout.file
    return [
        _fault(file, name, _("the study file names a column that the file does not have"), column)
        for column, name in file.source.columns.items()
        if name not in file.header
    ] + [
        Fault(
            _("the study file drops a column that the file does not have"),
            file=file.name,
            column=name,
            found=_header(file),
            cure=_("Write the name under `drop:` as the header has it, or take it out."),
        )
        for name in file.source.drop
        if name not in whole.file.names
    ]


def _absent(layout: Layout) -> list[Fault]:
    """Required columns that are neither in the file nor explained by the study file."""
    file = layout.file
    said = file.source.columns
    faults = [
        _fault(file, column, _("a required column is missing"), column)
        for column in layout.table.required
        if not layout.has(column) and column not in said
    ]
    choices = ONE_OF.get(file.table, ())
    if choices and not any(all(layout.has(column) for column in choice) for choice in choices):
        known = _(" or ").join(" + ".join(choice) for choice in choices)
        faults.append(Fault(_("required columns are missing"), file=file.name, expected=known, found=_header(file)))
    return faults


def _twice(layout: Layout) -> list[Fault]:
    header = layout.file.header
    used = {header[position] for position in layout.positions.values()}
    what = _("the header has this column more than once")
    cure = _("Rename one of the two in the file.")
    return [
        Fault(what, file=layout.file.name, row=1, column=name, cure=cure)
        for name in sorted(used)
        if header.count(name) > 1
    ]


def _fault(file: DataFile, name: str, what: str, column: str) -> Fault:
    free = names_told(file.header)
    close = difflib.get_close_matches(name.lower(), [cell.lower() for cell in free], n=1, cutoff=0.5)
    nearest = next((cell for cell in free if close and cell.lower() == close[0]), None)
    cure = _(
        "Under `sources: {table}: columns:` in the study file, write the line `{column}: {name}`.",
        table=file.table,
        column=column,
        name=nearest or _("name in the file"),
    )
    return Fault(
        what,
        file=file.name,
        row=1,
        column=name,
        found=_header(file),
        expected=_("did you mean `{name}`?", name=nearest) if nearest else None,
        cure=cure,
    )


def _header(file: DataFile) -> str:
    if not any(file.header):
        return _("no header")
    names = names_told(file.header)
    if not names:
        return _("a first line that looks like data, not like the names of columns")
    return _("these columns: {names}", names=", ".join(names[:_SHOWN]))


def names_told(header: Iterable[str]) -> list[str]:
    """The column names that a message may repeat.

    A file without a header has data in its first line, and a wide one a client in each column: no name where one
    of them is a number or a date, and none with two digits or more.

    >>> names_told(["client_id", "date", "hiv2", "KG-0012"]), names_told(["Ivanov", "2016-01-01", "60"])
    (['client_id', 'date', 'hiv2'], [])
    """
    names = [name for name in header if name]
    if any(_DATUM.fullmatch(name) for name in names):
        return []
    return [name for name in names if sum(map(str.isdigit, name)) < _DIGITS]
