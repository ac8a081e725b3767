"""Chapter 10: what the files hold and what is wrong with them. Intake -> counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePath
from typing import Any

import duckdb
import pandas as pd

from oatmill.episodes import SiteCalendar
from oatmill.errors import NotSupported
from oatmill.intake import Intake
from oatmill.results import Result, Sum
from oatmill.schema import MEDICATIONS, TABLES
from oatmill.text import _

FEWEST_CLIENTS = 20  # of the last dose band
PLAUSIBLE_MG = TABLES["doses"].column("dose_mg").high or 500.0
_MEASURES = ("rows_read", "rows_kept", "rows_quarantined", "lines_skipped")
# A blank cell here is an answer: still in treatment, or not moved to another site.
_BLANK_MEANS = {
    ("episodes", "end"),
    ("episodes", "exit_reason"),
    ("exits", "destination_site"),
    ("registry", "exit_reason"),
}


def estimate_ledger(intake: Intake) -> Result:
    """Rows read, kept and quarantined by table; read = kept + quarantined. Beside them the lines that are no rows.

    A table of several files: also by file (`term`).
    """
    files = intake.ledger[["table", "file", *_MEASURES]]
    files = files.assign(file=files.groupby("table")["file"].transform(_without_folder))
    whole = files.groupby("table", sort=False, as_index=False)[list(_MEASURES)].sum().assign(file="")
    several = files[files["table"].duplicated(keep=False)]
    long = pd.concat([whole, several]).melt(["table", "file"], list(_MEASURES), "estimand", "estimate")
    long = long.rename(columns={"table": "level", "file": "term"}).assign(group="table")
    long["unit"] = long["estimand"].map(lambda name: name.partition("_")[0])
    return Result("ledger", "counts", long, sums=_balances(long))


def _without_folder(files: pd.Series) -> list[str]:
    """Names of a table's files without the folder that all are in: where it is, is nobody's business."""
    paths = [PurePath(name.replace("\\", "/")) for name in files]
    folders = zip(*(path.parent.parts for path in paths), strict=False)
    shared = len(list(takewhile(lambda names: len(set(names)) == 1, folders)))
    inner = [PurePath(*path.parts[shared:]) for path in paths]
    return [path.name if path.is_absolute() else path.as_posix() for path in inner]


def _balances(long: pd.DataFrame) -> tuple[Sum, ...]:
    """read = kept + quarantined, and a table is the sum of its files."""
    at = {(r["level"], r["term"], r["estimand"]): (n, "estimate") for n, r in enumerate(long.to_dict("records"))}
    found = [
        Sum((at[table, file, "rows_read"],), (at[table, file, "rows_kept"], at[table, file, "rows_quarantined"]))
        for table, file, measure in at
        if measure == "rows_read"
    ]
    for table, file, measure in at:
        files = tuple(place for (t, f, m), place in at.items() if (t, m) == (table, measure) and f)
        if not file and files:
            found.append(Sum((at[table, "", measure],), files))
    return tuple(found)


def estimate_checks(intake: Intake) -> Result:
    """Rows that each check found; `term` is the rule in words, `model` its severity."""
    checks = intake.checks.rename(columns={"table": "group", "check": "level", "rule": "term", "severity": "model"})
    checks = checks.rename(columns={"count": "estimate"})[["group", "level", "term", "model", "estimate"]]
    return Result("checks", "counts", checks.assign(estimand="check", unit="rows"))


def estimate_missing(intake: Intake) -> Result:
    """Share of rows without a value, by optional column of every table about clients but the dosing log.

    `population` says which rows; those of the clients table are clients. What is blank in the log is counted by the
    checks, since the log never becomes a frame.
    """
    rows = [row for name, table in intake.tables.items() if "client" in table for row in _missing_in(name, table)]
    if not rows:
        raise NotSupported(_("This study has no table with columns that may be blank."))
    frame = pd.DataFrame(rows).assign(estimand="missing", group="column", unit="proportion")
    return Result("missing_values", "proportions", frame.assign(estimate=frame["events"] / frame["n"]))


def _missing_in(name: str, table: pd.DataFrame) -> list[dict[str, Any]]:
    population = "clients in the clients table" if name == "clients" else f"rows of {name}"
    return [
        {"population": population, "level": column, "events": int(table[held].isna().sum()), "n": len(table)}
        for column, held in _may_be_blank(name)
        if held in table and len(table)
    ]


def _may_be_blank(name: str) -> list[tuple[str, str]]:
    """Columns in which a blank cell is a gap in the data, each with its name in the frame of its table."""
    return [
        (column.name, f"{column.name}_day" if column.kind == "date" and column.name != "date" else column.name)
        for column in TABLES[name].columns
        if ((name, column.name) == ("exits", "reason") or not column.required)
        and (name, column.name) not in _BLANK_MEANS
    ]


def estimate_site_months(doses: Path, sites: Sequence[str]) -> Result:
    """Client-days with a dose by site and month, with the number of clients behind them as `n`."""
    found = _query(
        """
        SELECT site, strftime(month, '%Y-%m') AS period, sum(bit_count(days))::BIGINT AS estimate, count(*) AS n
        FROM (SELECT site, client, date_trunc('month', date)::DATE AS month, bit_or(1::BIGINT << day(date)) AS days
              FROM (SELECT site, client, DATE '1970-01-01' + day AS date FROM read_parquet(?)
                    WHERE dose_dmg > 0 OR dose_dmg IS NULL) GROUP BY ALL)
        GROUP BY ALL ORDER BY ALL
        """,
        doses,
    )
    names = [sites[code] if code >= 0 else _("not known") for code in found["site"]]
    same = {"estimand": "client_days", "population": "all clients", "group": "site", "unit": "client-days"}
    return Result("site_months", "counts", found.drop(columns="site").assign(level=names, **same))


def estimate_missing_logs(calendar: SiteCalendar) -> Result:
    """Site-days of missing log by site and month, and by site (`period` empty)."""
    runs = calendar.missing_runs
    days = [
        (_("not known") if site is None else site, day)
        for site, first, last in zip(runs["site"], runs["start_day"], runs["end_day"], strict=True)
        for day in range(first, last + 1)
    ]
    frame = pd.DataFrame(days, columns=["level", "day"])
    months = pd.to_datetime(frame["day"].astype("int64"), unit="D").dt.strftime("%Y-%m")
    by_month = frame.assign(period=months).groupby(["level", "period"], as_index=False).size()
    by_site = by_month.groupby("level", as_index=False)["size"].sum().assign(period="")
    rows = pd.concat([by_month, by_site], ignore_index=True).rename(columns={"size": "estimate"})
    same = {"estimand": "missing_log_days", "population": "all sites", "group": "site", "unit": "site-days"}
    return Result("missing_logs", "counts", rows.assign(**same), sums=_sums_of_months(rows))


def _sums_of_months(rows: pd.DataFrame) -> tuple[Sum, ...]:
    places = {(row["level"], row["period"]): n for n, row in enumerate(rows.to_dict("records"))}
    return tuple(
        Sum(((n, "estimate"),), tuple((m, "estimate") for (s, month), m in places.items() if s == site and month))
        for (site, period), n in places.items()
        if not period
    )


def estimate_dose_distribution(
    doses: Path, band_mg: float, high_mg: float = PLAUSIBLE_MG, fewest: int = FEWEST_CLIENTS
) -> Result:
    """Client-days by dose in bands: `term` is the band's lower limit in mg; a blank dose is left out.

    Doses above `high_mg` are one class, `>high_mg`, however far above they lie. Below it the last band is open upwards
    (`160+`) and as low as it takes for `fewest` clients to have had such a dose, so that no band tells of the one
    client with the highest.
    """
    band, high = round(10 * band_mg), round(10 * high_mg)
    last = _last_bands(doses, band, high, fewest)
    lasts = " ".join(f"WHEN {medication} THEN {low}" for medication, low in last.items())
    low = (
        f"least({band} * (dose_dmg // {band}), CASE medication {lasts} END)"
        if last
        else f"{band} * (dose_dmg // {band})"
    )
    found = _query(
        f"""
        SELECT medication, low_dmg, sum(days)::BIGINT AS estimate, count(*) AS n
        FROM (SELECT medication, client, CASE WHEN dose_dmg <= {high} THEN {low} END AS low_dmg, count(*) AS days
              FROM read_parquet(?) WHERE dose_dmg > 0 GROUP BY ALL)
        GROUP BY ALL ORDER BY ALL
        """,
        doses,
    )
    rows = zip(found["medication"], found["low_dmg"], strict=True)
    terms = [
        f">{high_mg:g}" if pd.isna(low) else f"{low / 10:g}{'+' if low == last[code] else ''}" for code, low in rows
    ]
    same = {"estimand": "client_days", "population": "all clients", "group": "dose_mg", "unit": "client-days"}
    frame = found.assign(term=terms, level=[MEDICATIONS[code] for code in found["medication"]], **same)
    return Result("dose_distribution", "counts", frame.drop(columns=["medication", "low_dmg"]))


def _last_bands(doses: Path, band: int, high: int, fewest: int) -> dict[int, int]:
    """Medication -> lower limit of the highest band that `fewest` clients have reached, of all plausible doses."""
    highest = f"SELECT medication, client, {band} * (max(dose_dmg) // {band}) AS low FROM read_parquet(?) "
    plausible = f"WHERE dose_dmg > 0 AND dose_dmg <= {high} GROUP BY medication, client"
    reached = _query(f"SELECT medication, low, count(*) AS clients FROM ({highest}{plausible}) GROUP BY ALL", doses)
    reached = reached.sort_values(["medication", "low"], ascending=[True, False])
    reached["clients"] = reached.groupby("medication")["clients"].cumsum()
    enough = reached[reached["clients"] >= fewest].groupby("medication")["low"].max()
    lowest = reached.groupby("medication")["low"].min().clip(upper=0)
    last = enough.reindex(lowest.index).fillna(lowest)
    return {int(str(medication)): int(low) for medication, low in last.items()}


def _query(sql: str, doses: Path) -> pd.DataFrame:
    with duckdb.connect() as connection:
        return connection.execute(sql, [str(doses)]).df()
