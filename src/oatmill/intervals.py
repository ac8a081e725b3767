"""Doses and episodes -> runs of equal exposure, (start, stop], for regression of leaving on dose."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from oatmill.episodes import Days, covered_days, covered_until, read_rows
from oatmill.episodes.log import ROWS_AT_ONCE, UNKNOWN, Ints, pack
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
    days_at_once: int = DAYS_AT_ONCE,
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
    days_at_once : days at risk held in memory at a time

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
    medication = MEDICATIONS.index(definitions.medication)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".intervals-") as folder:
        parts = []
        for number, piece in enumerate(_pieces(stays, days_at_once)):
            dosed = _dosed_days(doses, piece, medication, exits)
            parts.append(_write(_exposure(piece, dosed, lag, window_days), Path(folder) / f"{number:06}.parquet"))
        whole = Path(folder) / "whole.parquet"
        _join(parts, whole)
        os.replace(whole, to)
    return to


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


def _dosed_days(doses: Path, stays: Stays, medication: int, exits: pd.DataFrame | None) -> Days:
    """Covered days with a known dose; `owner` is the position in `stays`, `day` the day of the episode (1 ..)."""
    base = int(stays.start_day.min())
    begin, final = pack(stays.client, stays.start_day, base), stays.start_day + stays.time - 1
    found = []
    span = (int(stays.client[0]), int(stays.client[-1]))
    for rows in read_rows(doses, int(final.max()), ROWS_AT_ONCE, clients=span):
        days = covered_days(rows, rows.client, covered_until(rows, exits), medication)
        keep = (days.dose_dmg != UNKNOWN) & (days.day >= base)
        client, day, dose = days.owner[keep], days.day[keep], days.dose_dmg[keep]
        stay = np.searchsorted(begin, pack(client, day, base), side="right") - 1
        at = np.maximum(stay, 0)
        keep = (stay >= 0) & (stays.client[at] == client) & (day <= final[at])
        found.append(Days(at[keep], (day - stays.start_day[at] + 1)[keep], dose[keep]))
    if not found:
        return Days(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
    return Days(*(np.concatenate([getattr(days, name) for days in found]) for name in Days.__dataclass_fields__))


def _exposure(stays: Stays, dosed: Days, lag: int, window: int) -> dict[str, np.ndarray]:
    """Intervals of these episodes, from running sums over one long axis of episode days."""
    offset = np.cumsum(stays.time) - stays.time
    total, n = _running_sums(offset[dosed.owner] + dosed.day - 1, dosed.dose_dmg, int(stays.time.sum()))
    risk = np.maximum(stays.time - (stays.entry + lag + window - 1), 0)
    of_day = np.repeat(np.arange(len(stays)), risk)
    day = np.arange(len(of_day)) - np.repeat(np.cumsum(risk) - risk, risk) + (stays.entry + lag + window)[of_day]
    last = offset[of_day] + day - lag
    dmg, count = total[last] - total[last - window], n[last] - n[last - window]
    exposed = count > 0
    with np.errstate(invalid="ignore"):
        dose_mg = dmg / (10 * count)
    new_stay = np.append(True, np.diff(of_day) != 0)[: len(of_day)]
    source = np.maximum.accumulate(np.where(exposed | new_stay, np.arange(len(of_day)), 0))
    dose_mg = dose_mg[source]
    return _merged(stays, of_day, day, dose_mg, ~exposed)


def _running_sums(place: Ints, dose_dmg: Ints, n_days: int) -> tuple[Ints, Ints]:
    """Sum of doses and number of dosed days before each place of the axis (0 .. n_days)."""
    total, n = np.zeros(n_days + 1, dtype=np.int64), np.zeros(n_days + 1, dtype=np.int32)
    total[place + 1], n[place + 1] = dose_dmg, 1
    return np.cumsum(total), np.cumsum(n, dtype=np.int64)


def _merged(stays: Stays, of_day: Ints, day: Ints, dose_mg: np.ndarray, carried: np.ndarray) -> dict[str, np.ndarray]:
    """Consecutive days of one episode with the same exposure as one interval."""
    same = (dose_mg[1:] == dose_mg[:-1]) | (np.isnan(dose_mg[1:]) & np.isnan(dose_mg[:-1]))
    new = np.ones(len(day), dtype=bool)
    new[1:] = (np.diff(of_day) != 0) | ~same | (carried[1:] != carried[:-1])
    first = np.flatnonzero(new)
    stay, stop = of_day[first], day[np.append(first[1:], len(day)) - 1] if len(day) else day
    return {
        "client": stays.client[stay].astype(np.int32),
        "episode": stays.episode[stay].astype(np.int32),
        "start": (day[first] - 1).astype(np.int32),
        "stop": stop.astype(np.int32),
        "dose_mg": dose_mg[first],
        "carried": carried[first],
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
