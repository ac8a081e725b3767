"""Chapters declare themselves in their notebook's metadata; here they meet what a study's files hold.

`{"oatmill": {"title": ..., "question": ..., "requires": {"doses": ["client_id", "date"]}, "optional": {"clients.sex":
"no curves by sex"}}}`. `requires` may be a list of such mappings: any one of them is enough.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from oatmill.errors import Fault, FileMissing, UsageError
from oatmill.schema import TABLES
from oatmill.study import Study
from oatmill.text import _

_NAME = re.compile(r"^(\d{2,3})_[a-z0-9_]+$")

_LONGEST_HEADER = 1 << 20  # characters

Columns = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Chapter:
    """One notebook and what it declares. `page` is its file name without `.ipynb`."""

    page: str
    path: Path
    title: str
    question: str = ""
    requires: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        return self.page.split("_", 1)[0]

    @property
    def tables(self) -> frozenset[str]:
        """Every table it can read."""
        named = {table for choice in self.requires for table in choice}
        return frozenset(named | {place.split(".")[0] for place in self.optional})


@dataclass(frozen=True)
class Capability:
    """What a chapter can do on a study: in full, reduced (`loses`: column, what is lost) or not at all (`lacks`)."""

    chapter: Chapter
    state: Literal["full", "reduced", "refused"]
    lacks: tuple[str, ...] = ()
    loses: tuple[tuple[str, str], ...] = ()

    @property
    def state_in_words(self) -> str:
        return {"full": _("in full"), "reduced": _("reduced"), "refused": _("no")}[self.state]

    @property
    def losses(self) -> dict[str, list[str]]:
        """What is lost -> the tables and columns to add."""
        if self.state == "refused":
            return {_("the whole chapter"): list(self.lacks)}
        losses: dict[str, list[str]] = {}
        for place, loss in self.loses:
            losses.setdefault(_(loss), []).append(place)
        return losses

    def reason(self) -> str:
        names = ", ".join(f"`{name}`" for name in self.lacks)
        return _("This study has no {columns}, which this chapter needs.", columns=names) if self.lacks else ""


def find_chapters(*folders: Path) -> list[Chapter]:
    """The notebooks of these folders in the order of their numbers; a later folder adds or replaces by number."""
    found: dict[str, Chapter] = {}
    for folder in folders:
        own = [read_chapter(path) for path in sorted(folder.glob("*.ipynb")) if _NAME.match(path.stem)]
        twice = {chapter.number for chapter in own if [c.number for c in own].count(chapter.number) > 1}
        if twice:
            raise UsageError(_("Two notebooks have the number {number}.", number=", ".join(sorted(twice))))
        found |= {chapter.number: chapter for chapter in own}
    return [found[number] for number in sorted(found)]


def read_chapter(path: Path) -> Chapter:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        declared = notebook["metadata"].get("oatmill", {})
        return _declared(path, declared, notebook)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            _("The notebook {file} cannot be read.", file=path.name),
            cure=_("Save it again from Jupyter; its metadata may hold `oatmill` with title, requires and optional."),
        ) from None


def _declared(path: Path, declared: Mapping[str, Any], notebook: Mapping[str, Any]) -> Chapter:
    choices = declared.get("requires", {})
    choices = choices if isinstance(choices, list) else [choices] if choices else []
    return Chapter(
        page=path.stem,
        path=path,
        title=declared.get("title") or _first_heading(notebook) or path.stem,
        question=declared.get("question", ""),
        requires=tuple({table: tuple(columns) for table, columns in choice.items()} for choice in choices),
        optional=dict(declared.get("optional", {})),
    )


def _first_heading(notebook: Mapping[str, Any]) -> str:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            match = re.search(r"^# (.+)$", "".join(cell["source"]), re.MULTILINE)
            return match[1].strip() if match else ""
    return ""


def columns_of(study: Study) -> Columns:
    """The schema columns that each of the study's files holds, from the first line of each.

    Raises
    ------
    FileMissing
        with all missing files at once
    """
    absent = [
        (table, name) for table in study.sources for name, path in study.paths_of(table).items() if not path.is_file()
    ]
    if absent and study.generate is None:
        faults = [Fault(_("there is no such file"), file=name) for _table, name in absent]
        raise FileMissing(_("The study file names files that do not exist."), faults)
    made = {table for table, _name in absent}
    return {name: frozenset(TABLES[name].names) if name in made else _columns(study, name) for name in study.sources}


def _columns(study: Study, table: str) -> frozenset[str]:
    from oatmill.intake.parts import open_table

    source = study.sources[table]
    file, faults = open_table(study, table)
    if file is None:
        raise FileMissing(_("A file of the study cannot be read."), faults)
    here = {name for name in TABLES[table].names if source.columns.get(name, name) in file.header}
    return frozenset(here | set(source.constants))


def read_header(path: Path, encoding: str = "utf-8", delimiter: str | None = None) -> list[str]:
    """The column names in the first line of a delimited text file."""
    with path.open(
        encoding="utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding, errors="replace"
    ) as file:
        line = file.readline(_LONGEST_HEADER).rstrip("\r\n")
    mark = delimiter or max(",;\t|", key=line.count)
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=mark), [])]
    except csv.Error:  # a cell of the size of a book: no name
        return []


def capabilities_of(chapters: Iterable[Chapter], columns: Columns) -> list[Capability]:
    return [_capability(chapter, columns) for chapter in chapters]


def _capability(chapter: Chapter, columns: Columns) -> Capability:
    lacking = [_lacks(choice, columns) for choice in chapter.requires]
    if lacking and all(lacking):
        return Capability(chapter, "refused", lacks=min(lacking, key=len))
    loses = tuple((place, loss) for place, loss in chapter.optional.items() if not _has(place, columns))
    return Capability(chapter, "reduced" if loses else "full", loses=loses)


def _lacks(choice: Mapping[str, tuple[str, ...]], columns: Columns) -> tuple[str, ...]:
    return tuple(
        f"{table}.{name}" for table, names in choice.items() for name in names if name not in columns.get(table, ())
    ) or tuple(table for table in choice if table not in columns)


def _has(place: str, columns: Columns) -> bool:
    """Whether the study has a table, or a `table.column`, or one of several joined by " or "."""
    if " or " in place:
        return any(_has(each, columns) for each in place.split(" or "))
    table, _dot, column = place.partition(".")
    return column in columns.get(table, ()) if column else table in columns
