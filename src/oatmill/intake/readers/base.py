"""What every reader hands over: a `DataFile` (header only), and a DuckDB table in which every cell is text.

Tables of a source called `doses`: `raw_doses` (columns c0, c1, ... of `DataFile.header`; `rowid` is the row, from 0),
`total_doses` (`row`: rows that are sums, not clients), `skipped_doses` (`line`, `why`: lines of the file that are
no rows), `broken_doses` (`line`: lines that could not be read). Of the second file of a table: `raw_doses_2`, and so on.
"""

from __future__ import annotations

import datetime as dt
import importlib
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.errors import Fault, PackageMissing
from oatmill.intake import sql
from oatmill.source import Source
from oatmill.text import _

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MOST_COLUMNS = 2000
BLANKS = " \t\r\n\u00a0\ufeff"  # what stands around a cell without meaning anything
BATCH = 50_000  # rows that are handed over at once
_WHOLE = 1e15  # below, a float that is whole is written without decimals


@dataclass(frozen=True)
class DataFile:
    """One file of a source: where it is, what its header says, and how it is read.

    `names` are all columns of the file; `header` leaves out those that the study file drops, which are never read.
    `native`: the format has dates and numbers of its own; they come as YYYY-MM-DD and with a decimal point.
    `first_line`: what its user calls the first row, where no line of the file is skipped.
    `part`: its number from 1, where the source has several. `parts`: of a source with several, these files; `names`
    are then all that any of them has.
    """

    table: str
    source: Source
    path: Path
    names: tuple[str, ...]
    delimiter: str = ","
    kind: str = "text"
    native: bool = False
    first_line: int = 2
    part: int = 0
    parts: tuple[DataFile, ...] = ()

    @property
    def key(self) -> str:
        """What its DuckDB tables are called after."""
        return f"{self.table}_{self.part}" if self.part else self.table

    @property
    def name(self) -> str:
        """The file as the study file writes it."""
        return self.source.name

    @property
    def raw(self) -> str:
        """The DuckDB table of its text: columns c0, c1, ...; `rowid` is the row, from 0."""
        return f"raw_{self.key}"

    @property
    def taken(self) -> tuple[int, ...]:
        """Positions in the file of the columns of `header`."""
        return tuple(k for k, name in enumerate(self.names) if name not in self.source.drop)

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(self.names[k] for k in self.taken)


class Unreadable(Exception):
    """Carries the fault of one file to the report of all faults."""

    def __init__(self, fault: Fault):
        super().__init__(fault.what)
        self.fault = fault


