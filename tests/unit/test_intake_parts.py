"""Several files of one table: read in order, told apart in every message, in the ledger and in the workbooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
import python_calamine
from tests.helpers.small_intake import count, log_of

from oatmill.errors import ColumnsWrong, FileMissing, ValuesWrong
from oatmill.intake import Intake, read_tables
from oatmill.run.chapters import columns_of
from oatmill.run.record import input_fingerprints
from oatmill.study import Study

JANUARY = "client_id,date,dose_mg,site_id\nA,2020-01-01,60,North\nB,2020-01-01,40,North\n"
FEBRUARY = "client_id,date,dose_mg,site_id\nA,2020-01-02,70,South\n"
LEDGER = ["file", "rows_read", "rows_kept", "rows_quarantined"]


def study_of(folder: Path, files: dict[str, str], written: Any, **source: Any) -> Study:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    doses = {"file": written, **source}
    study = Study.model_validate({"oatmill": 1, "id": "t", "title": "T", "sources": {"doses": doses}})
    return study.model_copy(update={"folder": folder})


def read(folder: Path, files: dict[str, str], written: Any, **source: Any) -> Intake:
    return read_tables(study_of(folder, files, written, **source), folder / "work")


@pytest.mark.parametrize("written", [["logs/01.csv", "logs/02.csv"], "logs/*.csv", ["logs/02.csv", "logs/01.csv"]])
def test_a_list_and_a_pattern_give_the_log_of_one_file(tmp_path, written):
    (tmp_path / "one").mkdir()
    one = read(tmp_path / "one", {"all.csv": JANUARY + FEBRUARY.split("\n", 1)[1]}, "all.csv")
    several = read(tmp_path, {"logs/01.csv": JANUARY, "logs/02.csv": FEBRUARY, "logs/~$01.csv": "x"}, written)
    assert log_of(several) == log_of(one) == [(0, 1, 600, 0, 0, 0), (0, 2, 700, 1, 0, 0), (1, 1, 400, 0, 0, 0)]
    assert several.facts == one.facts


def test_the_ledger_is_kept_for_each_file(tmp_path):
    bad = FEBRUARY + "A,2020-01-01,60,North\n,2020-01-03,60,South\n"
    intake = read(tmp_path, {"01.csv": JANUARY, "02.csv": bad, "03.csv": FEBRUARY.partition("\n")[0] + "\n"}, "0*.csv")
    assert intake.ledger[LEDGER].to_numpy().tolist() == [["01.csv", 2, 2, 0], ["02.csv", 3, 1, 2], ["03.csv", 0, 0, 0]]
    assert count(intake, "duplicate") == 1, "a row that stands in two files is a copy"


def test_each_file_has_a_workbook_with_its_own_lines_and_columns(tmp_path):
    first = "note,client_id,date,dose_mg\nx,A,2020-01-01,60\ny,,2020-01-01,60\n"
    second = "# from the clinic\nclient_id,dose_mg,date\n,50,2020-01-02\nB,50,2020-01-02\n,51,2020-01-03\n"
    read(tmp_path, {"north.csv": first, "south.csv": second}, ["north.csv", "south.csv"], comment="#")
    books = {path.name: rows_of(path) for path in sorted((tmp_path / "work" / "rejected").iterdir())}
    assert list(books) == ["doses_1_north.xlsx", "doses_2_south.xlsx"]
    assert [row[:1] + row[3:] for row in books["doses_1_north.xlsx"]] == [
        ["line", "note", "client_id", "date", "dose_mg"],
        [3, "y", "", "2020-01-01", "60"],
    ]
    assert [row[:1] + row[3:] for row in books["doses_2_south.xlsx"]] == [
        ["line", "client_id", "dose_mg", "date"],
        [3, "", "50", "2020-01-02"],
        [5, "", "51", "2020-01-03"],
    ]


def test_faults_name_the_file_and_its_own_line(tmp_path):
    bad = {"01.csv": JANUARY + "C,2020-01-05,sixty,North\n", "02.csv": FEBRUARY.replace("70", "much")}
    with pytest.raises(ValuesWrong) as caught:
        read(tmp_path, bad, ["01.csv", "02.csv"])
    assert [(fault.file, fault.row, fault.what[:6]) for fault in caught.value.faults] == [
        ("01.csv", 4, "1 cell"),
        ("02.csv", 2, "1 cell"),
    ]


@pytest.mark.parametrize("lacking", ["dose_mg", "site_id"])
def test_a_column_that_one_file_lacks_names_that_file(tmp_path, lacking):
    files = {"01.csv": JANUARY, "02.csv": FEBRUARY.replace(lacking, "other")}
    with pytest.raises(ColumnsWrong) as caught:
        read(tmp_path, files, "0*.csv")
    assert [(fault.file, fault.column) for fault in caught.value.faults] == [("02.csv", lacking)]


def test_totals_and_broken_lines_are_those_of_their_file(tmp_path):
    total = {"01.csv": JANUARY + "Total,,100,\n", "02.csv": FEBRUARY + "Total,,70,\n"}
    intake = read(tmp_path, total, "0*.csv", total_lines=["Total"])
    assert count(intake, "total_line") == 2
    assert intake.ledger["rows_quarantined"].tolist() == [1, 1]
    with pytest.raises(ValuesWrong) as caught:
        read(tmp_path, {"02.csv": FEBRUARY + "A,2020-01-03\n"}, "0*.csv")
    assert [(fault.file, fault.row) for fault in caught.value.faults] == [("02.csv", 3)]


def test_lines_that_are_no_rows_are_counted_for_each_file(tmp_path):
    first = "The clinic\n\n" + JANUARY.replace("A,", "# a comment\n\nA,")
    second = "North\n2020\n" + FEBRUARY.replace("70,South", '70,"South\nside"') + "Total,,70,\n"
    how = {"header_line": 3, "comment": "#", "total_lines": ["Total"]}
    ledger = read(tmp_path, {"01.csv": first, "02.csv": second}, "0*.csv", **how).ledger
    assert ledger["lines_skipped"].tolist() == [4, 2], "the second line of a cell is a part of a row"
    assert ledger["rows_read"].tolist() == [2, 2] and ledger["rows_quarantined"].tolist() == [0, 1]


def test_a_pattern_must_match_and_a_name_that_looks_like_one_is_a_name(tmp_path):
    with pytest.raises(FileMissing) as caught:
        read(tmp_path, {}, ["gone-*.csv", "absent.csv"])
    assert [fault.file for fault in caught.value.faults] == ["gone-*.csv", "absent.csv"]
    assert len(read(tmp_path, {"log [1].csv": JANUARY, "log 1.csv": FEBRUARY}, "log [1].csv").ledger) == 1


def test_text_beside_a_format_with_numbers_of_its_own_is_refused(tmp_path):
    study = study_of(tmp_path, {"01.csv": JANUARY}, ["01.csv", "02.parquet"])
    target = str(tmp_path / "02.parquet")
    duckdb.sql("SELECT 'A' AS client_id, '2020-01-02' AS date, 60.0 AS dose_mg").write_parquet(target)
    with pytest.raises(FileMissing, match=r"02\.parquet"):
        read_tables(study, tmp_path / "work")


def test_chapters_and_fingerprints_see_every_file(tmp_path):
    study = study_of(tmp_path, {"01.csv": JANUARY, "02.csv": FEBRUARY}, "0*.csv")
    assert columns_of(study) == {"doses": {"client_id", "date", "dose_mg", "site_id"}}
    before = input_fingerprints(study, tmp_path / "work")
    assert {"doses: 01.csv", "doses: 02.csv"} <= before.keys()
    (tmp_path / "02.csv").write_text(FEBRUARY + "B,2020-01-02,40,South\n", encoding="utf-8")
    changed = input_fingerprints(study, tmp_path / "work")
    assert [name for name in before if before[name] != changed[name]] == ["doses: 02.csv"]
    (tmp_path / "03.csv").write_text(FEBRUARY, encoding="utf-8")
    assert "doses: 03.csv" in input_fingerprints(study, tmp_path / "work"), "a new month needs no new study file"


def rows_of(path: Path) -> list[list[Any]]:
    return python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
