"""One table in every format is the same rows of text; and each format's own difficulties."""

from __future__ import annotations

import datetime as dt
import gzip
import sqlite3
import zipfile
from pathlib import Path

import duckdb
import pandas as pd
import pyreadstat
import pytest
import xlsxwriter

from oatmill.errors import FileMissing, PackageMissing
from oatmill.intake import read_tables
from oatmill.intake.files import DataFile, Unreadable, lines_of, load, open_file
from oatmill.study import Study

FORMATS = Path(__file__).resolve().parents[1] / "helpers" / "formats"
HEADER = ("client_id", "date", "dose_mg", "site_id", "take_home_days")
TABLE = [
    ("A1", "2019-12-31", "60", "Пункт 1", "0"),
    ("A2", "2020-01-01", "0.1", "", ""),
    ("A3", "2020-02-29", "", "点", "3"),
]
CSV = "\n".join(",".join(row) for row in [HEADER, *TABLE]) + "\n"


def study_of(folder: Path, file: str, **source: object) -> Study:
    return Study.model_validate(
        {"oatmill": 1, "id": "t", "title": "T", "sources": {"doses": {"file": file, **source}}, "folder": folder}
    )


def opened(folder: Path, name: str, **source: object) -> DataFile:
    study = study_of(folder, name, **source)
    ((_name, path),) = study.paths_of("doses").items()
    return open_file("doses", study.sources["doses"], path)


def read(folder: Path, name: str, **source: object):
    """The header, the rows as text (blank: ""), the faults, the lines of the rows, and the connection."""
    con = duckdb.connect()
    file = opened(folder, name, **source)
    faults = load(con, file, folder)
    rows = [] if faults else con.execute(f"SELECT * FROM {file.raw} ORDER BY rowid").fetchall()
    texts = [tuple(cell or "" for cell in row) for row in rows]
    return file, texts, faults, con


def fault_of(folder: Path, name: str, **source: object) -> str:
    with pytest.raises(Unreadable) as caught:
        opened(folder, name, **source)
    return caught.value.fault.text()


def typed_frame() -> pd.DataFrame:
    frame = pd.DataFrame(TABLE, columns=list(HEADER))
    frame["date"] = [dt.date.fromisoformat(text) for text in frame["date"]]
    for column in ("dose_mg", "take_home_days"):
        frame[column] = pd.to_numeric(frame[column])
    return frame


def write_xlsx(path: Path, above=(), below=(), left: int = 0, sheet: str = "Лист1", more=()) -> None:
    with xlsxwriter.Workbook(path) as book:
        date = book.add_format({"num_format": "dd.mm.yyyy"})
        for name in more:
            book.add_worksheet(name)
        page = book.add_worksheet(sheet)
        for k, cells in enumerate([*above, HEADER, *TABLE, *below]):
            for j, cell in enumerate(cells, left):
                if cells in TABLE and cells[j - left] and j - left == 1:
                    page.write_datetime(k, j, dt.datetime.fromisoformat(cell), date)
                elif cells in TABLE and cell and j - left in (2, 4):
                    page.write_number(k, j, float(cell))
                elif cell:
                    page.write(k, j, cell)


def write_sqlite(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE doses (client_id TEXT, date TEXT, dose_mg REAL, site_id TEXT, take_home_days INTEGER)")
    rows = [tuple(cell or None for cell in row) for row in TABLE]
    base.executemany("INSERT INTO doses VALUES (?, ?, ?, ?, ?)", rows)
    base.commit()
    base.close()


def write_parquet(path: Path) -> None:
    frame = typed_frame()  # noqa: F841 # DuckDB finds it
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT * REPLACE (CAST(date AS DATE) AS date) FROM frame) TO '{path}' (FORMAT parquet)")


def copied(name: str):
    return lambda path: path.write_bytes((FORMATS / name).read_bytes())


