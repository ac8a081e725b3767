"""One clinic in twelve disguises: `oatmill init`, the marked decisions, and the tables are those of the plain files."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest
from helpers.disguises import DISGUISES, Disguise, clinic, disguise

from oatmill.cli import main
from oatmill.intake import Intake, read_tables
from oatmill.study import read_study

PLAIN = """\
oatmill: 1
id: plain
title: One clinic
sources:
  clients: {file: clients.csv}
  doses: {file: doses.csv}
  exits: {file: exits.csv}
  tests: {file: tests.csv}
definitions: {data_cut: 2016-12-31}
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, pd.DataFrame], Intake]:
    folder = tmp_path_factory.mktemp("plain")
    tables = clinic(folder)
    (folder / "study.yaml").write_text(PLAIN, encoding="utf-8")
    return tables, read_tables(read_study(folder), folder / "work")


def decide(text: str, how: Disguise) -> tuple[str, int]:
    """Take the decisions of a disguise, each at a line marked TODO; the text, and how many lines were edited."""
    lines = text.splitlines()
    edited: set[int] = set()
    for part, decision in how.decisions:
        (place,) = [k for k, line in enumerate(lines) if "TODO" in line and part in line and k not in edited]
        depth = len(lines[place]) - len(lines[place].lstrip())
        lines[place] = " " * depth + decision
        edited.add(place)
        edited |= open_parents(lines, place)
    return "\n".join(lines) + "\n", len(edited)


def open_parents(lines: list[str], place: int) -> set[int]:
    """Take the # away before the keys above a line that was brought back."""
    opened = set()
    depth = len(lines[place]) - len(lines[place].lstrip())
    for above in range(place - 1, -1, -1):
        here = len(lines[above]) - len(lines[above].lstrip())
        if here >= depth:
            continue
        if lines[above].lstrip().startswith("# "):
            lines[above] = lines[above].replace("# ", "", 1)
            opened.add(above)
        depth = here
    return opened


def doses_of(intake: Intake) -> list[tuple[object, ...]]:
    return duckdb.execute(f"SELECT * FROM '{intake.doses}' ORDER BY ALL").fetchall()


def rows_of(intake: Intake, column: str) -> dict[str, int]:
    return dict(zip(intake.ledger["table"], intake.ledger[column], strict=True))


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguised_clinic_gives_the_same_tables(name: str, plain, tmp_path: Path, capsys) -> None:
    tables, expected = plain
    how = DISGUISES[name]
    files = how.write(disguise(tables, how), tmp_path)
    assert main(["init", str(tmp_path / "study"), *map(str, files)]) == 0
    proposed = tmp_path / "study" / "study.yaml"
    text, edited = decide(proposed.read_text(encoding="utf-8"), how)
    proposed.write_text(text, encoding="utf-8")
    assert edited == how.edits, "so many lines does somebody who knows the clinic edit"
    intake = read_tables(read_study(proposed.parent), tmp_path / "work")
    assert intake.sites == expected.sites
    assert intake.tables.keys() == expected.tables.keys()
    for table, frame in expected.tables.items():
        pd.testing.assert_frame_equal(intake.tables[table], frame, obj=table)
    assert doses_of(intake) == doses_of(expected)
    assert rows_of(intake, "rows_kept") == rows_of(expected, "rows_kept")
    totals = {table: n + how.totals for table, n in rows_of(expected, "rows_read").items()}
    assert rows_of(intake, "rows_read") == totals, "a line of totals is read, and quarantined as such"
