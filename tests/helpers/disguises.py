"""One small invented clinic, handed over in twelve ways: format x language x delimiter x encoding x dates x codes.

`DISGUISES` says how each one is written, and which decisions somebody who knows the clinic takes in the study file
that `oatmill init` proposes: a part of the line that is marked TODO, and what the line becomes.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from oatmill.study import Generate
from oatmill.synthetic import write_programme

Tables = dict[str, pd.DataFrame]
TABLES = ("clients", "doses", "exits", "tests")


@dataclass(frozen=True)
class Language:
    """Names of columns and words for values, as a clinic writes them."""

    columns: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]
    missing: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Disguise:
    """How a clinic writes its files.

    `write` takes tables of text and a folder and returns the files; `date` is a strftime format, None where dates are
    dates; `decisions` are (part of a line marked TODO, what it becomes), `edits` the lines that this changes; each table
    has so many lines of `totals`.
    """

    write: Callable[[Tables, Path], list[Path]]
    language: Language
    date: str | None = None
    decimal: str = "."
    mg_per_ml: int | None = None
    decisions: tuple[tuple[str, str], ...] = ()
    edits: int = 2
    totals: int = 0


def clinic(folder: Path) -> Tables:
    """The plain files, with some half milligrams and blank cells, and as tables of text."""
    write_programme(folder, Generate(clients=60, sites=2, years=1), seed=7)
    tables = {
        name: pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False).astype(object) for name in TABLES
    }
    doses = tables["doses"]
    half = doses["client_id"].str[-1].isin(list("147"))
    doses.loc[half, "dose_mg"] = (doses.loc[half, "dose_mg"].astype(float) + 0.5).astype(str)
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return tables


def disguise(tables: Tables, how: Disguise) -> Tables:
    """The tables in the clinic's words, still as text; dates as dates where the format has such."""
    return {name: _disguised(frame, how) for name, frame in tables.items()}


def _disguised(frame: pd.DataFrame, how: Disguise) -> pd.DataFrame:
    made = {}
    for column in frame:
        made[how.language.columns.get(column, column)] = _cells(frame[column], str(column), how)
    return pd.DataFrame(made)


def _cells(cells: pd.Series, column: str, how: Disguise) -> pd.Series:
    blank = cells == ""
    if column in ("date", "enrolled"):
        days = pd.to_datetime(cells.where(~blank), format="%Y-%m-%d")
        if how.date is None:
            return days
        return days.dt.strftime(how.date).where(~blank, "").astype(object)
    if column == "dose_mg":
        values = cells.astype(float) / (how.mg_per_ml or 1)
        return values.map(lambda value: f"{value:g}".replace(".", how.decimal)).astype(object)
    words = how.language.values.get(column, {})
    told = cells.map(lambda cell: words.get(cell, cell))
    return told.where(~blank, how.language.missing if words else "").astype(object)


# Writers


def text_files(delimiter: str, encoding: str, suffix: str = ".csv") -> Callable[[Tables, Path], list[Path]]:
    def write(tables: Tables, folder: Path) -> list[Path]:
        paths = []
        for name, frame in tables.items():
            path = folder / f"{name}{suffix}"
            text = frame.to_csv(index=False, sep=delimiter, lineterminator="\r\n")
            data = text.encode(encoding)
            path.write_bytes(gzip.compress(data, mtime=0) if suffix.endswith(".gz") else data)
            paths.append(path)
        return paths

    return write


def workbook(tables: Tables, folder: Path) -> list[Path]:
    """One sheet for each table: two title rows that are merged, real dates, numbers, a line of totals."""
    import xlsxwriter

    path = folder / "Отчёт клиники.xlsx"
    with xlsxwriter.Workbook(str(path), {"nan_inf_to_errors": True}) as book:
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        for name, frame in tables.items():
            sheet = book.add_worksheet(SHEETS[name])
            sheet.merge_range(0, 0, 0, len(frame.columns) - 1, "Республиканский центр наркологии")
            sheet.merge_range(1, 0, 1, len(frame.columns) - 1, "Сведения за 2016 год")
            sheet.write_row(2, 0, list(frame.columns))
            for row, cells in enumerate(frame.itertuples(index=False), 3):
                for place, cell in enumerate(cells):
                    if isinstance(cell, pd.Timestamp):
                        sheet.write_datetime(row, place, cell.to_pydatetime(), day)
                    elif cell is not pd.NaT and cell != "":
                        _write_cell(sheet, row, place, cell)
            sheet.write_row(len(frame) + 3, 0, ["Итого:", len(frame)])
    return [path]


