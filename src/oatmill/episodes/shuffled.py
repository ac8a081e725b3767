"""A dosing log that is not sorted by client, brought into order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from oatmill.episodes import _ordering as kernels
from oatmill.episodes.log import Rows, batches, stream

BYTES_OF_A_ROW = 12  # client and packed row
LEAST_MEMORY = 2**28  # that DuckDB needs to sort on disk
MOST_PARTS = 1024  # places that are written to at the same time
# Least value of each column of the packed row, and how many values its bits can hold.
_ROOM = {
    "coalesce(site, -1)": (-1, 2**kernels.SITE_BITS),
    "coalesce(medication, -1)": (-1, 2**kernels.MEDICATION_BITS),
    "coalesce(take_home_days, 0)": (0, 2**kernels.TAKE_HOME_BITS),
    "coalesce(dose_dmg, -1)": (-1, 2**kernels.DOSE_BITS),
}


@dataclass(frozen=True)
class _Extent:
    """What a log spans: rows, lowest and highest client, lowest day, whether every field fits its bits."""

    rows: int
    first_client: int
    last_client: int
    first_day: int
    fits: bool


def in_memory(doses: Path, last_day: int, rows_at_once: int, memory: int) -> Iterator[Rows] | None:
    """Chunks of the log in order, from one packed integer a row; None where that does not fit into `memory` bytes."""
    extent = _extent(doses, last_day)
    if not extent.fits or BYTES_OF_A_ROW * extent.rows > memory:
        return None
    return _chunks(doses, last_day, extent, rows_at_once)


@contextmanager
def sorted_copy(doses: Path, memory: int) -> Iterator[Path]:
    """The log sorted on disk by DuckDB, for as long as it is needed."""
    with tempfile.TemporaryDirectory(dir=doses.parent, prefix=".sorted-") as folder:
        path = Path(folder) / "doses.parquet"
        with duckdb.connect(
            config={"memory_limit": f"{max(memory, LEAST_MEMORY) // 2**20}MB", "temp_directory": folder}
        ) as connection:
            connection.execute(
                f"""COPY (SELECT * FROM read_parquet($doses) ORDER BY client, day, site, medication)
                    TO '{str(path).replace("'", "''")}' (FORMAT parquet)""",
                {"doses": str(doses)},
            )
        yield path


def _extent(doses: Path, last_day: int) -> _Extent:
    sides = ", ".join(f"min({column}), max({column})" for column in _ROOM)
    with duckdb.connect() as connection:
        ((n, first, last, first_day, latest, *bounds),) = connection.execute(
            f"""SELECT count(*), min(client), max(client), min(day), max(day), {sides}
                FROM read_parquet($doses) WHERE day <= $last_day""",
            {"doses": str(doses), "last_day": last_day},
        ).fetchall()
    fits = latest - first_day < 2**kernels.DAY_BITS and all(
        low >= least and high - least < room
        for low, high, (least, room) in zip(bounds[::2], bounds[1::2], _ROOM.values(), strict=True)
    )
    return _Extent(n, first, last, first_day, fits)


def _chunks(doses: Path, last_day: int, extent: _Extent, rows_at_once: int) -> Iterator[Rows]:
    """Rows are dealt into parts of some clients each; a part is brought into order when it is due."""
    base, n_clients = extent.first_client, extent.last_client - extent.first_client + 1
    most = min(MOST_PARTS, -(-extent.rows // rows_at_once))
    bits = max(0, (n_clients - 1).bit_length() - (most.bit_length() - 1))
    n_parts = ((n_clients - 1) >> bits) + 1
    count = np.zeros(n_parts + 1, dtype=np.int64)
    for (client,) in stream(
        "SELECT client::INTEGER AS client FROM read_parquet($doses) WHERE day <= $last_day",
        {"doses": str(doses), "last_day": last_day},
    ):
        kernels.count_parts(client, base, bits, count[1:])
    first = np.cumsum(count)
    clients, keys = np.empty(extent.rows, dtype=np.int32), np.empty(extent.rows, dtype=np.uint64)
    place = first[:-1].copy()
    for rows in batches(doses, last_day):
        kernels.partition(
            (rows.client, rows.day, rows.dose_dmg, rows.site, rows.medication, rows.take_home),
            base,
            extent.first_day,
            bits,
            place,
            clients,
            keys,
        )
    for part in range(n_parts):
        here = slice(first[part], first[part + 1])
        client, key = kernels.order_part(clients[here], keys[here], base + (part << bits), 1 << bits)
        if len(client):
            yield Rows(client, *kernels.unpack(key, extent.first_day))
