"""The checks of single rows: what each finds, and what a study file can make of it."""

from __future__ import annotations

import stat
import sys
import zipfile

import duckdb
import pytest
from helpers.small_intake import count, ledger_of, log_of, quarantined, read, refused, rejected, study_of

from oatmill.errors import ColumnsWrong, StudyInvalid, ValuesWrong
from oatmill.intake import read_tables
from oatmill.intake.identifying import kind_of_header
from oatmill.intake.pseudonyms import pseudonym, read_key

HEADER = "client_id,date,dose_mg\n"


# Numbers, dates and units


@pytest.mark.parametrize(
    ("settings", "cell", "tenths"),
    [
        ({"decimal": ","}, "62,5", 625),
        ({"decimal": ","}, "62", 620),
        ({"decimal": ",", "thousands": "."}, "1.062,5", 10625),
        ({"decimal": ",", "thousands": " "}, "1 062,5", 10625),
        ({"decimal": ",", "thousands": " "}, "1\u00a0062,5", 10625),  # as Excel writes it
        ({"decimal": ",", "thousands": " "}, "1\u202f062", 10620),
        ({"thousands": ","}, "1,062.5", 10625),
        ({"thousands": "'"}, "1'062.5", 10625),
        ({"dose_unit": "ml", "mg_per_ml": 10}, "6.25", 625),
        ({"dose_unit": "ml", "mg_per_ml": 5, "decimal": ","}, "12,5", 625),
    ],
)
def test_numbers_as_they_are_written(tmp_path, settings, cell, tenths):
    intake = read(tmp_path, {"doses": f'{HEADER}1,2020-01-01,"{cell}"\n'}, doses=settings)
    assert [row[2] for row in log_of(intake)] == [tenths]


@pytest.mark.parametrize(
    ("settings", "cell"),
    [
        ({"decimal": ","}, "62.5"),
        ({"decimal": ","}, "1,062,5"),
        ({"decimal": ",", "thousands": "."}, "62.5"),
        ({"decimal": ",", "thousands": "."}, "1.06,5"),
        ({"thousands": ","}, "1,06"),
        ({"thousands": " "}, "1  062"),
    ],
)
def test_a_number_written_otherwise_is_not_guessed(tmp_path, settings, cell):
    refused(tmp_path, ValuesWrong, {"doses": f'{HEADER}1,2020-01-01,"{cell}"\n'}, doses=settings)


def test_each_date_column_may_have_its_own_format(tmp_path):
    text = "client_id,birth_date,enrolled\n1,31.12.1980,2019/02/01\n"
    forms = {"date_format": "%d.%m.%Y", "date_formats": {"enrolled": "%Y/%m/%d"}}
    clients = read(tmp_path, {"clients": text}, clients=forms).tables["clients"]
    assert clients[["birth_date_day", "enrolled_day"]].to_numpy().tolist() == [[4017, 17928]]
    report = refused(tmp_path, StudyInvalid, {"clients": text}, clients={"date_formats": {"enrolled": "dd/mm"}})
    assert "`sources.clients.date_formats.enrolled`" in report


# Severities


FAULTY = {
    "doses": HEADER + "1,2020-01-01,60\n1,2020-13-01,60\n1,2020-01-02,sixty\n1,2020-01-03,60\n",
}


def test_what_stops_the_intake_is_in_the_workbook_too(tmp_path):
    report = refused(tmp_path, ValuesWrong, FAULTY)
    assert "line 3, column date" in report and "line 4, column dose_mg" in report
    assert quarantined(tmp_path) == [
        (3, "`date` cannot be read as a date"),
        (4, "`dose_mg` cannot be read as a number"),
    ]
    assert rejected(tmp_path)[1][2:] == ["a date written as %Y-%m-%d, from 1900-01-01 to 2100-12-31", "1", "2020-13-01", "60"]  # fmt: skip


def test_a_study_may_go_on_without_faulty_rows(tmp_path):
    checks = {"doses.unreadable_date": "quarantine", "doses.unreadable_dose_mg": "quarantine"}
    intake = read(tmp_path, FAULTY, None, checks)
    assert ledger_of(intake) == [4, 2, 2]
    assert (count(intake, "unreadable_date"), count(intake, "unreadable_dose_mg")) == (1, 1)
    assert [row[1] for row in log_of(intake)] == [1, 3]


def test_a_cell_that_is_only_warned_of_is_missing(tmp_path):
    people = {"clients": "client_id,age\n1,30\n2,thirty\n"}
    intake = read(tmp_path, people, None, {"clients.unreadable_age": "warn"})
    assert intake.tables["clients"]["age"].isna().tolist() == [False, True]
    assert count(intake, "unreadable_age", "clients") == 1 and ledger_of(intake, "clients") == [2, 2, 0]


