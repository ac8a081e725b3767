"""The dosing log as one Parquet file: one row per client, day, site and medication, sorted.

The log never becomes a frame. Doses are whole tenths of a milligram, so that their sums are exact and do
not depend on the order in which DuckDB adds them.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from oatmill.intake import sql
from oatmill.intake.cells import daily_dose
from oatmill.intake.columns import Layout
from oatmill.intake.rows import kept
from oatmill.schema import MEDICATIONS
from oatmill.study import Definitions


def write_doses(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    definitions: Definitions,
    clients: Layout | None,
    path: Path,
) -> None:
    """Write the kept rows that cover a day.

    A row covers its day when its dose is above 0, or blank under `blank_dose: covered`. Different rows of one
    client, day, site and medication are summed (the supply to take home is the longest of theirs; an unknown
    dose makes the sum unknown). Needs the tables `numbers` (raw, client) and `site_numbers` (code, site); leaves
    `log` (rows that cover), `log_days` (as written, `n` rows in each) and `log_total` (counts of client and day).

    Parameters
    ----------
    clients : gives the site of each client where the log itself has none
    """
    con.execute(f"CREATE TABLE log AS {_rows(layout, definitions, clients)}")
    con.execute(
        "CREATE TABLE log_days AS SELECT client, day, site, medication, count(*) AS n, max(take_home_days) AS take_home_days, "
        "CASE WHEN count(dose_dmg) = count(*) THEN sum(dose_dmg) END AS dose_dmg FROM log GROUP BY ALL"
    )
    # One pass over client and day for every count that needs it: grouping is what takes time in a long log.
    con.execute(
        "CREATE TABLE log_total AS SELECT count(*) AS client_days, count(*) FILTER (n > 1) AS summed, "
        "count(*) FILTER (first_site <> last_site) AS two_sites FROM (SELECT client, day, sum(n) AS n, "
        "min(nullif(site, -1)) AS first_site, max(nullif(site, -1)) AS last_site FROM log_days GROUP BY ALL)"
    )
    con.execute(
        "COPY (SELECT client, day, dose_dmg::INTEGER AS dose_dmg, site, medication, take_home_days FROM log_days "
        f"ORDER BY client, day, site, medication) TO {sql.value(str(path))} (FORMAT parquet, COMPRESSION zstd)"
    )


def covers(definitions: Definitions) -> str:
    """The SQL test of a typed row that covers a day."""
    return "(dose_mg > 0 OR dose_mg IS NULL)" if definitions.blank_dose == "covered" else "dose_mg > 0"


def site_from_clients(layout: Layout, clients: Layout | None) -> bool:
    """Whether the log has no site of its own and takes each client's site from `clients`."""
    return not layout.has("site_id") and clients is not None and clients.has("site_id")


def _rows(layout: Layout, definitions: Definitions, clients: Layout | None) -> str:
    days = "coalesce(take_home_days, 0)" if layout.has("take_home_days") else "0"
    site, join = "NULL", ""
    if layout.has("site_id"):
        site = "t.site_id"
    elif clients is not None and site_from_clients(layout, clients):
        site, join = "c.site_id", f"LEFT JOIN {kept(clients)} c ON c.client_id = t.client_id"
    named = "medication" if layout.has("medication") else "NULL"
    medication = (
        f"list_position([{sql.values(MEDICATIONS)}], coalesce({named}, {sql.value(definitions.medication)})) - 1"
    )
    # A dose of less than 0.05 mg stays a dose: it covers the day. (`greatest` passes over NULL, hence the CASE.)
    rounded = f"round(10 * {daily_dose(layout, definitions)})"
    tenths = f"CASE WHEN dose_mg IS NOT NULL THEN greatest(1, {rounded}) END::BIGINT"
    return (
        f"SELECT n.client, t.date AS day, {tenths} AS dose_dmg, coalesce(s.site, -1)::INTEGER AS site, "
        f"({medication})::TINYINT AS medication, {days}::SMALLINT AS take_home_days "
        f"FROM {kept(layout)} t JOIN numbers n ON n.raw = t.client_id {join} "
        f"LEFT JOIN site_numbers s ON s.code = {site} WHERE {covers(definitions)}"
    )
