"""What is seen of a file without a study file: certain things are proposed, uncertain ones are said."""

from __future__ import annotations

import pytest

from oatmill.errors import FileMissing
from oatmill.intake.sample import read_samples

ROWS = "".join(f"К{k};31.12.2019;{k * 11},5;Бишкек\n" for k in range(30))
RUSSIAN = f"Отчёт клиники за 2019;;;\n;;;\nКод пациента;Дата приёма;Доза, мг;Пункт\n{ROWS}Итого;;1 234,5;\n"
CHINESE = "患者编号,服药日期,剂量\n" + "".join(f"P{k:03},2019/12/31,{k + 20}\n" for k in range(30))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "koi8-r", "utf-16"])
def test_a_russian_export_with_titles_and_a_total(tmp_path, encoding):
    (tmp_path / "d.csv").write_bytes(RUSSIAN.encode(encoding))
    (one,) = read_samples(tmp_path / "d.csv")
    named = {} if encoding == "utf-8" else {"encoding": encoding}
    expected = {"delimiter": ";", "header_line": 3, "total_lines": ["Итого"], "decimal": ","}
    assert one.settings == named | expected
    assert one.header == ("Код пациента", "Дата приёма", "Доза, мг", "Пункт")
    assert len(one.rows) == 30 and one.rows[1] == ("К1", "31.12.2019", "11,5", "Бишкек")
    assert not one.doubts


def test_a_chinese_export(tmp_path):
    (tmp_path / "d.csv").write_bytes(CHINESE.encode("gb18030"))
    (one,) = read_samples(tmp_path / "d.csv")
    assert (one.settings, one.header, len(one.rows)) == ({"encoding": "gb18030"}, ("患者编号", "服药日期", "剂量"), 30)


def test_comments_are_found_and_a_header_with_their_sign_is_none(tmp_path):
    (tmp_path / "d.csv").write_text("# made\nid,dose,x\nA,60,1\nB,6,2\n", encoding="utf-8")
    assert read_samples(tmp_path / "d.csv")[0].settings == {"comment": "#", "header_line": 2}
    (tmp_path / "d.csv").write_text("#id,dose,x\nA,60,1\nB,6,2\n", encoding="utf-8")
    assert read_samples(tmp_path / "d.csv")[0].settings == {}


def test_many_rows_that_begin_like_a_total_are_rows(tmp_path):
    (tmp_path / "d.csv").write_text("client,dose\n" + "Total,60\n" * 30, encoding="utf-8")
    (one,) = read_samples(tmp_path / "d.csv")
    assert (one.settings, len(one.rows)) == ({}, 30)


def test_what_is_not_certain_is_said(tmp_path):
    (tmp_path / "d.csv").write_text("A,2020-01-01,60\nB,2020-01-01,6\n", encoding="utf-8")
    assert "No line looks like the names of columns" in read_samples(tmp_path / "d.csv")[0].doubts[0]
    (tmp_path / "d.csv").write_text("id;dose\nA;1,234\nB;2,345\n", encoding="utf-8")
    (one,) = read_samples(tmp_path / "d.csv")
    assert "decimal" not in one.settings and "is not certain" in one.doubts[0]


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "d.xlsx").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(FileMissing):
        read_samples(tmp_path / "d.xlsx")
    with pytest.raises(FileMissing):
        read_samples(tmp_path / "gone.csv")
