"""The dosing log, read in chunks of whole clients so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

UNKNOWN = -1
ROWS_AT_ONCE = 1_000_000
_EVERYONE = (-(2**31), 2**31 - 1)


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


def read_rows(
    doses: Path, last_day: int, rows_at_once: int = ROWS_AT_ONCE, clients: tuple[int, int] | None = None
) -> Iterator[Rows]:
    """Chunks of the log up to `last_day`, each of whole clients, in the order of the clients.

    `clients`: only those from the first number to the last.
    """
    with duckdb.connect() as connection:
        for first, last in _client_ranges(connection, doses, last_day, rows_at_once, clients or _EVERYONE):
            columns = connection.execute(
                """SELECT client, day, coalesce(dose_dmg, -1) AS dose_dmg, coalesce(site, -1) AS site,
                          coalesce(medication, -1) AS medication, coalesce(take_home_days, 0) AS take_home
                   FROM read_parquet($doses) WHERE client BETWEEN $first AND $last AND day <= $last_day""",
                {"doses": str(doses), "first": first, "last": last, "last_day": last_day},
            ).fetchnumpy()
            yield _sorted(Rows(*(np.asarray(column, dtype=np.int64) for column in columns.values())))


def pack(high: Ints, low: Ints, base: int) -> Ints:
    """Two integers as one sortable key; `low - base` must lie in 0 .. 2^32 - 1."""
    return (high << 32) + (low - base)


def _client_ranges(
    connection: duckdb.DuckDBPyConnection, doses: Path, last_day: int, rows_at_once: int, clients: tuple[int, int]
) -> list[tuple[int, int]]:
    counts = connection.execute(
        """SELECT client, count(*) AS n FROM read_parquet($doses) WHERE day <= $last_day AND client BETWEEN $first AND $last
           GROUP BY client ORDER BY client""",
        {"doses": str(doses), "last_day": last_day, "first": clients[0], "last": clients[1]},
    ).fetchnumpy()
    client, n = np.asarray(counts["client"], dtype=np.int64), np.asarray(counts["n"], dtype=np.int64)
    if not len(client):
        return []
    chunk = (np.cumsum(n) - n) // rows_at_once
    first = np.flatnonzero(np.diff(chunk, prepend=-1))
    last = np.append(first[1:], len(client)) - 1
    return [(int(client[a]), int(client[b])) for a, b in zip(first, last, strict=True)]


def _sorted(rows: Rows) -> Rows:
    """The rows in order; the file is in order already, so this costs one comparison."""
    if not len(rows):
        return rows
    who = pack(rows.client, rows.day, int(rows.day.min()))
    step, code = np.diff(who), np.diff(rows.site * 128 + rows.medication)
    if ((step > 0) | ((step == 0) & (code >= 0))).all():
        return rows
    return rows.take(np.lexsort((rows.medication, rows.site, rows.day, rows.client)))
