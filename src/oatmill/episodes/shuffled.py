"""A dosing log that is not sorted by client, brought into order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from oatmill.episodes._kernels import count_rows, scatter, sort_each
from oatmill.episodes.log import TYPES, Rows

# A row without its client as one integer that sorts by day, site and medication: field, bits, added to the value.
FIELDS = (("day", 17, 0), ("site", 16, 1), ("medication", 4, 1), ("take_home", 11, 0), ("dose_dmg", 16, 1))
_AT_ONCE = 50  # row groups
_NULL = {"site": -1, "medication": -1, "take_home": 0, "dose_dmg": -1}
_COLUMN = {"take_home": "take_home_days"}


@dataclass(frozen=True)
class _Extent:
    """What a log spans: rows, lowest and highest client, lowest day, whether every field fits its bits."""

    rows: int
    first_client: int
    last_client: int
    first_day: int
    fits: bool


def in_memory(
    connection: duckdb.DuckDBPyConnection, doses: Path, last_day: int, rows_at_once: int, memory: int
) -> Iterator[Rows] | None:
    """Chunks of the log in order, from one integer a row; None where that does not fit into `memory` bytes."""
    extent = _extent(connection, doses, last_day)
    clients = extent.last_client - extent.first_client + 1
    if not extent.fits or 8 * (extent.rows + 3 * clients) > memory:
        return None
    return _chunks(connection, doses, last_day, extent, rows_at_once)


@contextmanager
def sorted_copy(doses: Path, memory: int) -> Iterator[Path]:
    """The log sorted on disk by DuckDB, for as long as it is needed."""
    with tempfile.TemporaryDirectory(dir=doses.parent, prefix=".sorted-") as folder:
        path = Path(folder) / "doses.parquet"
        with duckdb.connect(config={"memory_limit": f"{memory // 2**20}MB", "temp_directory": folder}) as connection:
            connection.execute(
                f"""COPY (SELECT * FROM read_parquet($doses) ORDER BY client, day, site, medication)
                    TO '{str(path).replace("'", "''")}' (FORMAT parquet)""",
                {"doses": str(doses)},
            )
        yield path


def _extent(connection: duckdb.DuckDBPyConnection, doses: Path, last_day: int) -> _Extent:
    sides = ", ".join(f"min({_of(name)}) AS least_{name}, max({_of(name)}) AS most_{name}" for name, _b, _a in FIELDS)
    found = connection.execute(
        f"SELECT count(*) AS n, min(client) AS a, max(client) AS b, {sides} FROM read_parquet($doses) WHERE day <= $last_day",
        {"doses": str(doses), "last_day": last_day},
    ).fetchnumpy()
    if not found["n"][0]:
        return _Extent(0, 0, 0, 0, fits=True)
    value = {name: int(column[0]) for name, column in found.items()}
    first_day = value["least_day"]
    base = {"day": first_day}
    fits = all(
        value[f"least_{name}"] - base.get(name, 0) + plus >= 0
        and value[f"most_{name}"] - base.get(name, 0) + plus < 2**bits
        for name, bits, plus in FIELDS
    )
    return _Extent(value["n"], value["a"], value["b"], first_day, fits)


def _of(name: str) -> str:
    column = _COLUMN.get(name, name)
    return f"coalesce({column}, {_NULL[name]})" if name in _NULL else column


def _key_sql(first_day: int) -> str:
    """The packed row in SQL."""
    parts, shift = [], 64
    for name, bits, plus in FIELDS:
        shift -= bits
        plus_sql = -first_day if name == "day" else plus
        parts.append(f"(({_of(name)}) + {plus_sql})::UBIGINT << {shift}")
    return " | ".join(f"({part})" for part in parts)


def _chunks(
    connection: duckdb.DuckDBPyConnection, doses: Path, last_day: int, extent: _Extent, rows_at_once: int
) -> Iterator[Rows]:
    n_clients = extent.last_client - extent.first_client + 1
    count = np.zeros(n_clients + 1, dtype=np.int64)
    for client, _key in _pieces(connection, doses, last_day, "0::UTINYINT"):
        count_rows(client, extent.first_client - 1, count)
    first = np.cumsum(count)
    keys, place = np.empty(extent.rows, dtype=np.uint64), first[:-1].copy()
    for client, key in _pieces(connection, doses, last_day, _key_sql(extent.first_day)):
        scatter(client, key, extent.first_client, place, keys)
    begin = 0
    while begin < n_clients:
        end = max(begin + 1, int(np.searchsorted(first, first[begin] + rows_at_once, side="right")) - 1)
        part = first[begin : end + 1]
        here = keys[part[0] : part[-1]]
        sort_each(part - part[0], here)
        yield _unpacked(np.repeat(np.arange(begin, end) + extent.first_client, np.diff(part)), here, extent.first_day)
        begin = end


def _unpacked(client: NDArray[np.int64], keys: NDArray[np.uint64], first_day: int) -> Rows:
    values, shift = {"client": client.astype(TYPES["client"])}, 64
    for name, bits, plus in FIELDS:
        shift -= bits
        field = ((keys >> np.uint64(shift)) & np.uint64(2**bits - 1)).astype(np.int64)
        values[name] = (field + (first_day if name == "day" else -plus)).astype(TYPES[name])
    return Rows(**values)


def _pieces(
    connection: duckdb.DuckDBPyConnection, doses: Path, last_day: int, key: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Client and key of every row, some row groups at a time, in the order of the file."""
    sizes = connection.execute(
        """SELECT any_value(row_group_num_rows) AS n FROM parquet_metadata($doses)
           GROUP BY file_name, row_group_id ORDER BY file_name, row_group_id""",
        {"doses": str(doses)},
    ).fetchnumpy()["n"]
    ends = np.cumsum(np.asarray(sizes, dtype=np.int64))
    begin = 0
    for end in [*ends[_AT_ONCE - 1 :: _AT_ONCE], *ends[-1:]]:
        if end <= begin:
            continue
        found = connection.execute(
            f"""SELECT client::INTEGER AS client, {key} AS packed FROM read_parquet($doses, file_row_number = true)
                WHERE file_row_number >= $begin AND file_row_number < $end AND day <= $last_day""",
            {"doses": str(doses), "begin": int(begin), "end": int(end), "last_day": last_day},
        ).fetchnumpy()
        yield np.asarray(found["client"]), np.asarray(found["packed"])
        begin = int(end)
