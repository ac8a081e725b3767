"""The dosing log, read in chunks of whole clients so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from oatmill.episodes._kernels import in_order

Ints: TypeAlias = NDArray[np.integer]
Flags: TypeAlias = NDArray[np.bool_]

Part = TypeVar("Part")

UNKNOWN = -1
ROWS_AT_ONCE = 100_000
# What the rows of an unsorted log may take while they are brought into order, in bytes.
MEMORY = 2 * 2**30
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

    def take(self, index: Ints | slice) -> Rows:
        return Rows(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


class OutOfOrder(Exception):
    """The log is not sorted by client, day, site and medication."""


def map_rows(
    work: Callable[[Rows], Part], doses: Path, last_day: int, rows_at_once: int = ROWS_AT_ONCE, memory: int = MEMORY
) -> list[Part]:
    """What `work` makes of each chunk of the log up to `last_day`; a chunk holds whole clients, in their order.

    A log that is sorted is streamed. Another one is first brought into order: in memory, one integer a row, where
    that fits into `memory` bytes, else by DuckDB on disk within the same bound. The next chunk is read while `work`
    is busy with the last one.
    """
    from oatmill.episodes.shuffled import in_memory, sorted_copy

    try:
        return [work(rows) for rows in ahead(_whole_clients(batches(doses, last_day), rows_at_once))]
    except OutOfOrder:
        chunks = in_memory(doses, last_day, rows_at_once, memory)
    if chunks is not None:
        return [work(rows) for rows in ahead(chunks)]
    with sorted_copy(doses, memory) as path:
        return [work(rows) for rows in ahead(_whole_clients(batches(path, last_day), rows_at_once))]


def stream(query: str, values: dict[str, object]) -> Iterator[list[np.ndarray]]:
    """The columns of a query's result without missing values, a batch at a time, in the order of the rows."""
    import nanoarrow

    with duckdb.connect() as connection:
        for batch in nanoarrow.c_array_stream(connection.sql(query, params=values)):
            columns = (batch.child(k).view().buffer(1) for k in range(batch.n_children))
            yield [np.asarray(column)[: batch.length] for column in columns]


def ahead(chunks: Iterator[Rows]) -> Iterator[Rows]:
    """The same chunks, each made in a second thread while the caller works on the one before."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(next, chunks, None)
        while (rows := waiting.result()) is not None:
            waiting = pool.submit(next, chunks, None)
            yield rows


def pack(high: Ints, low: Ints, base: int) -> NDArray[np.int64]:
    """Two integers as one sortable key; `low - base` must lie in 0 .. 2^32 - 1."""
    return (np.asarray(high, dtype=np.int64) << 32) + (np.asarray(low, dtype=np.int64) - base)


def batches(doses: Path, last_day: int) -> Iterator[Rows]:
    query = f"SELECT {SELECTED} FROM read_parquet($doses) WHERE day <= $last_day"
    for columns in stream(query, {"doses": str(doses), "last_day": last_day}):
        yield Rows(*columns)


def _whole_clients(batches: Iterator[Rows], rows_at_once: int) -> Iterator[Rows]:
    """The rows again in chunks of at least `rows_at_once`, none of which divides a client.

    Raises
    ------
    OutOfOrder
    """
    kept: list[Rows] = []
    for batch in batches:
        kept.append(batch)
        if sum(map(len, kept)) < rows_at_once:
            continue
        rows = _checked(kept)
        last = int(np.searchsorted(rows.client, rows.client[-1]))
        if last:
            yield rows.take(slice(0, last))
        kept = [rows.take(slice(last, None))]
    if kept:
        yield _checked(kept)


def _checked(parts: list[Rows]) -> Rows:
    rows = Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__dataclass_fields__))
    if not in_order(rows.client, rows.day, rows.site, rows.medication):
        raise OutOfOrder
    return rows
