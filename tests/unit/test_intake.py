"""Files -> tables: one small study for each thing that real files hold."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd
import pytest
from helpers.small_intake import DAY_1, count, log_of, quarantined, read, rejected, study_of

from oatmill.intake import read_tables


def test_a_log_is_sorted_summed_and_numbered(tmp_path):
    intake = read(
        tmp_path,
        {
            "doses": "client_id,date,dose_mg,site_id,take_home_days\n"
            "b,2020-01-02,40,N,0\n"
            "a,2020-01-01,30.5,S,2\n"
            "b,2020-01-01,20,N,\n"
            "b,2020-01-01,15,N,1\n"  # a split dose: summed, longest supply
        },
    )
    assert intake.sites == ("N", "S")
    assert log_of(intake) == [(0, 1, 305, 1, 0, 2), (1, 1, 350, 0, 0, 1), (1, 2, 400, 0, 0, 0)]
    assert count(intake, "day_summed") == 1
    assert intake.facts["rows_summed_away"] == 1
    assert (intake.facts["log_first_day"], intake.facts["log_last_day"]) == (DAY_1, DAY_1 + 1)
    types = duckdb.execute("DESCRIBE FROM read_parquet(?)", [str(intake.doses)]).fetchall()
    assert [(name, kind) for name, kind, *_ in types] == [
        ("client", "INTEGER"),
        ("day", "INTEGER"),
        ("dose_dmg", "INTEGER"),
        ("site", "INTEGER"),
        ("medication", "TINYINT"),
        ("take_home_days", "SMALLINT"),
    ]


def test_clients_are_numbered_as_numbers_or_as_text(tmp_path):
    numbers = read(tmp_path, {"clients": "client_id\n10\n9\n"}, {"gap_days": 30})
    assert numbers.tables["clients"]["client"].tolist() == [0, 1]
    assert (tmp_path / "work" / "identifiers.txt").read_text(encoding="utf-8") == ""
    both = read(
        tmp_path,
        {
            "clients": "client_id,sex\n10,male\n9,female\nx1,\n",
            "exits": "client_id,date,reason\n9,2020-01-05,prison\n",
        },
    )
    # as text: "10" < "9" < "x1"
    assert both.tables["clients"]["sex"].tolist() == ["male", "female", None]
    assert both.tables["exits"]["client"].tolist() == [1]


def test_types_of_the_frames(tmp_path):
    intake = read(
        tmp_path,
        {
            "clients": "client_id,sex,age,birth_date,education\n1,male,30.5,1989-07-01,higher\n2,,,,\n",
            "episodes": "client_id,start,end,ended,days,ended_by\n1,2020-01-01,,No,12,x\n",
        },
    )
    clients = intake.tables["clients"]
    assert clients.dtypes.astype(str).to_dict() == {
        "client": "int32",
        "sex": "object",
        "age": "float64",
        "birth_date_day": "Int32",
        "education": "object",
    }
    assert clients.iloc[1, 1:].isna().all() and clients["sex"][1] is None
    episodes = intake.tables["episodes"]
    assert episodes.columns.tolist() == ["client", "start_day", "end_day", "days", "ended"]
    assert episodes["ended"].tolist() == [False] and str(episodes["ended"].dtype) == "boolean"
    assert intake.doses is None and "log_first_day" not in intake.facts
    assert count(intake, "unused_columns", "episodes") == 1
    assert "ended_by" in intake.checks.set_index("check").at["unused_columns", "rule"]


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (b"client_id;date;dose_mg\n1;2020-01-01;60\n", {}),
        (b"client_id\tdate\tdose_mg\n1\t2020-01-01\t60\n", {}),
        (b"client_id|date|dose_mg\n1|2020-01-01|60\n", {"delimiter": "|"}),
        (b"\xef\xbb\xbfclient_id,date,dose_mg\r\n1,2020-01-01,60\r\n", {}),
        (b"client_id,date,dose_mg\r\n1,2020-01-01,60\n1,2020-01-02,60\r\n", {}),  # line ends of two kinds
        ('client_id,date,dose_mg\n 1\u00a0, 2020-01-01 ,"60"'.encode(), {}),
        ("client_id,date,dose_mg\n1,2020-01-01,60\n".encode("utf-16"), {"encoding": "utf-16"}),
    ],
)
def test_delimiters_encodings_and_blanks(tmp_path, data, settings):
    intake = read(tmp_path, {"doses": data}, doses=settings)
    assert log_of(intake)[0] == (0, 1, 600, -1, 0, 0)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [
        "doses.parquet",
        "identifiers.txt",
        "rejected",
        "unused_values.txt",
    ]


def test_columns_codes_constants_and_dates_of_the_study_file(tmp_path):
    text = "Номер;Дата;Доза;пол\n7;31.12.2020;60;м\n8;01.01.2021;б/д;ж\n"
    intake = read(
        tmp_path,
        {"doses": text.encode("cp1251"), "clients": text.encode("cp1251")},
        {"blank_dose": "covered"},
        doses={
            "encoding": "cp1251",
            "date_format": "%d.%m.%Y",
            "columns": {"client_id": "Номер", "date": "Дата", "dose_mg": "Доза"},
            "missing": ["", "б/д"],
            "constants": {"site_id": "Ош", "medication": "buprenorphine"},
        },
        clients={
            "encoding": "cp1251",
            "columns": {"client_id": "Номер", "sex": "пол"},
            "codes": {"sex": {"м": "male", "ж": "female"}},
        },
    )
    assert intake.sites == ("Ош",)
    assert log_of(intake) == [(0, 366, 600, 0, 1, 0), (1, 367, None, 0, 1, 0)]
    assert intake.tables["clients"]["sex"].tolist() == ["male", "female"]
    assert intake.facts["rows_dose_unknown"] == 1


def test_rows_that_cannot_belong_are_quarantined_with_a_reason(tmp_path):
    intake = read(
        tmp_path,
        {
            "doses": "client_id,date,dose_mg,note\n"
            "1,2020-01-01,60,=cmd()\n"
            ",2020-01-01,60,\n"
            "1,,60,-5\n"
            "1,2020-01-09,60,\n"  # after the death of 2020-01-08
            "1,2020-02-09,60,\n"  # after the data cut, which is named first
            "1,2020-01-02,60,a\n"
            "1,2020-01-02,60.0,a\n"  # a copy: the same dose, written otherwise
            "1,2020-01-02,60,b\n"  # no copy: another note
            "1,2020-01-08,60,+7\n"  # on the day of death
            ",,,=1\n",
            "exits": "client_id,date,reason\n1,2020-01-08,death\n1,2020-03-01,prison\n",
        },
        {"data_cut": "2020-01-31"},
    )
    cut, death = "dated after the data cut", "dated after the client's recorded death"
    assert quarantined(tmp_path) == [
        (3, "`client_id` is blank"),
        (4, "`date` is blank"),
        (5, death),
        (6, f"{cut}; {death}"),
        (8, "a copy of another row, equal in every column"),
        (11, "`client_id` is blank; `date` is blank"),
    ]
    assert quarantined(tmp_path, "exits") == [(3, cut)]
    ledger = intake.ledger.set_index("table")
    assert ledger.loc["doses", ["rows_read", "rows_kept", "rows_quarantined"]].tolist() == [10, 4, 6]
    assert log_of(intake) == [(0, 1, 600, -1, 0, 0), (0, 2, 1200, -1, 0, 0), (0, 8, 600, -1, 0, 0)]
    header, *rows = rejected(tmp_path)
    assert header == ["line", "reason", "expected", "client_id", "date", "dose_mg", "note"]
    assert [row[-1] for row in rows] == ["", "-5", "", "", "a", "'=1"]  # numbers stay, formulas do not run
    assert rows[3][2] == "a day up to 2020-01-31; a day up to the date of death in `exits`"


def test_a_rerun_leaves_no_old_rejects(tmp_path):
    read(tmp_path, {"clients": "client_id\n1\n1\n"})
    assert quarantined(tmp_path, "clients")
    read(tmp_path, {"clients": "client_id\n1\n2\n"})
    assert not list((tmp_path / "work" / "rejected").iterdir())


def test_exact_duplicates_can_be_split_doses(tmp_path):
    log = {"doses": "client_id,date,dose_mg\n1,2020-01-01,30\n1,2020-01-01,30\n"}
    assert log_of(read(tmp_path, log)) == [(0, 1, 300, -1, 0, 0)]
    intake = read(tmp_path, log, {"exact_duplicates": "sum"})
    assert log_of(intake) == [(0, 1, 600, -1, 0, 0)]
    assert intake.ledger["rows_quarantined"].tolist() == [0] and count(intake, "day_summed") == 1


@pytest.mark.parametrize(("meaning", "covered"), [("covered", [1, 2]), ("not_covered", [1])])
def test_a_blank_dose_means_what_the_study_says(tmp_path, meaning, covered):
    log = {"doses": "client_id,date,dose_mg\n1,2020-01-01,30\n1,2020-01-02,\n"}
    intake = read(tmp_path, log, {"blank_dose": meaning})
    assert [row[1] for row in log_of(intake)] == covered
    assert count(intake, "dose_blank") == 1
    assert intake.facts["rows_not_covering"] == 2 - len(covered)


def test_an_unknown_dose_makes_the_sum_of_its_day_unknown(tmp_path):
    log = {"doses": "client_id,date,dose_mg\n1,2020-01-01,30\n1,2020-01-01,\n"}
    assert log_of(read(tmp_path, log, {"blank_dose": "covered"})) == [(0, 1, None, -1, 0, 0)]


def test_zero_and_negative_doses_cover_nothing(tmp_path):
    log = "client_id,date,dose_mg\n1,2020-01-01,30\n1,2020-01-01,-10\n1,2020-01-02,0\n1,2020-01-03,900\n1,2020-01-04,0.01\n"
    intake = read(tmp_path, {"doses": log})
    assert log_of(intake) == [(0, 1, 300, -1, 0, 0), (0, 3, 9000, -1, 0, 0), (0, 4, 1, -1, 0, 0)]
    assert count(intake, "dose_zero") == 2
    assert count(intake, "implausible_dose_mg") == 1
    assert count(intake, "dose_rounded") == 1


def test_a_dose_that_is_the_whole_supply_is_divided(tmp_path):
    log = "client_id,date,dose_mg,take_home_days\n1,2020-01-01,420,6\n1,2020-01-08,100,2\n1,2020-01-11,60,\n"
    intake = read(tmp_path, {"doses": log}, {"dose_is_total": True})
    assert [(row[1], row[2], row[5]) for row in log_of(intake)] == [(1, 600, 6), (8, 333, 2), (11, 600, 0)]
    assert count(intake, "dose_rounded") == 1


def test_two_sites_on_one_day_stay_two_rows_and_are_counted(tmp_path):
    log = "client_id,date,dose_mg,site_id\n1,2020-01-01,30,B\n1,2020-01-01,20,A\n1,2020-01-02,30,\n"
    intake = read(tmp_path, {"doses": log})
    assert log_of(intake) == [(0, 1, 200, 0, 0, 0), (0, 1, 300, 1, 0, 0), (0, 2, 300, -1, 0, 0)]
    assert count(intake, "day_two_sites") == 1 and count(intake, "site_blank") == 1
    assert intake.facts["client_days"] == 2


def test_a_log_without_sites_takes_those_of_its_clients(tmp_path):
    files = {
        "doses": "client_id,date,dose_mg\n1,2020-01-01,30\n2,2020-01-01,30\n3,2020-01-01,30\n",
        "clients": "client_id,site_id\n1,10\n2,9\n4,9\n",
    }
    intake = read(tmp_path, files)
    assert intake.sites == ("9", "10")
    assert [row[3] for row in log_of(intake)] == [1, 0, -1]
    assert count(intake, "site_from_clients") == 3
    assert count(intake, "not_in_clients") == 1 and count(intake, "not_in_doses", "clients") == 1


def test_identifiers_that_a_scan_can_search_for(tmp_path):
    read(
        tmp_path,
        {
            "clients": "client_id\nKG-00012\nshort\n123456789\n2020-01-01\nИванов И\n",
            "exits": "client_id,date,reason\n,2020-01-01,\nAB-99999,,\nKG-00012,2020-01-01,\n",
        },
    )
    # also those of quarantined rows
    assert (tmp_path / "work" / "identifiers.txt").read_text(encoding="utf-8").split("\n") == [
        "123456789", "AB-99999", "KG-00012", "Иванов И", "",
    ]  # fmt: skip


def searched(tmp_path, files) -> list[str]:
    read(tmp_path, files)
    return (tmp_path / "work" / "unused_values.txt").read_text(encoding="utf-8").splitlines()


def test_values_of_unused_columns_that_tell_clients_apart(tmp_path):
    """Names, telephones and notes, in a log too; not ages, dates, short numbers, and what many clients share."""
    log = "client_id,date,dose_mg,who,receipt\n" + "".join(
        f"{client},2020-01-{day:02},60,{who},R-{client}{day:02}77\n"
        for client, who in ((1, "Петрова Анна"), (2, "O'Brien Pat"))
        for day in range(1, 30)
    )
    people = (
        "client_id,who,called,reached,born,city,room,note\n"
        "1,王小明,Ван Сяомин,996555123456,1980-01-31,Bishkek,1204,\n"
        "2,,Jane Roe,0555 12 34 56,1981-02-28,Bishkek,1205,lives with her mother\n"
        ",Иван Сидоров,,,,Bishkek,,quarantined too\n"
    )
    assert set(searched(tmp_path, {"doses": log, "clients": people})) == {
        "Петрова Анна", "O'Brien Pat", "王小明", "Ван Сяомин", "Jane Roe", "Иван Сидоров", "996555123456",
        "0555 12 34 56", "lives with her mother", "quarantined too",
    }  # fmt: skip


def test_what_most_clients_share_is_not_searched_for(tmp_path):
    people = "client_id,oblast\n" + "".join(f"{n},{('Chui oblast', 'Naryn oblast')[n % 2]}\n" for n in range(20))
    assert searched(tmp_path, {"clients": people}) == []


def test_a_note_of_several_lines_is_one_value(tmp_path):
    people = 'client_id,note\n1,"moved to\nher brother"\n2,has a new job\n'
    assert searched(tmp_path, {"clients": people}) == ["has a new job", "moved to her brother"]


def test_what_is_repeated_in_exits_is_counted(tmp_path):
    rows = "1,2020-01-05,death\n1,2020-01-07,Death\n2,2020-01-05,\n"
    intake = read(tmp_path, {"exits": "client_id,date,reason\n" + rows})
    assert count(intake, "two_deaths", "exits") == 1 and count(intake, "reason_blank", "exits") == 1
    assert intake.tables["exits"]["reason"].tolist() == ["death", "death", None]


def test_every_check_is_listed_even_when_nothing_was_found(tmp_path):
    intake = read(tmp_path, {"doses": "client_id,date,dose_mg\n1,2020-01-01,30\n"})
    assert set(intake.checks["severity"]) == {"stop", "quarantine", "warn"}
    assert not intake.checks.duplicated(["table", "check"]).any()
    assert count(intake, "unreadable_date") == 0 and count(intake, "duplicate") == 0


def test_threads_do_not_change_the_result(tmp_path):
    rows = "".join(
        f"{k % 997},{dt.date(2020, 1, 1) + dt.timedelta(days=k % 400)},{k % 90}.{k % 10},{k % 7}\n"
        for k in range(150_000)
    )
    study = study_of(tmp_path, {"doses": "client_id,date,dose_mg,site_id\n" + rows})
    one, four = (read_tables(study, tmp_path / f"w{n}", threads=n) for n in (1, 4))
    assert log_of(one) == log_of(four)
    assert one.facts == four.facts
    pd.testing.assert_frame_equal(one.checks, four.checks)
