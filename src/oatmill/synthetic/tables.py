"""The course of the programme -> the tables a real programme would hand over, blemishes included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from oatmill.schema import TABLES
from oatmill.synthetic import model
from oatmill.synthetic.course import CAUSES, Course, stack
from oatmill.synthetic.model import Bools, Ints
from oatmill.synthetic.people import People, Sites, draw_background

_OUT = "OUT"  # the destination code of a transfer out of the register


@dataclass(frozen=True)
class Window:
    """First and last day of the log, and who is in it: `number` is a client's identifier, 0 for those left out."""

    first: int
    last: int
    number: Ints


def choose_clients(course: Course, n: int, candidates: int, first: int, rng: np.random.Generator) -> Ints:
    """Identifiers 1..n in random order for the first n candidates with a dose in the log; 0 for all others."""
    client, day = stack(course.rows, 6)[:2]
    chosen = np.unique(client[day >= first])[:n]
    number = np.zeros(candidates, dtype=np.int64)
    number[chosen] = 1 + rng.permutation(chosen.size)
    return number


def doses_frame(course: Course, sites: Sites, window: Window, rng: np.random.Generator) -> pd.DataFrame:
    """One row per visit, with doses that fall before some dropouts, a lost week at one site, and a few copies."""
    client, day, dose, take_home, site, spell = stack(course.rows, 6)
    dose = _with_dips(course, client, day, dose, spell, rng)
    keep = (window.number[client] > 0) & (day >= window.first) & ~_lost_week(day, site, sites, window)
    frame = pd.DataFrame(
        {"client": window.number[client], "day": day, "dose_mg": dose, "take_home_days": take_home, "site": site}
    )[keep]
    copies = frame.iloc[
        np.sort(rng.choice(len(frame), size=min(len(frame), max(3, len(window.number) // 120)), replace=False))
    ]
    return pd.concat([frame.assign(copy=0), copies.assign(copy=1)], ignore_index=True).astype("int32")


def clients_frame(
    course: Course, people: People, sites: Sites, window: Window, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per client in the log; a few cells missing at random."""
    n = len(people)
    client, day = stack(course.rows, 6)[:2]
    first_dose = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first_dose, client, day)
    known = rng.random(n) < np.where(first_dose < window.first, 0.6, 0.9)
    frame = pd.DataFrame(
        {
            "client": window.number,
            "sex": np.where(people.female == 1, "female", "male"),
            "age": pd.Series(people.age, dtype="Int32").mask(rng.random(n) < 0.01),
            "site_id": np.asarray(sites.code)[people.site],
            "enrolled": pd.Series(first_dose.clip(0, 10**6), dtype="Int32").mask(~known),
            **draw_background(people, rng),
            "injecting": pd.Series(np.where(people.injecting == 1, "yes", "no"), dtype=object).mask(
                rng.random(n) < 0.02
            ),
        }
    )
    return frame[frame.client > 0].sort_values("client")


def exits_frame(course: Course, sites: Sites, window: Window, rng: np.random.Generator) -> pd.DataFrame:
    """Recorded exits: most dropouts have no record; deaths after leaving are linked."""
    client, _spell, _start, _last, cause, day = stack(course.spells, 6)
    recorded = (cause != CAUSES.index("dropout")) | (rng.random(cause.size) < model.DROPOUT_RECORDED)
    moved, move_day, to = stack(course.moves, 3)
    dead, death_day = stack(course.deaths, 2)
    names = np.asarray(CAUSES)
    outside = [_OUT if names[k] == "transfer_out" else None for k in cause]
    parts = [
        pd.DataFrame({"client": client, "day": day, "reason": names[cause], "destination_site": outside})[recorded],
        pd.DataFrame(
            {"client": moved, "day": move_day, "reason": "transfer_out", "destination_site": np.asarray(sites.code)[to]}
        ),
        pd.DataFrame({"client": dead, "day": death_day, "reason": "death", "destination_site": None}),
    ]
    frame = pd.concat([part.astype({"destination_site": object}) for part in parts], ignore_index=True)
    frame["client"] = window.number[frame.client.to_numpy(dtype=np.int64)]
    return frame[(frame.client > 0) & frame.day.between(window.first, window.last)]


def tests_frame(course: Course, window: Window) -> pd.DataFrame:
    """Monthly urine tests."""
    client, day, positive, site = stack(course.tests, 4)
    frame = pd.DataFrame({"client": window.number[client], "day": day, "positive": positive, "site": site})
    return frame[(frame.client > 0) & (frame.day >= window.first)]


def write(
    con: duckdb.DuckDBPyConnection, folder: Path, table: str, columns: dict[str, str], source: str, order: str
) -> None:
    """Write one CSV file; `columns` gives each schema column in SQL.

    Raises
    ------
    ValueError : a column that the schema does not have
    """
    unknown = set(columns) - set(TABLES[table].names)
    if unknown:
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    picked = ", ".join(f'{columns[name]} AS "{name}"' for name in TABLES[table].names if name in columns)
    path = str(folder / f"{table}.csv").replace("'", "''")
    con.execute(
        f"COPY (SELECT {picked} FROM {source} ORDER BY {order}) TO '{path}' (FORMAT csv, HEADER, DELIMITER ',')"
    )


def _with_dips(
    course: Course, client: Ints, day: Ints, dose: np.ndarray, spell: Ints, rng: np.random.Generator
) -> np.ndarray:
    """Some dropouts take less in their last days: fewer days than the lag, so the true exposure is as before."""
    who, number, _start, last, cause, _day = stack(course.spells, 6)
    dips = (cause == CAUSES.index("dropout")) & (rng.random(cause.size) < model.DIP)
    days = np.where(dips, rng.integers(*model.DIP_DAYS, cause.size, endpoint=True), 0)
    width = int(spell.max(initial=0)) + 1
    size = (int(client.max(initial=0)) + 1) * width
    end, length = np.full(size, -1, dtype=np.int64), np.zeros(size, dtype=np.int64)
    end[who * width + number], length[who * width + number] = last, days
    place = client * width + spell
    to_go = end[place] - day
    falling = (length[place] > 0) & (to_go >= 0) & (to_go < length[place])
    share = 0.5 + 0.5 * to_go / np.maximum(1, length[place])
    return np.where(falling, np.maximum(5.0, np.round(dose * share / 5) * 5), dose)


def _lost_week(day: Ints, site: Ints, sites: Sites, window: Window) -> Bools:
    """Rows of one week in the middle of the log of the largest old site, whose book was lost."""
    lost = int(np.argmax(np.where(sites.old, sites.weight, 0)))
    monday = (window.first + window.last) // 2 // 7 * 7 + 4
    return (site == lost) & (day >= monday) & (day < monday + 7)
