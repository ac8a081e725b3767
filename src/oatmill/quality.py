"""Chapter 10: what the files hold and what is wrong with them. Intake -> counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd

from oatmill.errors import NotSupported
from oatmill.intake import Intake
from oatmill.results import Result, Sum
from oatmill.schema import MEDICATIONS
from oatmill.text import _


def estimate_ledger(intake: Intake) -> Result:
    """Rows read, kept and quarantined by table; read = kept + quarantined."""
    measures = ("rows_read", "rows_kept", "rows_quarantined")
    long = intake.ledger.melt(id_vars="table", value_vars=list(measures), var_name="estimand", value_name="estimate")
    long = long.rename(columns={"table": "level"}).assign(group="table", unit="rows")
    return Result("ledger", "counts", long, sums=_balances(long))


def _balances(long: pd.DataFrame) -> tuple[Sum, ...]:
    at = {(row["level"], row["estimand"]): (place, "estimate") for place, row in enumerate(long.to_dict("records"))}
    tables = long["level"].unique()
    return tuple(Sum((at[t, "rows_read"],), (at[t, "rows_kept"], at[t, "rows_quarantined"])) for t in tables)


def estimate_checks(intake: Intake) -> Result:
    """Rows that each check found; `term` is the rule in words, `model` its severity."""
    checks = intake.checks.rename(columns={"table": "group", "check": "level", "rule": "term", "severity": "model"})
    checks = checks.rename(columns={"count": "estimate"})[["group", "level", "term", "model", "estimate"]]
    return Result("checks", "counts", checks.assign(estimand="check", unit="rows"))


def estimate_missing(intake: Intake, columns: Sequence[str]) -> Result:
    """Share of clients without a value, by column of the clients table."""
    clients = intake.tables.get("clients")
    if clients is None:
        raise NotSupported(_("This study has no clients table."))
    present = [name for name in columns if name in clients]
    rows = pd.DataFrame(
        {"level": present, "events": [int(clients[name].isna().sum()) for name in present], "n": len(clients)}
    )
    same = {
        "estimand": "missing",
        "population": "clients in the clients table",
        "group": "column",
        "unit": "proportion",
    }
    return Result("missing_values", "proportions", rows.assign(estimate=rows["events"] / rows["n"], **same))


def estimate_site_months(doses: Path, sites: Sequence[str]) -> Result:
    """Client-days with a dose by site and month, with the number of clients behind them as `n`."""
    found = _query(
        """
        SELECT site, strftime(DATE '1970-01-01' + day, '%Y-%m') AS period,
               count(DISTINCT (client, day)) AS estimate, count(DISTINCT client) AS n
        FROM read_parquet(?) WHERE dose_dmg > 0 OR dose_dmg IS NULL GROUP BY ALL ORDER BY ALL
        """,
        doses,
    )
    names = [sites[code] if code >= 0 else _("not known") for code in found["site"]]
    same = {"estimand": "client_days", "population": "all clients", "group": "site", "unit": "client-days"}
    return Result("site_months", "counts", found.drop(columns="site").assign(level=names, **same))


def estimate_dose_distribution(doses: Path, band_mg: float) -> Result:
    """Client-days by dose in bands: `term` is the band's lower limit in mg; a blank dose is left out."""
    band_dmg = round(10 * band_mg)
    found = _query(
        f"""
        SELECT medication, {band_dmg} * (dose_dmg // {band_dmg}) AS low_dmg,
               count(*) AS estimate, count(DISTINCT client) AS n
        FROM read_parquet(?) WHERE dose_dmg > 0 GROUP BY ALL ORDER BY ALL
        """,
        doses,
    )
    terms = (found["low_dmg"] / 10).map("{:g}".format)
    same = {"estimand": "client_days", "population": "all clients", "group": "dose_mg", "unit": "client-days"}
    frame = found.assign(term=terms, level=[MEDICATIONS[code] for code in found["medication"]], **same)
    return Result("dose_distribution", "counts", frame.drop(columns=["medication", "low_dmg"]))


def _query(sql: str, doses: Path) -> pd.DataFrame:
    with duckdb.connect() as connection:
        return connection.execute(sql, [str(doses)]).df()
