"""One client's episodes, explained run by run for the analyst who has the log: never for a published file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from oatmill.episodes._kernels import cover
from oatmill.episodes.calendar import SiteCalendar
from oatmill.episodes.log import UNKNOWN, Rows, map_rows
from oatmill.episodes.spells import deaths_and_prisons
from oatmill.schema import MEDICATIONS
from oatmill.study import Definitions


@dataclass(frozen=True)
class Run:
    """Consecutive days of one kind, days since 1970-01-01.

    `kind`: "dosed", "taken home", "missing log", "dose-free"; `dose_dmg` (tenths of mg, -1 = not known) and `site`
    (index into the calendar) on covered days; `counted`: dose-free days since the last covered day, up to the run's end.
    """

    first_day: int
    last_day: int
    kind: str
    dose_dmg: int
    site: int
    counted: int

    @property
    def days(self) -> int:
        return self.last_day - self.first_day + 1


@dataclass(frozen=True)
class Trace:
    """The client's episodes, as `build_episodes` gives them, the runs of days, and the recorded exits (day, reason)."""

    episodes: pd.DataFrame
    runs: tuple[Run, ...]
    exits: tuple[tuple[int, str], ...]


def trace_client(
    doses: Path,
    client: int,
    *,
    definitions: Definitions,
    calendar: SiteCalendar,
    clients: pd.DataFrame | None = None,
    exits: pd.DataFrame | None = None,
) -> Trace | None:
    """The days of one client up to C, in runs, and the episodes that the rule makes of them; None without a dose.

    Parameters
    ----------
    doses : parquet of the dosing log
    client : the client's number in the tables
    definitions, calendar, clients, exits : as for `build_episodes`
    """
    from oatmill.episodes import build_episodes

    own = None if exits is None else exits[exits["client"] == client].reset_index(drop=True)
    with tempfile.TemporaryDirectory(dir=doses.parent, prefix=".trace-") as folder:
        path = Path(folder) / "doses.parquet"
        with duckdb.connect() as connection:
            target = str(path).replace("'", "''")
            connection.execute(
                f"""COPY (SELECT * FROM read_parquet($doses) WHERE client = $client ORDER BY day, site, medication)
                    TO '{target}' (FORMAT parquet)""",
                {"doses": str(doses), "client": client},
            )
        days = map_rows(lambda rows: _days(rows, definitions, calendar, own), path, calendar.data_cut)
        if not days:
            return None
        episodes = build_episodes(path, definitions=definitions, calendar=calendar, clients=clients, exits=own)
    records = () if own is None else tuple(own[["day", "reason"]].dropna().sort_values("day").itertuples(index=False))
    return Trace(episodes, tuple(_runs(days[0])), tuple((int(day), str(reason)) for day, reason in records))


@dataclass(frozen=True)
class _Day:
    day: int
    kind: str
    dose_dmg: int
    site: int


def _days(rows: Rows, definitions: Definitions, calendar: SiteCalendar, exits: pd.DataFrame | None) -> list[_Day]:
    first, cut = np.array([0, len(rows)]), calendar.cut_day[rows.site[-1:]]
    columns, wanted = (rows.dose_dmg, rows.medication, rows.take_home), MEDICATIONS.index(definitions.medication)
    _first, row, day, dose = cover(first, cut, rows.client, rows.day, columns, wanted, *deaths_and_prisons(exits))
    covered = {int(d): (int(mg), int(r)) for d, mg, r in zip(day, dose, row, strict=True)}
    dispensed, found, site = set(rows.day.tolist()), [], -1
    for today in range(int(day[0]), calendar.data_cut + 1):
        if today in covered:
            mg, last_row = covered[today]
            site = int(rows.site[last_row])
            found.append(_Day(today, "dosed" if today in dispensed else "taken home", mg, site))
        else:
            lost = calendar.missing_log == "skip" and _is_missing(calendar, site, today)
            found.append(_Day(today, "missing log" if lost else "dose-free", UNKNOWN, site))
    return found


def _is_missing(calendar: SiteCalendar, site: int, day: int) -> bool:
    late = day > calendar.cut_day[site]  # a missing log that lasts to C
    return bool(late or calendar.missing_between(np.array([site]), np.array([day]), np.array([day]))[0])


def _runs(days: list[_Day]) -> Iterator[Run]:
    counted = 0
    for (kind, dose, site), group in groupby(days, key=lambda d: (d.kind, d.dose_dmg, d.site)):
        members = list(group)
        if kind in ("dosed", "taken home"):
            counted = 0
        elif kind == "dose-free":
            counted += len(members)
        yield Run(members[0].day, members[-1].day, kind, dose, site, counted)