def _write_cell(sheet: object, row: int, place: int, cell: str) -> None:
    try:
        sheet.write_number(row, place, float(cell))  # type: ignore[attr-defined]
    except ValueError:
        sheet.write_string(row, place, cell)  # type: ignore[attr-defined]


SHEETS = {"clients": "Пациенты", "doses": "Журнал", "exits": "Выбытие", "tests": "Тесты"}
SEX_LABELS = {"1": "мужской", "2": "женский"}


def statistics_files(suffix: str) -> Callable[[Tables, Path], list[Path]]:
    """Stata or SPSS: sex as a number with labels, dates as dates, numbers as numbers."""

    def write(tables: Tables, folder: Path) -> list[Path]:
        import pyreadstat

        paths = []
        for name, frame in tables.items():
            typed = native(frame)
            labels = {}
            if "gender" in typed:
                typed["gender"] = typed["gender"].astype(float)
                labels = {"gender": {1.0: "Male", 2.0: "Female"}}
            path = folder / f"{name}{suffix}"
            call = pyreadstat.write_dta if suffix == ".dta" else pyreadstat.write_sav
            call(typed, str(path), variable_value_labels=labels)
            paths.append(path)
        return paths

    return write


def native(frame: pd.DataFrame) -> pd.DataFrame:
    """Days as dates, numbers as numbers, blank text as blank text."""
    made = frame.copy()
    for name in made:
        if pd.api.types.is_datetime64_any_dtype(made[name]):
            made[name] = made[name].dt.date
        elif str(name).casefold() in NUMBERS:
            made[name] = pd.to_numeric(made[name].replace("", None))
    return made


NUMBERS = ("dose_mg", "dose", "age", "take_home_days", "takehome", "age_at_entry", "剂量(mg)", "年龄", "带药天数")


def r_files(tables: Tables, folder: Path) -> list[Path]:
    import rdata

    paths = []
    for name, frame in tables.items():
        path = folder / f"{name}.rds"
        made = native(frame)
        for column in made:
            if made[column].dtype == object:
                made[column] = made[column].map(lambda cell: "" if cell is None or cell != cell else str(cell))
        rdata.write_rds(str(path), made)
        paths.append(path)
    return paths


def parquet_files(tables: Tables, folder: Path) -> list[Path]:
    import duckdb

    paths = []
    for name, frame in tables.items():
        path = folder / f"{name}.parquet"
        made = native(frame)
        with duckdb.connect() as con:
            con.register("made", made)
            con.execute(f"COPY (SELECT * FROM made) TO '{path.as_posix()}' (FORMAT parquet)")
        paths.append(path)
    return paths


def database(tables: Tables, folder: Path) -> list[Path]:
    path = folder / "clinic.sqlite"
    with sqlite3.connect(path) as con:
        for name, frame in tables.items():
            native(frame).to_sql(ZH_FILES[name], con, index=False)
    con.close()
    return [path]


# Languages

