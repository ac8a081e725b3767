"""One entry under `sources:` of a study file: where a table is, and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Frozen):
    """One table's file and how to read it."""

    file: str = Field("", description="path from the study file; blank where the table is read from a database")
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
        """What messages call it: the file as the study file writes it, or the table of a database."""
        return self.file or f"{self.url_from}: {self.table}"

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


class Misspelt(ValueError):
    """A name in a place whose allowed names depend on other keys."""

    def __init__(self, place: tuple[str | int, ...], known: Sequence[str], found: str | None = None):
        super().__init__(str(place))
        self.place, self.known, self.found = place, known, found
