"""Small files through the intake, for tests that look at single rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
import python_calamine

from oatmill.errors import OatmillError
from oatmill.intake import Intake, read_tables
from oatmill.study import Study

DAY_1 = (dt.date(2020, 1, 1) - dt.date(1970, 1, 1)).days


def study_of(
    folder: Path,
    files: Mapping[str, str | bytes],
    definitions: Mapping[str, Any] | None = None,
    checks: Mapping[str, str] | None = None,
    **sources: Mapping[str, Any],
) -> Study:
    """A study with these files; `sources` adds settings of a source."""
    for table, text in files.items():
        data = text if isinstance(text, bytes) else text.encode()
        (folder / f"{table}.csv").write_bytes(data)
    entries = {table: {"file": f"{table}.csv", **sources.get(table, {})} for table in files}
    settings = {"sources": entries, "definitions": definitions or {}, "checks": checks or {}}
    study = Study.model_validate({"oatmill": 1, "id": "t", "title": "T", **settings})
    return study.model_copy(update={"folder": folder})


def read(folder: Path, *given: Any, **sources: Any) -> Intake:
    return read_tables(study_of(folder, *given, **sources), folder / "work")


def refused(folder: Path, kind: type[OatmillError], *given: Any, **sources: Any) -> str:
    """The report of the error that the study must raise."""
    with pytest.raises(kind) as caught:
        read(folder, *given, **sources)
    return caught.value.report()


def log_of(intake: Intake) -> list[tuple[Any, ...]]:
    """The dosing log as (client, day from 1, tenths of mg, site, medication, take-home days)."""
    rows = duckdb.execute("SELECT * FROM read_parquet(?)", [str(intake.doses)]).fetchall()
    return [(client, day - DAY_1 + 1, *rest) for client, day, *rest in rows]


def count(intake: Intake, check: str, table: str = "doses") -> int:
    checks = intake.checks
    return int(checks.loc[(checks["table"] == table) & (checks["check"] == check), "count"].item())


def rejected(folder: Path, table: str = "doses") -> list[list[Any]]:
    """The rows of the workbook of rejected rows, its header first."""
    book = python_calamine.CalamineWorkbook.from_path(folder / "work" / "rejected" / f"{table}.xlsx")
    return book.get_sheet_by_index(0).to_python(skip_empty_area=False)


def quarantined(folder: Path, table: str = "doses") -> list[tuple[int, str]]:
    return [(int(line), reason) for line, reason, *_cells in rejected(folder, table)[1:]]


def ledger_of(intake: Intake, table: str = "doses") -> list[int]:
    """Rows read, kept and quarantined."""
    row = intake.ledger.set_index("table").loc[table]
    return [int(row[name]) for name in ("rows_read", "rows_kept", "rows_quarantined")]