RU = Language(
    {
        "client_id": "Код пациента", "sex": "Пол", "age": "Возраст, лет", "site_id": "Пункт",
        "enrolled": "Дата поступления", "education": "Образование", "employment": "Занятость",
        "marital_status": "Семейное положение", "injecting": "Инъекционное употребление", "hiv": "ВИЧ-статус",
        "hcv": "ВГС", "prior_prison": "Был в МЛС", "date": "Дата", "dose_mg": "Доза, мг", "medication": "Препарат",
        "take_home_days": "На руки (дней)", "reason": "Причина выбытия", "destination_site": "Куда переведён",
        "test": "Вид теста", "result": "Результат",
    },
    {
        "sex": {"male": "муж.", "female": "жен."},
        "education": {"none": "без образования", "primary": "начальное", "secondary": "среднее",
                      "vocational": "среднее специальное", "higher": "высшее"},
        "employment": {"employed": "работает", "unemployed": "не работает", "student": "студент",
                       "retired": "пенсионер", "other": "другое"},
        "marital_status": {"married": "женат/замужем", "single": "холост/не замужем", "divorced": "в разводе",
                           "widowed": "вдовец/вдова"},
        "injecting": {"yes": "да", "no": "нет"}, "prior_prison": {"yes": "да", "no": "нет"},
        "hiv": {"positive": "положительный", "negative": "отрицательный"},
        "hcv": {"positive": "положительный", "negative": "отрицательный"},
        "result": {"positive": "положительный", "negative": "отрицательный"},
        "medication": {"methadone": "Метадон"},
        "reason": {"death": "умер(ла)", "prison": "лишение свободы", "dropout": "самовольный уход",
                   "transfer_out": "перевод в другой пункт", "completed_taper": "завершил лечение",
                   "administrative": "нарушение режима"},
    },
    missing="нет данных",
)  # fmt: skip

KY = Language(
    {
        "client_id": "Бейтаптын коду", "sex": "Жынысы", "age": "Жашы", "site_id": "Пункттун коду",
        "enrolled": "Катталган күнү", "education": "Билими", "employment": "Жумушу",
        "marital_status": "Үй-бүлөлүк абалы", "injecting": "Ийне сайынуу", "hiv": "ВИЧ абалы",
        "hcv": "Гепатит С абалы", "prior_prison": "Түрмөдө болгон", "date": "Күнү", "dose_mg": "Дозасы (мг)",
        "medication": "Дары", "take_home_days": "Колго (күн)", "reason": "Себеби",
        "destination_site": "Кайда которулду", "test": "Анализ", "result": "Жыйынтыгы",
    },
    {
        "sex": {"male": "эркек", "female": "аял"},
        "education": {"none": "билимсиз", "primary": "башталгыч", "secondary": "орто", "vocational": "кесиптик",
                      "higher": "жогорку"},
        "employment": {"employed": "иштейт", "unemployed": "жумушсуз", "student": "окуйт", "retired": "пенсияда",
                       "other": "башка"},
        "marital_status": {"married": "үй-бүлөлүү", "single": "бойдок", "divorced": "ажырашкан", "widowed": "жесир"},
        "injecting": {"yes": "ооба", "no": "жок"}, "prior_prison": {"yes": "ооба", "no": "жок"},
        "hiv": {"positive": "оң", "negative": "терс"}, "hcv": {"positive": "оң", "negative": "терс"},
        "result": {"positive": "оң", "negative": "терс"}, "medication": {"methadone": "метадон"},
        "reason": {"death": "каза болду", "prison": "камакка алынды", "dropout": "таштап кетти",
                   "transfer_out": "которулду", "completed_taper": "бүтүрдү", "administrative": "эрежени бузуу"},
    },
    missing="маалымат жок",
)  # fmt: skip

ZH = Language(
    {
        "client_id": "患者编号", "sex": "性别", "age": "年龄", "site_id": "门诊编号", "enrolled": "入组日期",
        "education": "文化程度", "employment": "就业状况", "marital_status": "婚姻状况", "injecting": "是否注射",
        "hiv": "HIV状态", "hcv": "丙肝", "prior_prison": "服刑史", "date": "日期", "dose_mg": "剂量(mg)",
        "medication": "药物", "take_home_days": "带药天数", "reason": "退出原因", "destination_site": "转入门诊",
        "test": "检测项目", "result": "检测结果",
    },
    {
        "sex": {"male": "男", "female": "女"},
        "education": {"none": "文盲", "primary": "小学", "secondary": "中学", "vocational": "中专", "higher": "大学"},
        "employment": {"employed": "在职", "unemployed": "无业", "student": "学生", "retired": "退休", "other": "其他"},
        "marital_status": {"married": "已婚", "single": "未婚", "divorced": "离异", "widowed": "丧偶"},
        "injecting": {"yes": "是", "no": "否"}, "prior_prison": {"yes": "有", "no": "无"},
        "hiv": {"positive": "阳性", "negative": "阴性"}, "hcv": {"positive": "阳性", "negative": "阴性"},
        "result": {"positive": "阳性", "negative": "阴性"}, "medication": {"methadone": "美沙酮"},
        "reason": {"death": "死亡", "prison": "入狱", "dropout": "失访", "transfer_out": "转出",
                   "completed_taper": "完成治疗", "administrative": "违规"},
    },
    missing="不详",
)  # fmt: skip