def test_an_implausible_dose_may_stop_or_be_set_aside(tmp_path):
    log = {"doses": HEADER + "1,2020-01-01,60\n1,2020-01-02,900\n"}
    assert count(read(tmp_path, log), "implausible_dose_mg") == 1
    intake = read(tmp_path, log, None, {"doses.implausible_dose_mg": "quarantine"})
    assert ledger_of(intake) == [2, 1, 1] and count(intake, "implausible_dose_mg") == 1
    report = refused(tmp_path, ValuesWrong, log, None, {"doses.implausible_dose_mg": "stop"})
    assert "line 3, column dose_mg: 1 row: `dose_mg` is higher than is plausible" in report
    assert "`doses.implausible_dose_mg: quarantine` under `checks:`" in report


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ({"doses.unreadable_dat": "warn"}, "doses.unreadable_date"),
        ({"doses.unreadable_date": "warn"}, "one of: stop, quarantine"),  # without a date a row says nothing
        ({"doses.blank_client_id": "warn"}, "one of: stop, quarantine"),
    ],
)
def test_a_severity_that_a_check_cannot_have(tmp_path, checks, said):
    assert said in refused(tmp_path, StudyInvalid, {"doses": HEADER + "1,2020-01-01,60\n"}, None, checks)


# What each check finds


def test_doses_that_are_plausible_depend_on_the_medication(tmp_path):
    log = {
        "doses": "client_id,date,dose_mg,medication\n1,2020-01-01,100,methadone\n1,2020-01-02,100,buprenorphine\n"
        "1,2020-01-03,501,\n1,2020-01-04,1500,morphine\n"
    }
    assert count(read(tmp_path, log), "implausible_dose_mg") == 2
    assert count(read(tmp_path, log, {"plausible_dose_mg": {"methadone": 90}}), "implausible_dose_mg") == 3


def test_days_that_cannot_be(tmp_path):
    files = {
        "doses": HEADER + "1,2004-12-31,60\n1,2020-01-01,60\n2,1979-12-31,60\n2,2020-01-01,60\n",
        "clients": "client_id,birth_date\n1,1980-01-01\n2,1980-01-01\n",
    }
    intake = read(tmp_path, files, {"programme_start": "2005-01-01"})
    assert quarantined(tmp_path) == [
        (2, "dated before the programme's first day"),
        (4, "dated before the programme's first day; dated before the client's birth"),
    ]
    assert (count(intake, "before_programme"), count(intake, "before_birth")) == (
        2,
        0,
    )  # each row once, by its first reason
    assert count(read(tmp_path, files, None, {"doses.before_birth": "warn"}), "before_birth") == 1


def test_spells_that_end_before_they_begin_or_overlap(tmp_path):
    rows = "1,2020-01-01,2020-01-31\n1,2020-02-10,2020-02-01\n1,2020-01-31,\n1,2020-03-01,2020-03-02\n2,2020-01-01,\n"
    intake = read(tmp_path, {"episodes": "client_id,start,end\n" + rows})
    assert quarantined(tmp_path, "episodes") == [(3, "`end` is before `start`")]
    assert count(intake, "overlapping", "episodes") == 2  # the third begins on the last day of the first and has no end


def test_take_home_beyond_policy(tmp_path):
    log = {"doses": "client_id,date,dose_mg,take_home_days\n1,2020-01-01,60,7\n1,2020-01-09,60,8\n"}
    assert count(read(tmp_path, log, {"take_home_policy_days": 7}), "take_home_beyond_policy") == 1
    assert "take_home_beyond_policy" not in set(read(tmp_path, log).checks["check"])


def test_an_exit_before_the_first_dose(tmp_path):
    files = {
        "doses": HEADER + "1,2020-01-05,60\n2,2020-01-05,60\n",
        "exits": "client_id,date,reason\n1,2020-01-04,dropout\n2,2020-01-05,dropout\n3,2020-01-01,dropout\n",
    }
    assert count(read(tmp_path, files), "before_first_dose", "exits") == 1


def test_heaped_doses(tmp_path):
    doses = [60, 62.5, 70, 65, 10, 10.5]
    log = HEADER + "".join(f"1,2020-01-{day:02},{dose}\n" for day, dose in enumerate(doses, start=1))
    assert count(read(tmp_path, {"doses": log}), "dose_heaped") == 3


def test_site_days_without_any_row(tmp_path):
    days = [1, 2, 5, 6, 8]  # of January 2020; the 4th and 5th are a weekend
    log = "client_id,date,dose_mg,site_id\n" + "".join(f"1,2020-01-{day:02},60,A\n" for day in days)
    log += "2,2020-01-03,60,B\n2,2020-01-04,60,B\n"
    assert count(read(tmp_path, {"doses": log}), "site_days_without_rows") == 3
    assert count(read(tmp_path, {"doses": log}, {"closing_weekdays": [5, 6]}), "site_days_without_rows") == 2


