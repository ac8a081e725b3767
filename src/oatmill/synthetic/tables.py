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
from oatmill.synthetic.dips import Dips
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
    dips = Dips(len(window.number))
    dips.add(stack(course.spells, 6), rng)
    dose = dips.lowered(client, day, dose, spell)
    keep = (window.number[client] > 0) & (day >= window.first) & ~lost_week(day, site, sites, window)
    frame = pd.DataFrame(
        {"client": window.number[client], "day": day, "dose_mg": dose, "take_home_days": take_home, "site": site}
    )[keep]
    copies = frame.iloc[
        np.sort(rng.choice(len(frame), size=min(len(frame), max(3, len(window.number) // 120)), replace=False))
    ]
    return pd.concat([frame.assign(copy=0), copies.assign(copy=1)], ignore_index=True).astype("int32")


def first_doses(course: Course, clients: int) -> Ints:
    """The day of each client's first dose, of the log or before it."""
    client, day = stack(course.rows, 6)[:2]
    first = np.full(clients, np.iinfo(np.int64).max)
    np.minimum.at(first, client, day)
    return first


def clients_frame(
    first_dose: Ints, people: People, sites: Sites, window: Window, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per client in the log; a few cells missing at random."""
    n = len(people)
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


def write_tables(
    folder: Path,
    course: Course,
    people: People,
    sites: Sites,
    window: Window,
    first_dose: Ints,
    rng: np.random.Generator,
    kind: str = "csv",
) -> None:
    """Write clients, exits, tests and sites."""
    client = _client(window)
    day, site = "DATE '1970-01-01' + day::INTEGER", _site_of(sites)
    clients = clients_frame(first_dose, people, sites, window, rng)
    exits, tests = exits_frame(course, sites, window, rng), tests_frame(course, window)
    with duckdb.connect() as con:
        con.execute("SET preserve_insertion_order = true")
        con.register("clients", clients)
        told = {name: f'"{name}"' for name in clients.columns if name not in ("client", "enrolled")}
        told["enrolled"] = "DATE '1970-01-01' + enrolled::INTEGER"
        write(con, folder, "clients", {"client_id": client, **told}, "clients", "client", kind)
        con.register("exits", exits)
        ends = {"client_id": client, "date": day, "reason": "reason", "destination_site": "destination_site"}
        write(con, folder, "exits", ends, "exits", "day, client, reason", kind)
        con.register("tests", tests)
        result = "CASE positive WHEN 1 THEN 'positive' ELSE 'negative' END"
        drug = {"client_id": client, "date": day, "test": "'opioids in urine'", "result": result, "site_id": site}
        write(con, folder, "tests", drug, "tests", "day, site, client", kind)
        _write_sites(con, folder, sites, kind)


def doses_columns(sites: Sites, window: Window) -> dict[str, str]:
    """The columns of the log in SQL, from client, day, dose_mg, site and take_home_days."""
    return {
        "client_id": _client(window),
        "date": "DATE '1970-01-01' + day::INTEGER",
        "dose_mg": "dose_mg::DECIMAL(6, 1)",
        "medication": "'methadone'",
        "site_id": _site_of(sites),
        "take_home_days": "take_home_days",
    }


def _client(window: Window) -> str:
    return f"'K' || lpad(client::VARCHAR, {max(6, len(str(window.number.max())))}, '0')"


def _site_of(sites: Sites) -> str:
    return f"list_extract({sites.code!r}, site + 1)"


def _write_sites(con: duckdb.DuckDBPyConnection, folder: Path, sites: Sites, kind: str) -> None:
    columns = {
        "site_id": f"list_extract({sites.code!r}, k)",
        "name": f"'Site ' || list_extract({sites.code!r}, k)",
        "area": "list_extract(['North', 'Centre', 'South'], 1 + k % 3)",
        "opened": f"DATE '1970-01-01' + list_extract({sites.opened.tolist()}, k)::INTEGER",
    }
    write(con, folder, "sites", columns, f"range(1, {len(sites.code) + 1}) r(k)", "k", kind)


def write(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    table: str,
    columns: dict[str, str],
    source: str,
    order: str | None,
    kind: str = "csv",
) -> None:
    """Write one table as CSV or Parquet; `columns` gives each schema column in SQL, `order` None keeps that of `source`.

    Raises
    ------
    ValueError : a column that the schema does not have
    """
    unknown = set(columns) - set(TABLES[table].names)
    if unknown:
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    picked = ", ".join(f'{columns[name]} AS "{name}"' for name in TABLES[table].names if name in columns)
    sorting = f"ORDER BY {order}" if order else ""
    options = "FORMAT parquet" if kind == "parquet" else "FORMAT csv, HEADER, DELIMITER ','"
    con.execute(f"COPY (SELECT {picked} FROM {source} {sorting}) TO '{quoted(folder / f'{table}.{kind}')}' ({options})")


def quoted(path: Path) -> str:
    """A path inside a SQL string."""
    return str(path).replace("'", "''")


def lost_week(day: Ints, site: Ints, sites: Sites, window: Window) -> Bools:
    """Rows of one week in the middle of the log of the largest old site, whose book was lost."""
    lost = int(np.argmax(np.where(sites.old, sites.weight, 0)))
    monday = (window.first + window.last) // 2 // 7 * 7 + 4
    return (site == lost) & (day >= monday) & (day < monday + 7)
