"""A source of the study -> its header, and all its rows as text in a DuckDB table, whatever its format.

`readers` holds one module for each family of formats; each is loaded when a file of that family is read.
Line numbers are those that the user of the file sees: lines of an editor, rows of a sheet, else rows from 1.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from oatmill.errors import Fault
from oatmill.intake.readers import base, kinds
from oatmill.intake.readers.base import DataFile, Unreadable, lines_of
from oatmill.intake.readers.text import FIRST_LINES, LONGEST_LINE, first_lines
from oatmill.source import Source
from oatmill.text import _

if TYPE_CHECKING:
    import duckdb

__all__ = ["FIRST_LINES", "LONGEST_LINE", "DataFile", "Unreadable", "first_lines", "lines_of", "load", "open_file"]

READERS = {
    "text": "text",
    "gzip": "text",
    "zip": "text",
    "workbook": "workbook",
    "dta": "statistics",
    "sav": "statistics",
    "por": "statistics",
    "sas7bdat": "statistics",
    "xport": "statistics",
    "r": "r",
    "parquet": "parquet",
    "sqlite": "sqlite",
}


def open_file(table: str, source: Source, path: Path) -> DataFile:
    """Find the file and read its header.

    Raises
    ------
    Unreadable : there is no such file, or it is not a table of rows and columns
    StudyInvalid : the study file gives a delimiter that is not one character
    PackageMissing : the format needs a package that is not installed
    """
    kind = "text" if source.url_from else find_kind(source, path)
    return reader(kind).open_file(table, source, path, kind)


def load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    """Read every row as text into the table `file.raw`; return what could not be read.

    `folder` is private and takes a copy of the file where one is needed.
    """
    return reader(file.kind).load(con, file, folder)


def reader(kind: str) -> ModuleType:
    return importlib.import_module(f"oatmill.intake.readers.{READERS[kind]}")


def find_kind(source: Source, path: Path) -> str:
    """What the file is, where it is one (a device or a pipe may have no end) and no archive that is not unpacked."""
    head = None
    if path.is_file():
        try:
            with path.open("rb") as stream:
                head = stream.read(kinds.HEAD)
        except OSError:
            pass
    if head is None:
        raise Unreadable(_missing(source))
    kind = kinds.kind_of(path, head)
    if kind == "packed":
        cure = _("Unpack it and name the file that was in it.")
        raise Unreadable(Fault(_("the file is an archive that is not unpacked here"), file=source.name, cure=cure))
    if kind == "text" and path.suffix.lower() in kinds.NOT_TEXT:
        raise Unreadable(base.damaged(source.name))
    return kind


def _missing(source: Source) -> Fault:
    return Fault(
        _("the file does not exist or cannot be opened"),
        file=source.name,
        cure=_("Paths are relative to the folder of the study file. Check the name, and close the file in Excel."),
    )