WRITERS = {
    "doses.csv": lambda path: path.write_text(CSV, encoding="utf-8"),
    "doses.csv.gz": lambda path: path.write_bytes(gzip.compress(CSV.encode())),
    "doses.xlsx": write_xlsx,
    "doses.xls": copied("doses.xls"),
    "doses.ods": copied("doses.ods"),
    "doses.sqlite": write_sqlite,
    "doses.parquet": write_parquet,
    "doses.dta": lambda path: pyreadstat.write_dta(typed_frame(), path),
    "doses.sav": lambda path: pyreadstat.write_sav(typed_frame(), path),
    "doses.zsav": lambda path: pyreadstat.write_sav(typed_frame(), path, compress=True),
    "doses.xpt": lambda path: pyreadstat.write_xport(typed_frame(), path, file_format_version=8),
    "doses.rds": copied("doses.rds"),
    "doses_v2.rds": copied("doses_v2.rds"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_text(tmp_path, name):
    WRITERS[name](tmp_path / name)
    file, rows, faults, _con = read(tmp_path, name)
    assert faults == []
    assert file.header == HEADER
    assert rows == TABLE
    assert file.native == ("csv" not in name)


def test_spss_portable_files_have_short_names_in_capitals(tmp_path):
    frame = typed_frame().rename(columns={"client_id": "client", "take_home_days": "days"})
    pyreadstat.write_por(frame.assign(site_id=["a", "", "b"]), tmp_path / "doses.por")
    file, rows, faults, _con = read(tmp_path, "doses.por")
    assert file.header == ("CLIENT", "DATE", "DOSE_MG", "SITE_ID", "DAYS") and not faults
    assert rows == [(*row[:3], site, row[4]) for row, site in zip(TABLE, ("a", "", "b"), strict=True)]


# Text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "^"])
def test_encodings_and_delimiters(tmp_path, encoding, delimiter):
    (tmp_path / "d.csv").write_bytes(CSV.replace(",", delimiter).encode(encoding))
    named = {} if encoding.startswith("utf-8") else {"encoding": encoding}
    file, rows, faults, _con = read(tmp_path, "d.csv", delimiter="^" if delimiter == "^" else None, **named)
    assert (file.header, rows, faults) == (HEADER, TABLE, [])


@pytest.mark.parametrize(("encoding", "word"), [("cp1251", "Жыл"), ("latin-1", "José")])
def test_one_byte_encodings(tmp_path, encoding, word):
    (tmp_path / "d.csv").write_bytes(f"client_id,note\n1,{word}\n".encode(encoding))
    assert read(tmp_path, "d.csv", encoding=encoding)[1] == [("1", word)]


TITLED = """Журнал выдачи;;
за 2019 год;;

Код;Дата;Доза
# проверено
1;31.12.2019;60

2;01.01.2020;"7
0"
#конец
3;02.01.2020;80
Итого: 210
"""


def test_titles_comments_blank_lines_and_totals_are_counted_and_no_row_is_lost(tmp_path):
    (tmp_path / "d.csv").write_text(TITLED, encoding="utf-8")
    file, rows, faults, con = read(tmp_path, "d.csv", header_line=4, comment="#", total_lines=["итого"])
    assert file.header == ("Код", "Дата", "Доза") and not faults
    assert rows == [
        ("1", "31.12.2019", "60"),
        ("2", "01.01.2020", "7\n0"),
        ("3", "02.01.2020", "80"),
        ("Итого: 210", "", ""),
    ]
    assert con.execute("SELECT row FROM total_doses").fetchall() == [(3,)]
    assert lines_of(con, file, [0, 1, 2, 3]) == [6, 8, 11, 12]
    told = con.execute("SELECT line, why FROM skipped_doses ORDER BY 1").fetchall()
    whys = {1: "title", 2: "title", 3: "title", 5: "comment", 7: "blank", 9: "inside", 10: "comment"}
    assert dict(told) == whys
    assert len(rows) + len(told) + 1 == len(TITLED.splitlines())


def test_a_broken_line_is_named_by_its_line_in_the_file(tmp_path):
    (tmp_path / "d.csv").write_text(TITLED.replace("3;02", "3;3;02"), encoding="utf-8")
    faults = read(tmp_path, "d.csv", header_line=4, comment="#", total_lines=["Итого"])[2]
    assert [fault.row for fault in faults] == [11]


def test_a_comment_sign_inside_a_cell_is_data(tmp_path):
    (tmp_path / "d.csv").write_text('client_id,note\n1,"a\n#b"\n#c\n2,#d\n', encoding="utf-8")
    assert read(tmp_path, "d.csv", comment="#")[1] == [("1", "a\n#b"), ("2", "#d")]


def test_blank_lines_in_the_middle_count_as_lines(tmp_path):
    (tmp_path / "d.csv").write_text("client_id,note\n1,a\n\n\n2,b\n", encoding="utf-8")
    file, rows, _faults, con = read(tmp_path, "d.csv")
    assert rows == [("1", "a"), ("2", "b")]
    assert lines_of(con, file, [0, 1]) == [2, 5]


@pytest.mark.parametrize("name", ["doses.csv", "doses.parquet", "doses.xlsx", "doses.dta"])
def test_dropped_columns_are_never_loaded(tmp_path, name):
    WRITERS[name](tmp_path / name)
    file, rows, _faults, con = read(tmp_path, name, drop=["site_id"])
    assert file.header == ("client_id", "date", "dose_mg", "take_home_days")
    assert rows == [(*row[:3], row[4]) for row in TABLE]
    tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE table_name <> 'raw_doses'").fetchall()
    assert not any(con.execute(f"FROM {table}").fetchall() for (table,) in tables if table != "scan_doses")


def test_a_dropped_column_that_is_not_there_is_a_fault(tmp_path):
    (tmp_path / "doses.csv").write_text(CSV, encoding="utf-8")
    with pytest.raises(Exception, match="column fio: the study file drops a column that the file does not have"):
        read_tables(study_of(tmp_path, "doses.csv", drop=["fio"]), tmp_path / "work")


def test_a_total_is_seen_in_a_dropped_column(tmp_path):
    (tmp_path / "d.csv").write_text("fio,client_id\nA,1\nTotal,2\n", encoding="utf-8")
    _file, rows, _faults, con = read(tmp_path, "d.csv", drop=["fio"], total_lines=["Total"])
    assert rows == [("1",), ("2",)]
    assert con.execute("SELECT row FROM total_doses").fetchall() == [(1,)]


# Archives


def test_a_member_is_named_where_there_are_several(tmp_path):
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("../../doses.csv", CSV)
        archive.writestr("clients.csv", "client_id\n1\n")
    assert "the archive holds 2 files" in fault_of(tmp_path, "d.zip")
    assert "no file of the name" in fault_of(tmp_path, "d.zip", member="exits.csv")
    assert read(tmp_path, "d.zip", member="../../doses.csv")[1] == TABLE
    assert [path.name for path in tmp_path.iterdir()] == ["d.zip"]
    assert not (tmp_path.parent.parent / "doses.csv").exists()


@pytest.mark.parametrize("inner", ["gzip", "zip", "xlsx"])
def test_an_archive_in_an_archive_is_refused(tmp_path, inner):
    write_xlsx(tmp_path / "in.xlsx")
    (tmp_path / "in.gzip").write_bytes(gzip.compress(CSV.encode()))
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("doses.csv", CSV)
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.write(tmp_path / f"in.{inner}", "doses.csv")
    assert "holds another archive or a workbook" in fault_of(tmp_path, "d.zip")


# Workbooks

TITLES = [("Журнал выдачи", "", "", "", ""), ("за 2019 год", "", "", "", "")]


def test_a_russian_workbook_with_titles_blank_rows_and_a_total(tmp_path):
    write_xlsx(tmp_path / "d.xlsx", TITLES, [("",), ("Итого", "", "60.1")], left=1, more=["Пусто"])
    file, rows, faults, con = read(tmp_path, "d.xlsx", header_line=3, total_lines=["Итого"])
    assert (file.header, rows[:3], faults) == (HEADER, TABLE, [])
    assert lines_of(con, file, [0, 1, 2, 3]) == [4, 5, 6, 8]
    assert con.execute("SELECT row FROM total_doses").fetchall() == [(3,)]
    assert con.execute("SELECT * FROM skipped_doses ORDER BY 1").fetchall() == [
        (1, "title"),
        (2, "title"),
        (7, "blank"),
    ]


def test_cells_of_a_sheet(tmp_path):
    write_xlsx(tmp_path / "d.xlsx", TITLES, [("note", "note", "note", "note", "note", "note")], left=2)
    file, rows, faults, con = read(tmp_path, "d.xlsx", cells="C3:E6")
    assert (file.header, rows, faults) == (HEADER[:3], [row[:3] for row in TABLE], [])
    assert lines_of(con, file, [0, 2]) == [4, 6]


@pytest.mark.parametrize("sheet", ["Лист1", 2])
def test_a_sheet_is_named_or_counted(tmp_path, sheet):
    write_xlsx(tmp_path / "d.xlsx", more=["Пусто"])
    assert read(tmp_path, "d.xlsx", sheet=sheet)[1] == TABLE
    told = fault_of(tmp_path, "d.xlsx", sheet="Лист9")
    assert "no such sheet" in told and "Пусто, Лист1" in told


def test_an_error_in_a_cell_is_seen(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "d.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 1, ["client_id", "dose_mg", "ok", "seen"])
        page.write_row(1, 1, ["1", None, True])
        page.write_formula(1, 2, "=1/0", None, "#DIV/0!")
        page.write_datetime(
            1, 4, dt.datetime.fromisoformat("2020-01-01T08:30"), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        )
    assert read(tmp_path, "d.xlsx")[1] == [("1", "#DIV/0!", "true", "2020-01-01 08:30:00")]


def test_cells_beside_the_table_are_a_fault(tmp_path):
    write_xlsx(tmp_path / "d.xlsx", below=[("A4", "2020-03-01", "5", "", "", "beside")])
    (fault,) = read(tmp_path, "d.xlsx")[2]
    assert (fault.row, "to the right of the last named column" in fault.what) == (5, True)


def test_cells_far_apart_are_refused_before_they_fill_the_memory(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "d.xlsx") as book:
        page = book.add_worksheet()
        page.write(0, 0, "client_id")
        page.write(1_048_575, 16_383, "x")
    assert "lie so far apart" in fault_of(tmp_path, "d.xlsx")


def test_a_workbook_that_unpacks_to_far_more_is_refused(tmp_path):
    write_xlsx(tmp_path / "d.xlsx")
    with zipfile.ZipFile(tmp_path / "d.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.png", bytes(100 << 20))
    assert "unpacks to far more" in fault_of(tmp_path, "d.xlsx")


def test_a_protected_workbook_says_so(tmp_path):
    """What a password makes of a workbook: an OLE file with two streams of these names."""
    name = "EncryptedPackage".encode("utf-16-le").ljust(64, b"\0")
    (tmp_path / "d.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + name + bytes(2000))
    assert "damaged" in fault_of(tmp_path, "d.xlsx") or "password" in fault_of(tmp_path, "d.xlsx")


# Statistics programs, R, databases


def test_codes_stay_codes_and_what_spss_calls_missing_is_blank(tmp_path):
    frame = pd.DataFrame({"client_id": ["1", "2", "3"], "sex": [1.0, 2.0, 9.0]})
    labels = {"sex": {1: "мужской", 2: "женский", 9: "нет ответа"}}
    pyreadstat.write_sav(frame, tmp_path / "c.sav", variable_value_labels=labels, missing_ranges={"sex": [9]})
    assert read(tmp_path, "c.sav")[1] == [("1", "1"), ("2", "2"), ("3", "")]


def test_more_rows_than_one_chunk(tmp_path):
    n = 50_001
    pyreadstat.write_dta(pd.DataFrame({"client_id": range(n), "dose_mg": [0.1] * n}), tmp_path / "d.dta")
    _file, rows, _faults, _con = read(tmp_path, "d.dta")
    assert [rows[0], rows[-1], len(rows)] == [("0", "0.1"), (str(n - 1), "0.1"), n]


def test_a_data_frame_of_an_rda_file(tmp_path):
    copied("tables.rda")(tmp_path / "t.rda")
    assert "these tables: frame, times" in fault_of(tmp_path, "t.rda")
    assert read(tmp_path, "t.rda", table="frame")[1] == TABLE
    assert read(tmp_path, "t.rda", table="times")[1] == [
        ("2020-01-01", "true"),
        ("2020-01-01 08:30:00", ""),
        ("", "false"),
    ]


def test_a_table_of_an_sqlite_file_is_named_where_there_are_several(tmp_path):
    write_sqlite(tmp_path / "d.db")
    with sqlite3.connect(tmp_path / "d.db") as base:
        base.execute("CREATE VIEW early AS SELECT * FROM doses WHERE date < '2020'")
    base.close()
    assert "these tables: doses, early" in fault_of(tmp_path, "d.db")
    assert "no table of the name" in fault_of(tmp_path, "d.db", table="x")
    assert read(tmp_path, "d.db", table="early")[1] == TABLE[:1]


def test_parquet_times_and_numbers(tmp_path):
    query = """SELECT 1e20::DOUBLE AS a, 'nan'::DOUBLE AS b, 1/3::DOUBLE AS c, TIMESTAMPTZ '2020-01-01 00:30:00+06' AS d,
        TIMESTAMP '2020-01-01' AS e, 60.50::DECIMAL(6, 2) AS f, -0.0::DOUBLE AS g"""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"COPY ({query}) TO '{tmp_path / 'd.parquet'}' (FORMAT parquet)")
    (row,) = read(tmp_path, "d.parquet")[1]
    assert row == ("1e+20", "", "0.3333333333333333", "2019-12-31 18:30:00", "2020-01-01", "60.50", "0")


# Damage

BINARY = [name for name in WRITERS if "csv" not in name]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_half_a_file_is_a_fault_and_never_half_a_table(tmp_path, name, share):
    WRITERS[name](tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    try:
        _file, rows, faults, _con = read(tmp_path, name)
    except Unreadable:
        return
    assert faults or rows == TABLE


@pytest.mark.parametrize("name", BINARY)
def test_random_bytes_are_a_fault(tmp_path, name):
    WRITERS[name](tmp_path / name)
    head = (tmp_path / name).read_bytes()[:16]
    for start in (b"", head):
        (tmp_path / name).write_bytes(start + bytes((k * k * 7 + 13) % 251 for k in range(3000)))
        with pytest.raises(FileMissing):
            read_tables(study_of(tmp_path, name), tmp_path / "work")


def test_text_under_the_name_of_another_format_is_a_fault(tmp_path):
    (tmp_path / "d.dta").write_text(CSV, encoding="utf-8")
    assert "not of the kind" in fault_of(tmp_path, "d.dta")


def test_another_format_under_the_name_of_text_is_read_for_what_it_is(tmp_path):
    write_parquet(tmp_path / "d.csv")
    assert read(tmp_path, "d.csv")[1] == TABLE


@pytest.mark.parametrize(
    ("name", "package"), [("doses.xlsx", "python-calamine"), ("doses.dta", "pyreadstat"), ("doses.rds", "rdata")]
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, name, package):
    WRITERS[name](tmp_path / name)
    for module in ("python_calamine", "pyreadstat", "rdata"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(PackageMissing, match=f'(?s){package}.*pip install "oatmill.formats."'):
        read_tables(study_of(tmp_path, name), tmp_path / "work")
