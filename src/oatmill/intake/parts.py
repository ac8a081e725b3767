"""Several files of one table, such as one for each month, read as one: its rows are theirs, file after file.

The text of all goes into one DuckDB table, `raw_doses`; `parts_doses` (`part`, `first`, `n`) says which rows of it
are whose. Lines are those of the file in which the row stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from oatmill.errors import Fault
from oatmill.intake.files import DataFile, Unreadable, lines_of, load, open_file
from oatmill.intake.readers.base import exists
from oatmill.study import Study
from oatmill.text import _

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Span:
    """The rows of a table that come from one file: from `first`, `n` of them (None: all there are)."""

    file: DataFile
    first: int = 0
    n: int | None = None

    @property
    def where(self) -> str:
        """The SQL test of a `row` that is among them."""
        return "true" if self.n is None else f"(row >= {self.first} AND row < {self.first + self.n})"

    def holds(self, row: int) -> bool:
        return self.n is None or self.first <= row < self.first + self.n

    def lines(self, con: duckdb.DuckDBPyConnection, rows: Sequence[int]) -> list[int]:
        """Where rows of the table stand in the file."""
        return lines_of(con, self.file, [row - self.first for row in rows])


def open_table(study: Study, table: str) -> tuple[DataFile | None, list[Fault]]:
    """Find the files of a table and read their headers; None where one of them cannot be read, with every fault.

    Raises
    ------
    StudyInvalid, PackageMissing
    """
    source, paths = study.sources[table], study.paths_of(table)
    files, faults = [], []
    for name, path in paths.items():
        own = source if source.url_from else source.model_copy(update={"file": (name,)})
        try:
            files.append(open_file(table, own, path))
        except Unreadable as unreadable:
            faults.append(unreadable.fault)
    if faults:
        return None, faults
    if len(files) == 1:
        return files[0], []
    odd = [_other_kind(file, files[0]) for file in files if file.native != files[0].native]
    return (None, odd) if odd else (_joined(files), [])


def load_table(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    """Read every row of every file as text into the table `file.raw`; return what could not be read."""
    if not file.parts:
        return load(con, file, folder)
    faults: list[Fault] = []
    con.execute(f"CREATE TABLE {file.raw} ({', '.join(f'c{k} VARCHAR' for k in range(len(file.header)))})")
    con.execute(f"CREATE TABLE total_{file.key} (row BIGINT)")
    con.execute(f"CREATE TABLE parts_{file.key} (part INTEGER, first BIGINT, n BIGINT)")
    for part in file.parts:
        faults += load(con, part, folder)
        if exists(con, part.raw):
            _append(con, file, part)
    return faults


def spans_of(con: duckdb.DuckDBPyConnection, file: DataFile) -> list[Span]:
    """Which rows of a table are whose."""
    if not file.parts:
        return [Span(file)]
    rows = con.execute(f"SELECT part, first, n FROM parts_{file.key} ORDER BY first, part").fetchall()
    return [Span(file.parts[part - 1], first, n) for part, first, n in rows]


def places_in(whole: DataFile, part: DataFile) -> list[int]:
    """Position in the table of each column of one of its files."""
    places = {name: k for k, name in enumerate(_numbered(whole.header))}
    return [places[name] for name in _numbered(part.header)]


def _joined(files: Sequence[DataFile]) -> DataFile:
    """The table of several files: the columns of all, in the order in which they first come."""
    parts = tuple(replace(file, part=k) for k, file in enumerate(files, 1))
    names = dict.fromkeys(name for part in parts for name in _numbered(part.names))
    whole = tuple(name for name, _again in names)
    return replace(files[0], names=whole, parts=parts)


def _numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name, and how often it stood before: a header may have one twice."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        numbered.append((name, seen[name]))
        seen[name] += 1
    return numbered


def _append(con: duckdb.DuckDBPyConnection, file: DataFile, part: DataFile) -> None:
    (first,), (n,) = (con.execute(f"SELECT count(*) FROM {raw}").fetchall()[0] for raw in (file.raw, part.raw))
    here = ", ".join(f"c{place}" for place in places_in(file, part))
    cells = ", ".join(f"c{k}" for k in range(len(part.header)))
    con.execute(f"INSERT INTO {file.raw} ({here}) SELECT {cells} FROM {part.raw} ORDER BY rowid")
    con.execute(f"INSERT INTO total_{file.key} SELECT row + {first} FROM total_{part.key}")
    con.execute(f"INSERT INTO parts_{file.key} VALUES ({part.part}, {first}, {n})")
    con.execute(f"DROP TABLE {part.raw}")


def _other_kind(file: DataFile, first: DataFile) -> Fault:
    what = _("the files of one table are of different kinds: text, and a format with dates and numbers of its own")
    cure = _("Save all files of the table in one format.")
    return Fault(what, file=file.name, expected=_("the same kind as {file}", file=first.name), cure=cure)