def test_clients_who_differ_between_tables(tmp_path):
    files = {
        "clients": "client_id,sex,birth_date\n1,male,1980-05-01\n2,female,1990-01-01\n3,,1970-01-01\n",
        "registry": "client_id,enrolled,left,sex,birth_year\n"
        "1,2020-01-01,,female,1980\n1,2021-01-01,,male,1980\n2,2020-01-01,,female,1991\n3,2020-01-01,,male,1970\n",
    }
    intake = read(tmp_path, files)
    assert count(intake, "sex_differs", "registry") == 1 and count(intake, "birth_differs", "registry") == 1


# The workbook


def test_nothing_in_the_workbook_can_run(tmp_path):
    log = "client_id,date,dose_mg,note\n" + ",2020-01-01,60,=HYPERLINK(1)\n,2020-01-01,60,@x\n1,2020-01-01,60,\n"
    read(tmp_path, {"doses": log})
    with zipfile.ZipFile(tmp_path / "work" / "rejected" / "doses.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and "'=HYPERLINK(1)" in sheet and "'@x" in sheet


def test_the_workbook_is_the_same_for_the_same_rows(tmp_path):
    books = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        refused(tmp_path / name, ValuesWrong, FAULTY)
        books.append((tmp_path / name / "work" / "rejected" / "doses.xlsx").read_bytes())
    assert books[0] == books[1]


# Who a client is


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("name", "name"),
        ("Patient name", "name"),
        ("LastName", "name"),
        ("ФИО", "name"),
        ("Ф.И.О. пациента", "name"),
        ("аты-жөнү", "name"),
        ("患者姓名", "name"),
        ("Контактный телефон", "phone"),
        ("手机号", "phone"),
        ("ИНН", "passport"),
        ("Паспорт №", "passport"),
        ("身份证号", "passport"),
        ("E-mail", "address"),
        ("дареги", "address"),
        ("site name", None),
        ("Drug_name", None),
        ("Название препарата", None),
        ("药物名称", None),
        ("note", None),
        ("innings", None),
        ("Телосложение", None),
    ],
)
def test_headers_that_name_a_person(header, kind):
    assert kind_of_header(header) == kind


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Фамилия", ["Xq", "Yq", "Zq"]),
        ("q1", ["+996 555 123456", "+996 700 654321", "+996555111222"]),
        ("q1", ["a@b.kg", "c.d@e.org", "x@y.cn"]),
        ("q1", ["11201198001234", "21201199012345", "10105197700001"]),
    ],
)
def test_a_column_that_names_people_is_refused_until_it_is_dropped(tmp_path, column, cells):
    people = f"client_id,{column}\n" + "".join(f"{k},{cell}\n" for k, cell in enumerate(cells))
    report = refused(tmp_path, ColumnsWrong, {"clients": people})
    assert "drop:" in report and not any(cell in report for cell in cells)


def test_ordinary_columns_are_not_taken_for_persons(tmp_path):
    rows = "1,20200101120000,2020-01-01,1204.50,lives with her mother\n2,20200102120000,2020-01-02,1205,\n"
    read(tmp_path, {"clients": "client_id,stamp,seen,cost,remark\n" + rows + "3,20200103120000,2020-01-03,7,\n"})


def test_pseudonyms_are_the_same_wherever_the_key_is(tmp_path):
    key = read_key(tmp_path / "a")
    assert read_key(tmp_path / "a") == key != read_key(tmp_path / "b")
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "a" / "pseudonym.key").stat().st_mode) == 0o600
    found = []
    for name, first in (("one", 7), ("two", 3)):
        (tmp_path / name).mkdir()
        study = study_of(tmp_path / name, {"clients": f"client_id\n{first}\n8\n"})
        read_tables(study, tmp_path / name / "work", key=key)
        parquet = str(tmp_path / name / "work" / "pseudonyms.parquet")
        found.append(duckdb.execute("SELECT * FROM read_parquet(?) ORDER BY client", [parquet]).fetchall())
    assert [client for client, _name in found[0]] == [0, 1]
    assert found[0][1] == found[1][1] == (1, pseudonym(key, "8")) and found[0][0] != found[1][0]
    assert len({*found[0], *found[1]}) == 3


def test_a_key_that_is_none_is_not_replaced(tmp_path):
    (tmp_path / "pseudonym.key").write_text("", encoding="ascii")
    with pytest.raises(StudyInvalid):
        read_key(tmp_path)
    assert (tmp_path / "pseudonym.key").read_text(encoding="ascii") == ""
