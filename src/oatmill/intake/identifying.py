"""Columns that name a person outright: refused unless the study file names them under `drop`.

A column is found by its header (in English, Russian, Kyrgyz and Chinese), or by its cells. Nothing in a report
needs it; once dropped it is never read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import duckdb

from oatmill.errors import Fault
from oatmill.intake.columns import Layout, names_told
from oatmill.text import _

# Kind -> words of a header that say so, each on its own or among others.
_HEADERS: dict[str, tuple[str, ...]] = {
    "name": (
        "name", "names", "surname", "forename", "firstname", "lastname", "fullname", "patronymic", "fio", "фио", "ф и о",
        "фамилия", "имя", "отчество", "аты", "фамилиясы", "атасынын аты", "аты жөнү", "姓名", "名字", "姓",
    ),
    "phone": (
        "phone", "telephone", "mobile", "cellphone", "тел", "телефон", "мобильный", "телефону", "电话", "手机", "手机号",
        "联系电话",
    ),
    "passport": (
        "passport", "паспорт", "паспорту", "inn", "инн", "пин", "снилс", "national id", "id card", "identity card",
        "ssn", "nin", "身份证", "身份证号", "护照",
    ),
    "address": ("address", "адрес", "дареги", "email", "e mail", "почта", "住址", "地址", "邮箱"),
}  # fmt: skip
# A header with one of these speaks of something else that has a name or an address.
_OTHERS = {
    "site", "clinic", "centre", "center", "hospital", "drug", "medication", "medicine", "programme", "program", "test",
    "file", "doctor", "nurse", "staff", "reason", "препарата", "препарат", "пункта", "клиники", "центра", "учреждения",
    "врача", "организации", "город", "ооканун", "药物", "门诊", "医院", "机构",
}  # fmt: skip
_IDEOGRAPH = re.compile(r"[\u4e00-\u9fff]")

# Kind -> a cell that can be nothing else, as DuckDB's RE2 reads it. Most cells of a column must be so.
_CELLS: dict[str, str] = {
    "phone": r"\+[0-9][0-9 ()./-]{8,18}|0[0-9]{2,3}[ ()/-][0-9 ()/-]{5,12}",
    "address": r"[^@ ]+@[^@ ]+\.[A-Za-z]{2,}",
    "passport": r"(AN|ID|АН) ?[0-9]{7}|[12](0[1-9]|[12][0-9]|3[01])(0[1-9]|1[0-2])(19|20)[0-9]{7}|[0-9]{17}[0-9Xx]",
}
_LOOKED_AT = 2000
_MOST = 0.6  # of the filled cells
_LEAST = 3


def kind_of_header(name: str) -> str | None:
    """What a column with this header would tell of a person: name, phone, passport, address; None: nothing.

    >>> kind_of_header("ФИО пациента"), kind_of_header("Patient_Name"), kind_of_header("site name"), kind_of_header("患者姓名")
    ('name', 'name', None, 'name')
    """
    plain = " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", _apart(name)).lower().replace("ё", "е")))
    words = set(plain.split())
    if words & _OTHERS or any(other in plain for other in _OTHERS if _IDEOGRAPH.search(other)):
        return None
    for kind, known in _HEADERS.items():
        for word in known:
            inside = word in plain if _IDEOGRAPH.search(word) else f" {word} " in f" {plain} "
            if inside:
                return kind
    return None


def check_identifying(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Fault]:
    """A fault for each column about clients that names a person and is not dropped.

    Only columns that nothing uses are looked at: a used one is what the study file says it is.
    """
    if not layout.has("client_id"):
        return []
    faults = []
    for name, position in layout.unused.items():
        kind = kind_of_header(name) or _kind_of_cells(con, layout, position)
        if kind:
            faults.append(_fault(layout, name, position, kind))
    return faults


def _apart(name: str) -> str:
    """Words of a name written together, apart: PatientName."""
    return re.sub(r"(?<=[a-zа-я])(?=[A-ZА-Я])", " ", name)


def _kind_of_cells(con: duckdb.DuckDBPyConnection, layout: Layout, position: int) -> str | None:
    tests = ", ".join(f"count(*) FILTER (regexp_full_match(cell, '{form}'))" for form in _CELLS.values())
    some = f"SELECT trim(c{position}) AS cell FROM {layout.file.raw} LIMIT {_LOOKED_AT}"
    found = con.execute(f"SELECT count(*), {tests} FROM ({some}) WHERE cell <> ''").fetchone() or (0,)
    filled, counts = found[0], found[1:]
    return next((kind for kind, n in zip(_CELLS, counts, strict=True) if n >= _LEAST and n >= _MOST * filled), None)


_WORDS: dict[str, Callable[[], str]] = {
    "name": lambda: _("the column looks like names of people"),
    "phone": lambda: _("the column looks like telephone numbers"),
    "passport": lambda: _("the column looks like numbers of passports or identity cards"),
    "address": lambda: _("the column looks like addresses"),
}


def _fault(layout: Layout, name: str, position: int, kind: str) -> Fault:
    told: Sequence[str] = names_told([name])
    cure = _(
        "Write its name under `sources: {table}: drop:` in the study file, as `drop: [{name}]`; it is then never read.",
        table=layout.table.name,
        name=told[0] if told else _("name in the file"),
    )
    column = told[0] if told else str(position + 1)
    return Fault(
        _WORDS[kind](),
        file=layout.file.name,
        row=layout.file.source.header_line,
        column=column,
        expected=_("no column that says who a client is, other than the identifier"),
        cure=cure,
    )