EN = Language(
    {"client_id": "PatientID", "sex": "Gender", "age": "Age at entry", "site_id": "Clinic", "enrolled": "Enrolment date",
     "marital_status": "Marital", "date": "Date", "dose_mg": "Dose (mg)", "medication": "Drug",
     "take_home_days": "Take-home", "reason": "Exit reason", "destination_site": "Transferred to"},
    {"sex": {"male": "M", "female": "F"}, "injecting": {"yes": "Yes", "no": "No"}, "prior_prison": {"yes": "Y", "no": "N"},
     "medication": {"methadone": "Methadone"}, "reason": {"death": "Died", "prison": "Incarcerated",
     "dropout": "Lost to follow-up", "transfer_out": "Transferred"}},
    missing="N/A",
)  # fmt: skip

SAS_STYLE = Language(
    {"client_id": "patient_id", "sex": "gender", "age": "age_at_entry", "site_id": "clinic", "dose_mg": "dose_mg",
     "take_home_days": "takehome", "enrolled": "enrolment_date", "reason": "exit_reason"},
    {"sex": {"male": "1", "female": "2"}},
)  # fmt: skip

ML = Language(
    {**EN.columns, "dose_mg": "Volume (ml)"}, {**EN.values, "sex": {"male": "1", "female": "2"}}, missing="N/A"
)

ZH_FILES = {"clients": "患者", "doses": "服药记录", "exits": "退出记录", "tests": "尿检"}

TITLE = ("title:", 'title: "One clinic"')
_LOG = ("data_cut:", "data_cut: 2016-12-31")

DISGUISES: dict[str, Disguise] = {
    "English CSV": Disguise(text_files(",", "utf-8"), EN, "%Y-%m-%d", decisions=(TITLE, _LOG)),
    "Russian Excel, two titles and totals": Disguise(workbook, RU, decisions=(TITLE, _LOG), totals=1),
    "Russian Windows-1251": Disguise(
        text_files(";", "cp1251"), RU, "%d.%m.%Y", ",", decisions=(TITLE, _LOG)
    ),
    "Russian UTF-16 TSV": Disguise(text_files("\t", "utf-16", ".tsv"), RU, "%d.%m.%y", ",", decisions=(TITLE, _LOG)),
    "Kyrgyz semicolon CSV": Disguise(text_files(";", "utf-8-sig"), KY, "%d.%m.%Y", ",", decisions=(TITLE, _LOG)),
    "Chinese GB18030": Disguise(text_files(",", "gb18030"), ZH, "%Y/%m/%d", decisions=(TITLE, _LOG)),
    "Chinese SQLite": Disguise(database, ZH, "%Y年%m月%d日", decisions=(TITLE, _LOG)),
    "American, millilitres, gzip": Disguise(
        text_files("|", "utf-8", ".txt.gz"), ML, "%m/%d/%Y", mg_per_ml=10,
        decisions=(TITLE, _LOG, ("mg_per_ml:", "mg_per_ml: 10"), ('"1": male', '"1": male'), ('"2": male', '"2": female')),
        edits=6,
    ),
    "Stata with labels": Disguise(statistics_files(".dta"), SAS_STYLE, decisions=(TITLE, _LOG)),
    "SPSS with labels": Disguise(statistics_files(".sav"), SAS_STYLE, decisions=(TITLE, _LOG)),
    "R": Disguise(r_files, EN, "%Y-%m-%d", decisions=(TITLE, _LOG)),
    "Parquet": Disguise(parquet_files, ZH, decisions=(TITLE, _LOG)),
}  # fmt: skip
