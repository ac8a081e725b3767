"""Doses and episodes -> runs of equal exposure, (start, stop], for regression of leaving on dose."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from oatmill.episodes._kernels import NEVER, cover, exposure
from oatmill.episodes.log import MEMORY, ROWS_AT_ONCE, Ints, Rows, map_rows
from oatmill.episodes.spells import deaths_and_prisons, first_of_groups
from oatmill.schema import MEDICATIONS
from oatmill.study import Definitions

DAYS_AT_ONCE = 2_000_000
_TYPES = {"client": "INT", "episode": "INT", "start": "INT", "stop": "INT", "dose_mg": "DOUBLE", "carried": "BOOL"}


@dataclass(frozen=True)
class Stays:
    """The episodes that are followed: one value each, sorted by client and first day.

    `time` is the last day at risk, `entry` the days before the client came under observation (0 for a starter),
    `event` the cause code on day `time` (0 = censored).
    """

    client: Ints
    episode: Ints
    start_day: Ints
    time: Ints
    event: Ints
    entry: Ints

    def __len__(self) -> int:
        return len(self.client)

    def part(self, piece: slice) -> Stays:
        return Stays(*(getattr(self, name)[piece] for name in self.__dataclass_fields__))


def build_intervals(
    doses: Path,
    episodes: pd.DataFrame,
    *,
    definitions: Definitions,
    lag_days: int | None = None,
    window_days: int = 7,
    exits: pd.DataFrame | None = None,
    to: Path,
    rows_at_once: int = ROWS_AT_ONCE,
    days_at_once: int = DAYS_AT_ONCE,
    memory: int = MEMORY,
) -> Path:
    """Time-varying dose of each client at risk, as a parquet of intervals (start, stop].

    Exposure on day d of an episode is the mean dose over the dosed days among d - lag - 6 .. d - lag. Where none of
    them was dosed, the last earlier value is carried forward and `carried` says so. Risk days are those from day
    lag + 7 (counted from the first day observed) to `time`; consecutive days of equal exposure are one interval.

    Parameters
    ----------
    doses : parquet of the dosing log
    episodes : one row per episode to follow: client, start_day (day 1), time (last day at risk), event (cause code on
        that day, 0 = censored), and, where they differ from 1 and 0, episode and entry. `Cohort.frame` is such a
        frame. Episodes of one client must not overlap.
    definitions : lag_days and medication are read
    lag_days, window_days : in days; `lag_days` instead of that of the definitions
    exits : recorded exits, which end take-home cover at a death or imprisonment
    to : the parquet to write
    rows_at_once, days_at_once : rows of the log, and days at risk, held in memory at a time
    memory : bytes that bringing an unsorted log into order may take

    Returns
    -------
    Path
        `to`: client INT, episode INT, start INT, stop INT (days of the episode), dose_mg DOUBLE, carried BOOLEAN, event
        TINYINT (on the interval that ends on day `time`), sorted by client, episode and start. `dose_mg` is NULL, with
        `carried` true, on days before any day with a known dose of the study's medication.

    Notes
    -----
    Every day at risk looks only backwards, so there is no immortal time; the price is that the estimate holds for
    clients still in treatment on the first day at risk. Stabilisation is applied later, by delayed entry.

    Examples
    --------
    Lag 2, window 7: the first day at risk is 9, with the mean of days 1 .. 7; day 10 has that of days 2 .. 8.
    """
    lag = definitions.lag_days if lag_days is None else lag_days
    stays = _stays(episodes)
    wanted, ends = MEDICATIONS.index(definitions.medication), deaths_and_prisons(exits)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".intervals-") as folder:

        def write_intervals(rows: Rows) -> list[Path]:
            followed, days, parts = _followed(stays, rows), _covered(rows, wanted, ends), []
            for number, piece in enumerate(_pieces(followed, days_at_once)):
                name = f"{rows.client[0]:012}-{number:06}.parquet"
                parts.append(_write(_exposure(piece, days, lag, window_days), Path(folder) / name))
            return parts

        last_day = int((stays.start_day + stays.time).max(initial=0)) - 1
        parts = list(chain.from_iterable(map_rows(write_intervals, doses, last_day, rows_at_once, memory)))
        whole = Path(folder) / "whole.parquet"
        _join(parts, whole)
        os.replace(whole, to)
    return to


@dataclass(frozen=True)
class _Days:
    """Covered days of each client: `client` of each group, and what `cover` returns."""

    client: Ints
    first_day: Ints
    day: Ints
    dose_dmg: Ints


def _followed(stays: Stays, rows: Rows) -> Stays:
    """The stays of the clients of a chunk."""
    begin, end = np.searchsorted(stays.client, rows.client[0]), np.searchsorted(stays.client, rows.client[-1], "right")
    return stays.part(slice(int(begin), int(end)))


def _covered(rows: Rows, wanted: int, ends: tuple[Ints, Ints]) -> _Days:
    first = first_of_groups(rows.client)
    columns = (rows.dose_dmg, rows.medication, rows.take_home)
    no_cut = np.full(len(first) - 1, NEVER, dtype=np.int64)
    first_day, _row, day, dose = cover(first, no_cut, rows.client, rows.day, columns, wanted, *ends)
    return _Days(rows.client[first[:-1]], first_day, day, dose)


def _stays(episodes: pd.DataFrame) -> Stays:
    def column(name: str, default: int) -> Ints:
        if name not in episodes:
            return np.full(len(episodes), default, dtype=np.int64)
        return episodes[name].to_numpy(np.int64)

    stays = Stays(
        column("client", 0),
        column("episode", 1),
        column("start_day", 0),
        column("time", 0),
        column("event", 0),
        column("entry", 0),
    )
    order = np.lexsort((stays.start_day, stays.client))
    stays = Stays(*(getattr(stays, name)[order] for name in Stays.__dataclass_fields__))
    overlap = (np.diff(stays.client) == 0) & (np.diff(stays.start_day) < stays.time[:-1])
    if overlap.any():
        raise ValueError("episodes of one client overlap")
    return stays


def _pieces(stays: Stays, days_at_once: int) -> Iterator[Stays]:
    """Consecutive episodes with at most about `days_at_once` days, never dividing a client."""
    if not len(stays):
        return
    before = np.cumsum(stays.time) - stays.time
    chunk = before // days_at_once
    new_client = np.append(True, np.diff(stays.client) != 0)
    owner = np.flatnonzero(new_client)[np.cumsum(new_client) - 1]
    starts = np.flatnonzero(np.diff(chunk[owner], prepend=-1))
    for first, last in zip(starts, np.append(starts[1:], len(stays)), strict=True):
        yield stays.part(slice(int(first), int(last)))


def _exposure(stays: Stays, days: _Days, lag: int, window: int) -> dict[str, np.ndarray]:
    group = np.searchsorted(days.client, stays.client)
    group[(group == len(days.client)) | (days.client[np.minimum(group, len(days.client) - 1)] != stays.client)] = -1
    stay, start, stop, dose_mg, carried = exposure(
        group, stays.start_day, stays.time, stays.entry, days.first_day, days.day, days.dose_dmg, lag, window
    )
    return {
        "client": stays.client[stay].astype(np.int32),
        "episode": stays.episode[stay].astype(np.int32),
        "start": start,
        "stop": stop,
        "dose_mg": dose_mg,
        "carried": carried,
        "event": np.where(stop == stays.time[stay], stays.event[stay], 0).astype(np.int8),
    }


def _write(columns: dict[str, np.ndarray], to: Path) -> Path:
    frame = pd.DataFrame(columns)
    with duckdb.connect() as connection:
        connection.register("part", frame)
        connection.execute(
            f"""COPY (SELECT client, episode, start, stop, CASE WHEN isnan(dose_mg) THEN NULL ELSE dose_mg END AS dose_mg,
                carried, event FROM part) TO '{_quoted(to)}' (FORMAT parquet)"""
        )
    return to


def _join(parts: list[Path], to: Path) -> None:
    """The parts one after another in one file."""
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        if not parts:
            names = ", ".join(f"NULL::{kind} AS {name}" for name, kind in {**_TYPES, "event": "TINYINT"}.items())
            connection.execute(f"COPY (SELECT {names} WHERE false) TO '{_quoted(to)}' (FORMAT parquet)")
            return
        connection.execute(
            f"COPY (SELECT * FROM read_parquet($parts)) TO '{_quoted(to)}' (FORMAT parquet)",
            {"parts": [str(part) for part in parts]},
        )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
