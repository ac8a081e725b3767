"""Dosing logs drawn as text, and a writer of the parquet that the intake makes.

A line is one client, a character one day, day 1 first (blanks are ignored):

    D  a dose of 60 mg            .  no dose
    3  a dose with 3 days to take home (any digit 1-9)
    b  8 mg of buprenorphine      ?  covered, dose not known
    E  a dose of 60 mg at the second site
    D*40  forty days alike

Day 1 is 2020-01-01 in every drawing.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import duckdb
import pandas as pd

from oatmill.episodes import build_calendar, build_episodes
from oatmill.study import Definitions

DAY_1 = (dt.date(2020, 1, 1) - dt.date(1970, 1, 1)).days
METHADONE, BUPRENORPHINE = 0, 1
COLUMNS = ["client", "day", "dose_dmg", "site", "medication", "take_home_days"]


def absolute(day: int) -> int:
    """Day of the drawing -> days since 1970-01-01."""
    return DAY_1 + day - 1


def date_of(day: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=absolute(day))


def drawn(*lines: str) -> pd.DataFrame:
    """Rows of the log for clients 0, 1, 2 ... from one drawing each."""
    rows = []
    for client, line in enumerate(lines):
        for day, mark in enumerate(expanded(line), start=1):
            if mark != ".":
                rows.append((client, absolute(day), *_meaning(mark)))
    return pd.DataFrame(rows, columns=COLUMNS)


def expanded(line: str) -> str:
    """One character per day: `D .*3 D` is `D...D`."""
    return re.sub(r"(\S)\*(\d+)", lambda found: found[1] * int(found[2]), line).replace(" ", "")


def _meaning(mark: str) -> tuple[int | None, int, int, int]:
    """dose_dmg, site, medication, take_home_days"""
    if mark.isdigit():
        return 600, 0, METHADONE, int(mark)
    return {
        "D": (600, 0, METHADONE, 0),
        "E": (600, 1, METHADONE, 0),
        "b": (80, 0, BUPRENORPHINE, 0),
        "?": (None, 0, METHADONE, 0),
    }[mark]


def doses(*rows: tuple[int, ...]) -> pd.DataFrame:
    """Rows (client, day, mg[, take_home_days[, site[, medication]]]), day counted from day 1 of the drawing."""
    full = [(*row, *(0, 0, 0)[len(row) - 3 :]) for row in rows]
    return pd.DataFrame(
        [(c, absolute(d), None if mg is None else round(mg * 10), site, drug, k) for c, d, mg, k, site, drug in full],
        columns=COLUMNS,
    )


def records(*rows: tuple[int, int, str]) -> pd.DataFrame:
    """Recorded exits (client, day of the drawing, reason)."""
    frame = pd.DataFrame(rows, columns=["client", "day", "reason"])
    return frame.assign(day=(frame["day"] + DAY_1 - 1).astype("Int32"))


def write(rows: pd.DataFrame, folder: Path) -> Path:
    """The log as the intake hands it on: sorted by client and day, typed."""
    folder.mkdir(exist_ok=True)
    path = folder / "doses.parquet"
    log = rows.astype(dict.fromkeys(COLUMNS, "Int64"))
    with duckdb.connect() as connection:
        connection.register("log", log)
        connection.execute(
            f"""COPY (SELECT client::INT AS client, day::INT AS day, dose_dmg::INT AS dose_dmg, site::INT AS site,
                medication::TINYINT AS medication, take_home_days::SMALLINT AS take_home_days
                FROM log ORDER BY client, day, site, medication) TO '{path}' (FORMAT parquet)"""
        )
    return path


def settings(gap: int, cut: int | None = None, **more: object) -> Definitions:
    """Definitions with the cut as a day of the drawing; nobody was treated before unless `more` says so."""
    more = {"prior_treatment": "none", **more}
    return Definitions(gap_days=gap, data_cut=None if cut is None else date_of(cut), **more)


def built(rows: pd.DataFrame, folder: Path, definitions: Definitions, **more: object) -> pd.DataFrame:
    """Episodes of a drawn log at sites A and B; `more`: exits, clients, opened, missing_log, rows_at_once."""
    calendar = calendar_of(rows, folder, definitions, more.pop("opened", None), more.pop("missing_log", "skip"))
    return build_episodes(folder / "doses.parquet", definitions=definitions, calendar=calendar, **more)


def calendar_of(rows, folder, definitions, opened=None, missing_log="skip"):
    return build_calendar(write(rows, folder), ["A", "B"], definitions, opened, missing_log=missing_log)


def in_words(episodes: pd.DataFrame) -> str:
    """`1-3 dropout | 11-13 open`: first and last covered day of the drawing, and how it ended."""
    ends = episodes["exit_reason"].where(~episodes["open"], "open")
    days = zip(episodes["start_day"] - DAY_1 + 1, episodes["end_day"] - DAY_1 + 1, ends, strict=True)
    return " | ".join(f"{first}-{last} {why}" for first, last, why in days)
