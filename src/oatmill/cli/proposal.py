"""init: from the headers of files to a study.yaml to edit. What is not certain is marked TODO, never guessed silently."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from oatmill.errors import Fault, FileMissing, UsageError
from oatmill.run import Console
from oatmill.run.chapters import read_header
from oatmill.schema import TABLES, Table
from oatmill.store import write_atomically
from oatmill.text import _

# Column -> other names for it, compared without case, spaces and punctuation.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "client_id": (
        "id",
        "patientid",
        "clientno",
        "patient",
        "client",
        "pid",
        "код",
        "кодклиента",
        "кодпациента",
        "编号",
        "患者编号",
    ),
    "date": ("day", "dosedate", "visitdate", "dispensed", "дата", "датаприема", "日期", "服药日期"),
    "dose_mg": ("dose", "dosemg", "methadonemg", "mg", "доза", "дозамг", "剂量"),
    "site_id": ("site", "clinic", "clinicid", "пункт", "клиника", "门诊"),
    "sex": ("gender", "пол", "性别"),
    "age": ("ageatentry", "возраст", "年龄"),
    "birth_date": ("dob", "birthdate", "датарождения", "出生日期"),
    "take_home_days": ("takehome", "takehomedays", "навынос", "带药天数"),
    "medication": ("drug", "препарат", "药物"),
    "reason": ("exitreason", "причина", "原因"),
    "enrolled": ("enrolment", "enrolmentdate", "датапоступления", "入组日期"),
    "left": ("exitdate", "discharged", "датавыбытия", "退出日期"),
}

say = Console().say


@dataclass(frozen=True)
class Guess:
    """A file taken for a table. `renamed`: column -> its name in the file; `lacking`: required columns not found."""

    file: Path
    table: Table
    renamed: dict[str, str]
    same: tuple[str, ...]
    lacking: tuple[str, ...]
    unused: tuple[str, ...]


def init(words: argparse.Namespace) -> int:
    target = words.folder / "study.yaml"
    if target.exists():
        raise UsageError(_("There is already a study file in {folder}; nothing was written.", folder=str(words.folder)))
    absent = [file for file in words.files if not file.is_file()]
    if absent:
        raise FileMissing(
            _("Some files do not exist."), [Fault(_("there is no such file"), str(file)) for file in absent]
        )
    guesses = [guess(file) for file in words.files]
    words.folder.mkdir(parents=True, exist_ok=True)
    write_atomically(target, propose(words.folder, guesses))
    say(_("Written: {path}", path=str(target)))
    say(_("Open it, settle every line marked TODO, then: oatmill check {folder}", folder=str(words.folder)))
    return 0


def guess(file: Path) -> Guess:
    """The table that this file's header fits best: most columns found, fewest required ones lacking."""
    header = read_header(file)
    return max((_match(file, table, header) for table in TABLES.values()), key=_fit)


def _fit(one: Guess) -> tuple[int, int, bool]:
    found = len(one.renamed) + len(one.same)
    return found - len(one.lacking), found, one.table.name == one.file.stem


def _match(file: Path, table: Table, header: Sequence[str]) -> Guess:
    same = tuple(name for name in table.names if name in header)
    free = {_plain(name): name for name in header if name not in same}
    renamed = {}
    for name in table.names:
        others = (_plain(name), *SYNONYMS.get(name, ()))
        found = next((free.pop(other) for other in others if name not in same and other in free), None)
        if found:
            renamed[name] = found
    lacking = tuple(name for name in table.required if name not in same and name not in renamed)
    return Guess(file, table, renamed, same, lacking, tuple(free.values()))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def propose(folder: Path, guesses: Sequence[Guess]) -> str:
    """The text of a study file."""
    identity = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:40] or "my-study"
    lines = [
        "# Proposed by `oatmill init`. Lines marked TODO wait for you; `oatmill check` says what is still missing.",
        "oatmill: 1",
        f"id: {_quoted(identity)}",
        "title: TODO a title for the report",
        "authors: []",
        "language: en  # en, ru, ky or zh",
        "sources:",
    ]
    seen: set[str] = set()
    for one in guesses:
        lines += _source(folder, one, repeated=one.table.name in seen)
        seen.add(one.table.name)
    lines += [
        "definitions:",
        "  gap_days: 30  # an episode ends at this many consecutive dose-free days",
        "  # data_cut: 2023-12-31  # TODO the last day with complete logs; without it the last day in the log",
        "  # blank_dose: covered  # TODO if dose_mg has blank cells: covered (dose unknown) or not_covered",
        "disclosure:",
        "  profile: midpoint6",
    ]
    return "\n".join(lines) + "\n"


def _relative(file: Path, folder: Path) -> str:
    """The file's path from the folder; the whole path where they are on different drives."""
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:
        return file.as_posix()


def _source(folder: Path, one: Guess, repeated: bool) -> list[str]:
    mark = "# " if repeated else ""
    path = _quoted(_relative(one.file.resolve(), folder.resolve()))
    lines = [f"  {mark}{one.table.name}:  # TODO is this right? {one.table.grain}", f"  {mark}  file: {path}"]
    if repeated:
        lines.insert(0, f"  # TODO a second file that looks like {one.table.name}:")
    lines.append(f"  {mark}  # date_format: '%d.%m.%Y'  # TODO if dates are not like 2020-01-31")
    if one.renamed or one.lacking:
        lines.append(f"  {mark}  columns:")
    lines += [f"  {mark}    {name}: {_quoted(found)}  # TODO is this right?" for name, found in one.renamed.items()]
    lines += [f"  {mark}    # {name}: TODO required; which column is it?" for name in one.lacking]
    if one.lacking and not one.renamed:
        lines = [line.replace("  columns:", "  # columns:") for line in lines]
    if one.unused:
        lines.append(f"  {mark}  # not used: {', '.join(map(_quoted, one.unused))}")
    return lines


def _quoted(name: str) -> str:
    """A name as YAML in quotation marks, on one line."""
    return str(yaml.safe_dump(name, default_style='"', allow_unicode=True, width=float("inf"))).strip()
