"""Every message and every check of the intake, with an example and the cure, from `messages.toml`.

The checks of a row are declared in `rules`; here they are listed for tables that have every column, so that a
reader of the book finds the id that a study file names under `checks:`.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oatmill.intake.columns import Layout
from oatmill.intake.readers.base import DataFile
from oatmill.intake.rules import Rule, row_rules
from oatmill.schema import TABLES
from oatmill.source import Source
from oatmill.study import Definitions, Severity, Study

_FILE = Path(__file__).with_name("messages.toml")
_DAY = dt.date(2020, 1, 31)


@dataclass(frozen=True)
class Example:
    """Files and lines of a study file that bring the message about; `words`, where it is no small text file."""

    files: Mapping[str, str] = field(default_factory=dict)
    study: str = ""
    encoding: str = "utf-8"
    words: str = ""

    @property
    def study_lines(self) -> str:
        """The lines of the study file; left out, each file is the table of its name."""
        sources = "".join(f"  {name.split('.')[0]}: {{file: {name}}}\n" for name in self.files)
        return self.study or f"sources:\n{sources}"


@dataclass(frozen=True)
class Message:
    """One message; `messages.toml` says what each field means."""

    id: str
    text: str
    stage: str
    codes: tuple[int, ...]
    cure: str
    example: Example


@dataclass(frozen=True)
class ListedCheck:
    """One check, or a family of them (`unreadable_*`). The checks of a row have their words in `rules`.

    `rule` are words for a check of a row whose own words hold a number of the study.
    """

    id: str
    cure: str
    example: Example
    texts: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    severity: Severity | None = None
    rule: str = ""

    @property
    def of_rows(self) -> bool:
        return not self.texts

    def covers(self, check: str) -> bool:
        return fnmatch.fnmatchcase(check, self.id)


def read_messages(file: Path = _FILE) -> tuple[list[Message], list[ListedCheck]]:
    with file.open("rb") as stream:
        entries = tomllib.load(stream)
    messages = [
        Message(entry["id"], entry["text"], entry["stage"], tuple(entry["codes"]), entry["cure"], _example(entry))
        for entry in entries["message"]
    ]
    checks = [
        ListedCheck(
            entry["id"],
            entry["cure"],
            _example(entry),
            tuple(entry.get("texts", ())),
            tuple(entry.get("tables", ())),
            entry.get("severity"),
            entry.get("rule", ""),
        )
        for entry in entries["check"]
    ]
    return messages, checks


def _example(entry: Mapping[str, Any]) -> Example:
    return Example(
        entry.get("files", {}), entry.get("study", ""), entry.get("encoding", "utf-8"), entry.get("example", "")
    )


def all_row_rules() -> dict[str, list[Rule]]:
    """Table -> every check of a row, as a study has them that has every column and every setting they need."""
    definitions = Definitions(data_cut=_DAY, programme_start=_DAY, take_home_policy_days=1)
    sources = {name: Source(file=name, total_lines=("Total",)) for name in TABLES}
    study = Study(oatmill=1, id="all", title="All", definitions=definitions, sources=sources)
    layouts = {name: _whole(name, source) for name, source in sources.items()}
    return {name: row_rules(study, layouts, name) for name in TABLES}


def _whole(table: str, source: Source) -> Layout:
    """A table with every column of the schema."""
    names = TABLES[table].names
    return Layout(DataFile(table, source, Path(table), names), {name: k for k, name in enumerate(names)}, {}, {})
