"""The data file of synonyms, and how names and cells are compared with it."""

from __future__ import annotations

import pytest

from oatmill.proposal.words import (
    EXACT,
    STRONG,
    WEAK,
    code_list,
    identifier_of,
    is_missing,
    medication_in,
    names_table,
    plain,
    strength,
    synonyms,
    unit_of,
    value_of,
)
from oatmill.schema import TABLES

LANGUAGES = {"en", "ru", "ky", "zh"}
COLUMNS = {(table.name, column.name) for table in TABLES.values() for column in table.columns}
NAMES = {column for _table, column in COLUMNS}


def test_every_column_of_the_schema_has_names_in_four_languages():
    columns = synonyms()["columns"]
    lacking = [
        (table, column)
        for table, column in sorted(COLUMNS)
        if not any(columns.get(key, {}).keys() >= LANGUAGES for key in (column, f"{table}.{column}"))
    ]
    assert lacking == []


def test_the_data_file_names_columns_of_the_schema_only():
    for key, words in synonyms()["columns"].items():
        table, dot, column = key.rpartition(".")
        assert (table, column) in COLUMNS if dot else key in NAMES, key
        assert words.keys() <= LANGUAGES | {"weak"}, key
    assert synonyms()["tables"].keys() == TABLES.keys()


def test_no_name_is_surely_two_columns_of_one_table():
    for table in TABLES.values():
        owners: dict[str, str] = {}
        for column in table.names:
            for key in (column, f"{table.name}.{column}"):
                for language, words in synonyms()["columns"].get(key, {}).items():
                    for word in words if language != "weak" else ():
                        assert owners.setdefault(plain(word), column) == column, (table.name, word)


def test_codes_translate_to_allowed_values_and_each_word_to_one():
    for table in TABLES.values():
        for column in table.columns:
            name = code_list(column)
            if name and column.allowed:
                assert set(synonyms()["codes"][name]) <= set(column.allowed), column.name
    for name, values in synonyms()["codes"].items():
        words = [(plain(word) or word, value) for value, some in values.items() for word in {value, *some}]
        meant: dict[str, set[str]] = {}
        for word, value in words:
            meant.setdefault(word, set()).add(value)
        assert not {word for word, several in meant.items() if len(several) > 1}, name


@pytest.mark.parametrize(
    ("table", "column", "header"),
    [
        ("clients", "client_id", "Код пациента"),
        ("clients", "client_id", "№ карты"),
        ("doses", "date", "Дата приёма"),
        ("doses", "date", "ДАТА_ВЫДАЧИ"),
        ("doses", "dose_mg", "Доза, мг"),
        ("doses", "dose_mg", "Доза метадона (мл)"),
        ("doses", "take_home_days", "На руки (дней)"),
        ("clients", "sex", "Пол"),
        ("clients", "birth_date", "Дата рождения"),
        ("doses", "medication", "Препарат"),
        ("exits", "reason", "Причина выбытия"),
        ("registry", "enrolled", "Дата поступления"),
        ("doses", "client_id", "Бейтаптын коду"),
        ("doses", "date", "Күнү"),
        ("doses", "dose_mg", "Дозасы"),
        ("clients", "sex", "Жынысы"),
        ("clients", "birth_date", "Туулган күнү"),
        ("exits", "reason", "Себеби"),
        ("doses", "client_id", "患者编号"),
        ("doses", "date", "服药日期"),
        ("doses", "dose_mg", "剂量(mg)"),
        ("doses", "dose_mg", "剂量（ＭＧ）"),
        ("clients", "sex", "性别"),
        ("clients", "birth_date", "出生日期"),
        ("doses", "medication", "药物"),
        ("exits", "reason", "退出原因"),
        ("doses", "site_id", "门诊编号"),
        ("doses", "client_id", "PatientID"),
        ("doses", "dose_mg", "Dose (mg)"),
    ],
)
def test_headers_of_clinics_are_known(table, column, header):
    assert strength(table, column, header) == STRONG


def test_a_name_of_the_schema_is_exact_and_a_vague_one_weak():
    assert strength("doses", "dose_mg", "dose_mg") == EXACT
    assert strength("doses", "client_id", "код") == WEAK
    assert strength("doses", "date", "colour") == 0
    assert strength("exits", "date", "Дата выдачи") == 0, "a name of the dosing log only"


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Доза, мг", "mg"),
        ("Доза (мл)", "ml"),
        ("剂量（毫升）", "ml"),
        ("dose_mg", "mg"),
        ("volume ml", "ml"),
        ("dose", None),
    ],
)
def test_the_unit_stands_at_the_end_of_a_header(header, unit):
    assert unit_of(header) == unit


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("sex", "М", "male"), ("sex", "жен.", "female"), ("sex", "女", "female"), ("sex", "эркек", "male"),
        ("sex", "1", None), ("sex", "2", None), ("yes_no", "Ооба", "yes"), ("yes_no", "否", "no"),
        ("medication", "МЕТАДОН", "methadone"), ("medication", "丁丙诺啡", "buprenorphine"),
        ("exit_reason", "Умер(ла)", "death"), ("enrolment_type", "повторно", "repeat"), ("exit_reason", "?", None),
    ],
)  # fmt: skip
def test_words_for_values(name, cell, value):
    assert value_of(name, cell) == value


def test_words_for_not_known_are_no_numbers_and_no_answers():
    assert all(map(is_missing, ("нет данных", "Н/Д", "N/A", "不详", "-")))
    assert not any(map(is_missing, ("-9", "99", "0", "нет", "no", "否", "none")))


def test_direct_identifiers_are_known_by_their_header():
    assert [identifier_of(name) for name in ("ФИО", "手机号", "Паспорт", "ИНН", "дареги", "dose")] == [
        "name", "telephone", "passport", "number", "address", None,
    ]  # fmt: skip


def test_medication_and_table_by_name():
    assert medication_in("剂量 美沙酮") == "methadone"
    assert medication_in("Доза") is None
    assert names_table("doses", "Журнал выдачи 2023")
    assert not names_table("doses", "clients")
