"""Files that cannot be used: the full message, and never a value of theirs."""

from __future__ import annotations

import pytest

from oatmill.errors import ColumnsWrong, FileMissing, StudyInvalid, TableEmpty, ValuesWrong
from oatmill.intake import read_tables
from oatmill.study import Study

LOG = "client_id,date,dose_mg\n1,2020-01-01,60\n"


def refused(folder, kind, files, definitions=None, **sources):
    """Read the study and return the report of the error it must raise."""
    for table, text in files.items():
        if text is not None:
            (folder / f"{table}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    entries = {table: {"file": f"{table}.csv", **sources.get(table, {})} for table in files}
    study = Study.model_validate(
        {"oatmill": 1, "id": "t", "title": "T", "sources": entries, "definitions": definitions or {}}
    )
    with pytest.raises(kind) as caught:
        read_tables(study.model_copy(update={"folder": folder}), folder / "work")
    assert type(caught.value) is kind
    assert not (folder / "work" / "intake.duckdb").exists()
    return caught.value.report()


def test_every_missing_file_is_named(tmp_path):
    report = refused(tmp_path, FileMissing, {"doses": None, "clients": None, "exits": "client_id,date\n1,2020-01-01\n"})
    assert "file doses.csv: the file does not exist or cannot be opened" in report
    assert "file clients.csv: the file does not exist" in report
    assert "column reason" in report  # what is wrong with the files that are there comes in the same report


def test_what_begins_like_a_workbook_and_is_none(tmp_path):
    report = refused(tmp_path, FileMissing, {"doses": b"PK\x03\x04rest"})
    assert "the file is damaged, or not of the kind that its beginning or its name says" in report
    assert "CSV UTF-8" in report


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp9999"])
def test_text_in_another_encoding(tmp_path, encoding):
    data = "Номер,Дата,Доза\n1,2020-01-01,60\n".encode("cp1251")
    report = refused(tmp_path, FileMissing, {"doses": data}, doses={"encoding": encoding})
    assert f"the file cannot be read as text in {encoding}" in report and "`encoding: cp1251`" in report


def test_every_missing_column_of_every_table_is_named(tmp_path):
    report = refused(
        tmp_path,
        ColumnsWrong,
        {
            "doses": "Client_ID,day,dose\n1,2020-01-01,60\n",
            "clients": "client_id,gender\n1,m\n",
            "surveys": "client_id\n1\n",
        },
        clients={"columns": {"sex": "Sex"}},
    )
    assert report == (
        "The columns of the files are not those that the study needs.\n"
        "file doses.csv, line 1, column client_id: a required column is missing\n"
        "  found: these columns: Client_ID, day, dose\n"
        "  expected: did you mean `Client_ID`?\n"
        "  what to do: Under `sources: doses: columns:` in the study file, write the line `client_id: Client_ID`.\n"
        "file doses.csv, line 1, column date: a required column is missing\n"
        "  found: these columns: Client_ID, day, dose\n"
        "  expected: did you mean `day`?\n"
        "  what to do: Under `sources: doses: columns:` in the study file, write the line `date: day`.\n"
        "file doses.csv, line 1, column dose_mg: a required column is missing\n"
        "  found: these columns: Client_ID, day, dose\n"
        "  expected: did you mean `dose`?\n"
        "  what to do: Under `sources: doses: columns:` in the study file, write the line `dose_mg: dose`.\n"
        "file clients.csv, line 1, column Sex: the study file names a column that the file does not have\n"
        "  found: these columns: client_id, gender\n"
        "  what to do: Under `sources: clients: columns:` in the study file, write the line `sex: name in the file`.\n"
        "file surveys.csv: required columns are missing\n"
        "  found: these columns: client_id\n"
        "  expected: date or month"
    )


def test_a_column_that_stands_twice(tmp_path):
    report = refused(tmp_path, ColumnsWrong, {"doses": "client_id,date,dose_mg,date\n1,2020-01-01,60,2020-01-02\n"})
    assert "column date: the header has this column more than once" in report


def test_a_supply_without_its_days(tmp_path):
    report = refused(tmp_path, ColumnsWrong, {"doses": LOG}, {"dose_is_total": True})
    assert "column take_home_days: `dose_is_total` needs the number of days that each row supplies" in report


def test_cells_of_all_tables_in_one_report_without_their_values(tmp_path):
    rows = "".join(f"1,2020-01-0{k},sixteen\n" for k in range(1, 8))
    report = refused(
        tmp_path,
        ValuesWrong,
        {
            "doses": f"client_id,date,dose_mg,take_home_days\n1,31.12.2019,60,\n{rows}".replace(
                "sixteen\n", "sixteen,1.5\n"
            ),
            "clients": "client_id,sex,age\n1,M,30\n2,F,thirty\n",
        },
    )
    assert report == (
        "Some cells of the files cannot be read as what their columns hold.\n"
        "file doses.csv, line 2, column date: 1 cell cannot be read (line 2)\n"
        "  found: a date in another form: digits as in 99.99.9999\n"
        "  expected: a date written as %Y-%m-%d, from 1900-01-01 to 2100-12-31\n"
        "  what to do: If the file writes dates otherwise, say so under `sources: doses:`, for example "
        '`date_format: "%d.%m.%Y"`.\n'
        "file doses.csv, line 3, column dose_mg: 7 cells cannot be read (lines 3, 4, 5, 6, 7, ...)\n"
        "  found: text of 7 characters\n"
        "  expected: a number not above 100,000, with a decimal point\n"
        "  what to do: Mend these cells, or list what stands for a missing value under `sources: doses: missing:`.\n"
        "file doses.csv, line 3, column take_home_days: 7 cells cannot be read (lines 3, 4, 5, 6, 7, ...)\n"
        "  found: a number that is not whole\n"
        "  expected: a whole number from 0 to 366\n"
        "  what to do: Mend these cells, or list what stands for a missing value under `sources: doses: missing:`.\n"
        "file clients.csv, line 2, column sex: 2 cells cannot be read (lines 2, 3)\n"
        "  found: 2 different codes that are not in the list\n"
        "  expected: one of: male, female\n"
        "  what to do: Translate the file's own codes under `sources: clients: codes: sex:`, one line each: "
        '`"code in the file": male`.\n'
        "file clients.csv, line 3, column age: 1 cell cannot be read (line 3)\n"
        "  found: text of 6 characters\n"
        "  expected: a number, with a decimal point\n"
        "  what to do: Mend these cells, or list what stands for a missing value under `sources: clients: missing:`."
    )


@pytest.mark.parametrize("cell", ["12,5", "1_000", "nan", "inf", "0x10", "1e9", "-200000", "60 mg", "６０"])
def test_what_is_no_number(tmp_path, cell):
    refused(tmp_path, ValuesWrong, {"doses": f'client_id,date,dose_mg\n1,2020-01-01,"{cell}"\n'})


@pytest.mark.parametrize("cell", ["2020-02-30", "0020-01-01", "2020-01-01 10:00", "43831", "2200-01-01", "01/02/2020"])
def test_what_is_no_date(tmp_path, cell):
    refused(tmp_path, ValuesWrong, {"doses": f"client_id,date,dose_mg\n1,{cell},60\n"})


def test_a_date_format_that_is_none(tmp_path):
    report = refused(tmp_path, StudyInvalid, {"doses": LOG}, doses={"date_format": "dd.mm.yyyy"})
    assert "the value of `sources.doses.date_format` is not allowed" in report


@pytest.mark.parametrize("delimiter", [";;", '"', ""])
def test_a_delimiter_that_is_none(tmp_path, delimiter):
    report = refused(tmp_path, StudyInvalid, {"doses": LOG}, doses={"delimiter": delimiter})
    assert "the value of `sources.doses.delimiter` is not allowed" in report


def test_a_header_with_an_open_quote(tmp_path):
    report = refused(tmp_path, FileMissing, {"doses": '"client_id,date,dose_mg\n' + "1,2020-01-01,60\n" * 20_000})
    assert "file doses.csv, line 1: the header cannot be read as a row of names" in report


def test_a_blank_dose_must_be_explained(tmp_path):
    report = refused(tmp_path, ValuesWrong, {"doses": LOG + "1,2020-01-02,\n,,\n"})
    assert "line 3, column dose_mg: 1 dose is blank (line 3)" in report
    assert "`blank_dose: covered`" in report and "`blank_dose: not_covered`" in report


def test_broken_lines_are_named_and_shift_nothing(tmp_path):
    rows = "1,2020-01-01,60\n1,2020-01-02\n1,2020-01-03,60,7\n1,2020-01-04,x\n"
    report = refused(tmp_path, ValuesWrong, {"doses": "client_id,date,dose_mg\n" + rows})
    assert "file doses.csv, line 3: 1 line is broken: 3\n  found: too few cells\n  expected: 3 cells" in report
    assert "file doses.csv, line 4: 1 line is broken: 4\n  found: too many cells" in report
    assert "line 5, column dose_mg: 1 cell cannot be read (line 5)" in report


def test_an_open_quote(tmp_path):
    report = refused(tmp_path, ValuesWrong, {"doses": LOG + '1,"2020-01-02,60\n1,2020-01-03,60\n'})
    assert "found: a quotation mark that is not closed" in report


def test_bytes_that_are_no_text(tmp_path):
    report = refused(tmp_path, ValuesWrong, {"doses": LOG.encode() + b"\xe9,2020-01-02,60\n"})
    assert "line 3: 1 line is broken: 3\n  found: bytes that are not UTF-8 text" in report


def test_a_table_without_rows(tmp_path):
    report = refused(tmp_path, TableEmpty, {"doses": "client_id,date,dose_mg\n", "clients": "client_id,sex\n1,M\n"})
    assert "file doses.csv: the file has a header and no rows" in report
    assert "column sex" in report
    refused(tmp_path, ColumnsWrong, {"doses": b""})


def test_a_table_of_which_no_row_is_left(tmp_path):
    report = refused(tmp_path, TableEmpty, {"doses": LOG}, {"data_cut": "2019-01-01"})
    assert "file doses.csv: no row is left after the checks" in report


def test_two_different_rows_of_one_client(tmp_path):
    report = refused(tmp_path, ValuesWrong, {"clients": "client_id,age\n1,30\n2,40\n1,31\n1,30\n"})
    assert "line 4, column client_id: 1 row repeats the key of an earlier row with other values (line 4)" in report


def test_messages_hold_no_identifier_and_no_cell(tmp_path):
    name = "Aibek-Secretov"
    report = refused(
        tmp_path,
        ValuesWrong,
        {
            "doses": f"client_id,date,dose_mg\n{name},{name},{name}\n",
            "clients": f"client_id,sex\n{name},{name}\n{name},male\n",
        },
    )
    assert name not in report and "Secret" not in report
