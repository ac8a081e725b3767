"""One entry under `sources:` of a study file: where a table is, and how it is read."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Frozen):
    """One table's file, or files of one shape, and how to read them."""

    file: tuple[str, ...] = Field(
        (),
        description="path from the study file, a pattern (`logs/*.csv`), or a list of them; none where the table is "
        "read from a database",
    )
    url_from: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="environment variable that holds the URL of a PostgreSQL database",
    )
    table: str | None = Field(None, description="table of a database (schema.table), or data frame of an .rda file")
    member: str | None = Field(None, description="file inside a zip archive, where it holds several")
    sheet: str | int | None = Field(None, description="sheet of a workbook: its name, or its number from 1")
    cells: str | None = Field(
        None, pattern=r"^[A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7}$", description="cells of a sheet, header included"
    )
    header_line: int = Field(1, ge=1, description="line (row of a sheet) with the names of the columns")
    comment: str | None = Field(None, min_length=1, description="lines that begin with this are no rows")
    total_lines: tuple[str, ...] = Field((), description="a row whose first filled cell begins so is no client's row")
    columns: dict[str, str] = Field(default_factory=dict, description="schema column: name in the file")
    drop: tuple[str, ...] = Field((), description="columns of the file that are never read: names, telephones")
    codes: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="column: {value in the file: schema value}"
    )
    constants: dict[str, str] = Field(default_factory=dict, description="schema column: one value for every row")
    date_format: str = Field("%Y-%m-%d", description="strptime format of the dates in the file")
    date_formats: dict[str, str] = Field(default_factory=dict, description="column: its own strptime format")
    decimal: Literal[".", ","] = Field(".", description="decimal mark of the numbers in the file")
    thousands: Literal["", " ", ",", ".", "'"] = Field("", description="what parts thousands in the file")
    dose_unit: Literal["mg", "ml"] = Field("mg", description="unit of dose_mg in the file")
    mg_per_ml: float | None = Field(None, gt=0, description="strength of the solution, where doses are in ml")
    delimiter: str | None = Field(None, description="one character; None: the file's own is found")
    encoding: str = "utf-8"
    missing: tuple[str, ...] = Field(("",), description="cells that mean 'not known'")
    public: bool = Field(False, description="published figures: shown exactly")
    synthetic: bool = Field(False, description="invented clients: every page says so")

    @property
    def name(self) -> str:
        """What messages call it: the files as the study file writes them, or the table of a database."""
        return ", ".join(self.file) or f"{self.url_from}: {self.table}"

    @field_validator("file", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return ((value,) if value else ()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> Source:
        if bool(self.file) == bool(self.url_from):
            raise ValueError("either `file:` or `url_from:`")
        if self.url_from and not self.table:
            raise ValueError("`table:` beside `url_from:`")
        if self.dose_unit == "ml" and self.mg_per_ml is None:
            raise ValueError("`mg_per_ml:` beside `dose_unit: ml`")
        if self.thousands == self.decimal:
            raise ValueError("`thousands` other than `decimal`")
        return self

    def format_of(self, column: str) -> str:
        """The strptime format of a date column."""
        return self.date_formats.get(column, self.date_format)


def find_files(written: Iterable[str], folder: Path) -> dict[str, Path]:
    """The files that a study file means, by the names that messages call them; those of a pattern in order of name.

    A pattern that nothing matches stands for itself, as a file that is not there.
    """
    names = [name for each in written for name in _matched(each, folder) or [each]]
    return {name: (folder / name).resolve() for name in names}


def _matched(written: str, folder: Path) -> list[str]:
    """The files that a pattern means; a file whose own name looks like a pattern is no pattern."""
    if not glob.has_magic(written) or os.path.isfile(folder / written):  # noqa: PTH113 # never raises
        return []
    found = [Path(name) for name in glob.glob(written, root_dir=folder, recursive=True)]  # noqa: PTH207 # a whole path, too
    # Excel keeps a file that begins so beside a workbook that is open.
    return sorted(path.as_posix() for path in found if (folder / path).is_file() and not path.name.startswith("~$"))


class Misspelt(ValueError):
    """A name in a place whose allowed names depend on other keys."""

    def __init__(self, place: tuple[str | int, ...], known: Sequence[str], found: str | None = None):
        super().__init__(str(place))
        self.place, self.known, self.found = place, known, found
