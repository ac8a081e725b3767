"""The dosing log, read in chunks of whole clients so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
from numpy.typing import NDArray

from oatmill.episodes._kernels import in_order

Ints: TypeAlias = NDArray[np.integer]
Flags: TypeAlias = NDArray[np.bool_]

UNKNOWN = -1
ROWS_AT_ONCE = 1_000_000
# What the rows of an unsorted log may take while they are brought into order, in bytes.
MEMORY = 2 * 2**30
TYPES = {
    "client": np.int32,
    "day": np.int32,
    "dose_dmg": np.int32,
    "site": np.int32,
    "medication": np.int8,
    "take_home": np.int16,
}
# The columns of a log as `Rows` holds them.
SELECTED = """client::INTEGER AS client, day::INTEGER AS day, coalesce(dose_dmg, -1)::INTEGER AS dose_dmg,
    coalesce(site, -1)::INTEGER AS site, coalesce(medication, -1)::TINYINT AS medication,
    coalesce(take_home_days, 0)::SMALLINT AS take_home"""


@dataclass(frozen=True)
class Rows:
    """Rows of the dosing log of some whole clients, sorted by client, day, site and medication.

    Each array has one value per row: `client`; `day` of dispensing (days since 1970-01-01); `dose_dmg`, one day's
    dose in tenths of mg (`UNKNOWN` = covered, dose not known); `site`, an index into the codes (-1 = not known);
    `medication`, an index into `schema.MEDICATIONS`; `take_home`, further days supplied.
    """

    client: Ints
    day: Ints
    dose_dmg: Ints
    site: Ints
    medication: Ints
    take_home: Ints

    def __len__(self) -> int:
        return len(self.client)

    def take(self, index: Ints | Flags) -> Rows:
        return Rows(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


def read_rows(doses: Path, last_day: int, rows_at_once: int = ROWS_AT_ONCE, memory: int = MEMORY) -> Iterator[Rows]:
    """Chunks of the log up to `last_day`, each of whole clients, in the order of the clients.

    A log that is sorted by client is streamed. Another one is first brought into order: in memory, one integer a
    row, where that fits into `memory` bytes, else by DuckDB on disk within the same bound. The next chunk is read
    while the caller works on the last one.
    """
    from oatmill.episodes.shuffled import in_memory, sorted_copy

    with duckdb.connect() as connection:
        connection.execute("SET parquet_metadata_cache = true")
        ranges = client_ranges(connection, doses, rows_at_once)
        if ranges is not None:
            yield from _ahead(_range_of(connection, doses, last_day, *span) for span in ranges)
            return
        packed = in_memory(connection, doses, last_day, rows_at_once, memory)
        if packed is not None:
            yield from _ahead(packed)
            return
    with sorted_copy(doses, memory) as path:
        yield from read_rows(path, last_day, rows_at_once, memory)


def pack(high: Ints, low: Ints, base: int) -> NDArray[np.int64]:
    """Two integers as one sortable key; `low - base` must lie in 0 .. 2^32 - 1."""
    return (np.asarray(high, dtype=np.int64) << 32) + (np.asarray(low, dtype=np.int64) - base)


def client_ranges(
    connection: duckdb.DuckDBPyConnection, doses: Path, rows_at_once: int
) -> list[tuple[int, int]] | None:
    """Ranges of clients with about `rows_at_once` rows each; None where the file is not sorted by client.

    Read from the file's own statistics: the lowest and the highest client of each row group.
    """
    found = connection.execute(
        """SELECT row_group_num_rows, stats_min_value::BIGINT, stats_max_value::BIGINT FROM parquet_metadata($doses)
           WHERE path_in_schema = 'client' AND row_group_num_rows > 0 ORDER BY file_name, row_group_id""",
        {"doses": str(doses)},
    ).fetchall()
    if any(low is None or high is None for _n, low, high in found):
        return None
    if any(low < before for (_n, _low, before), (_m, low, _high) in zip(found, found[1:], strict=False)):
        return None
    if any(n > 8 * ROWS_AT_ONCE for n, _low, _high in found):  # a chunk is at least one row group
        return None
    ranges, begin, rows = [], None, 0
    for n, low, high in found:
        begin = low if begin is None else begin
        rows += n
        if rows >= rows_at_once and high >= begin:
            ranges.append((begin, high))
            begin, rows = high + 1, 0
    if rows and begin is not None and found[-1][2] >= begin:
        ranges.append((begin, found[-1][2]))
    return ranges


def fetch_rows(connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, object]) -> Rows:
    columns = connection.execute(query, values).fetchnumpy()
    return Rows(*(np.asarray(columns[name], dtype=kind) for name, kind in TYPES.items()))


def sorted_rows(rows: Rows) -> Rows:
    """The rows in order; where they are in order already, this costs one comparison."""
    if in_order(rows.client, rows.day, rows.site, rows.medication):
        return rows
    return rows.take(np.lexsort((rows.medication, rows.site, rows.day, rows.client)))


def _range_of(connection: duckdb.DuckDBPyConnection, doses: Path, last_day: int, first: int, last: int) -> Rows:
    query = f"SELECT {SELECTED} FROM read_parquet($doses) WHERE client BETWEEN $first AND $last AND day <= $last_day"
    values = {"doses": str(doses), "first": first, "last": last, "last_day": last_day}
    return sorted_rows(fetch_rows(connection, query, values))


def _ahead(chunks: Iterator[Rows]) -> Iterator[Rows]:
    """The same chunks without empty ones, each made in a second thread while the caller works on the one before."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(next, chunks, None)
        while (rows := waiting.result()) is not None:
            waiting = pool.submit(next, chunks, None)
            if len(rows):
                yield rows