def needed(module: str, package: str) -> Any:
    """A package of the extra `formats`.

    Raises
    ------
    PackageMissing
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        pass
    raise PackageMissing(
        _("This file needs the package {package}, which is not installed.", package=package),
        cure=_("Install it with: {command}", command='pip install "oatmill[formats]"'),
    )


def data_file(table: str, source: Source, path: Path, names: Iterable[Any], **how: Any) -> DataFile:
    """A `DataFile` with a header of bearable width."""
    header = tuple("" if name is None else str(name).strip() for name in names)
    if len(header) > MOST_COLUMNS:
        what = _("the header has more than {n} columns", n=f"{MOST_COLUMNS:,}")
        raise Unreadable(Fault(what, file=source.name, row=1, cure=_("Write the file again with the columns needed.")))
    return DataFile(table, source, path, header, **how)


def damaged(name: str) -> Fault:
    """The fault of a file that is not what it begins like."""
    return Fault(
        _("the file is damaged, or not of the kind that its beginning or its name says"),
        file=name,
        cure=_("Open it in the program it came from, save it again, or save it as `CSV UTF-8` and name that file."),
    )


def start(con: duckdb.DuckDBPyConnection, file: DataFile) -> None:
    """Empty tables for what stands beside the rows."""
    for name in (file.raw, *(f"{kind}_{file.key}" for kind in ("total", "skipped", "broken", "scan"))):
        con.execute(f"DROP TABLE IF EXISTS {name}")
    con.execute(f"CREATE TABLE total_{file.key} (row BIGINT)")
    con.execute(f"CREATE TABLE skipped_{file.key} (line BIGINT, why VARCHAR)")


def select_rows(file: DataFile, cells: Sequence[str], source: str) -> str:
    """The query of the columns that are kept; `cells` is the SQL text of each column of the file, in order."""
    kept = [f"{cells[position]} AS c{k}" for k, position in enumerate(file.taken)]
    if file.source.total_lines:
        kept.append(f"{_total_sql(file, cells)} AS is_total")
    return f"SELECT {', '.join(kept)} FROM {source}"


def finish(con: duckdb.DuckDBPyConnection, file: DataFile) -> None:
    """List the rows that are totals."""
    if file.source.total_lines:
        con.execute(f"INSERT INTO total_{file.key} SELECT rowid FROM {file.raw} WHERE is_total")
        con.execute(f"ALTER TABLE {file.raw} DROP COLUMN is_total")


def note_skipped(con: duckdb.DuckDBPyConnection, file: DataFile, skipped: Sequence[tuple[int, str]]) -> None:
    """Write down lines of the file that are no rows: title, comment, blank, or inside a cell that began above."""
    import pandas as pd

    if skipped:
        frame = pd.DataFrame(skipped, columns=["line", "why"]).astype({"why": "string"})
        con.register("skipped_now", frame)
        con.execute(f"INSERT INTO skipped_{file.key} SELECT line, why FROM skipped_now")
        con.unregister("skipped_now")


def append_rows(con: duckdb.DuckDBPyConnection, file: DataFile, rows: Sequence[Sequence[str | None]]) -> None:
    """Add rows of text, each as long as `file.names`."""
    import pandas as pd

    columns = zip(*rows, strict=True) if rows else [()] * len(file.names)
    frame = pd.DataFrame({f"x{k}": pd.array(list(cells), dtype="string") for k, cells in enumerate(columns)})
    append_frame(con, file, frame)


def append_frame(con: duckdb.DuckDBPyConnection, file: DataFile, frame: pd.DataFrame) -> None:
    """Add a frame of text with one column for each of `file.names`."""
    made = exists(con, file.raw)
    con.register("chunk", frame)
    query = select_rows(file, [sql.name(str(name)) for name in frame.columns], "chunk")
    con.execute(f"INSERT INTO {file.raw} {query}" if made else f"CREATE TABLE {file.raw} AS {query}")
    con.unregister("chunk")


def texts_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell of a frame as text, under the column names x0, x1, ..."""
    import numpy as np
    import pandas as pd

    columns = {}
    for k in range(frame.shape[1]):
        codes, values = pd.factorize(frame.iloc[:, k])  # few values, many rows
        words = np.array([*map(text_of, values), None], dtype=object)
        columns[f"x{k}"] = pd.array(words[codes], dtype="string")
    return pd.DataFrame(columns)


def text_of(value: Any) -> str | None:
    """A cell of a format with types as text: dates YYYY-MM-DD, whole numbers without decimals.

    >>> text_of(60.0), text_of(0.1), text_of(dt.datetime(2020, 1, 31)), text_of(True), text_of(float("nan"))
    ('60', '0.1', '2020-01-31', 'true', None)
    """
    if value is None or value != value:  # not a number, not a time
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.replace(tzinfo=None).isoformat(" ")
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number(value)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < _WHOLE else repr(value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def lines_of(con: duckdb.DuckDBPyConnection, file: DataFile, rows: list[int]) -> list[int]:
    """Lines in the file of rows of `file.raw`. Lines that are no rows, and broken ones, count as lines."""
    no_rows = f"SELECT line FROM skipped_{file.key}"
    if exists(con, f"broken_{file.key}"):
        no_rows += f" UNION SELECT line FROM broken_{file.key}"
    found = con.execute(f"SELECT DISTINCT line FROM ({no_rows}) WHERE line IS NOT NULL ORDER BY 1").fetchall()
    return place([line for (line,) in found], [row + file.first_line for row in rows])


def place(skipped: Sequence[int], lines: Iterable[int]) -> list[int]:
    """Where lines stand in a file, when they were counted without the `skipped` ones (sorted).

    >>> place([1, 2, 5], [1, 2, 3])
    [3, 4, 6]
    """
    before = [line - k for k, line in enumerate(skipped)]
    return [line + bisect_right(before, line) for line in lines]


def exists(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall()
    return bool(found[0][0])


def _total_sql(file: DataFile, cells: Sequence[str]) -> str:
    """Whether the first filled cell of a row begins like a total."""
    first = ", ".join(f"nullif(trim({cell}, {sql.value(BLANKS)}), '')" for cell in cells)
    words = [f"starts_with(lower(coalesce({first})), {sql.value(word.lower())})" for word in file.source.total_lines]
    return f"coalesce({' OR '.join(words)}, false)"
