"""Validation of a long dosing log: time as a ratio to DuckDB reading the same file, and the memory it takes.

    python bench/long_log.py                       100 million rows, Parquet and CSV
    python bench/long_log.py --rows 2000000 --formats parquet

Each reading is a process of its own, so that its largest memory is known. DuckDB's own reading groups the log by
client, with dates and doses as numbers: the least that anybody has to do with it. Prints one line for each.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

ROWS = 100_000_000
DAYS = 1000  # in the log of each client
FORMATS = ("parquet", "csv")


def write_log(path: Path, rows: int) -> None:
    """An invented log sorted by client and day: doses of 20 to 119 mg at 200 sites, one row in 1,000 of them faulty."""
    log = f"""
        SELECT i // {DAYS} AS client_id, DATE '2015-01-01' + (i % {DAYS})::INTEGER AS date,
               CASE WHEN hash(i) % 1000 = 0 THEN 900 ELSE 20 + hash(i) % 100 END AS dose_mg,
               'S' || (i // {DAYS}) % 200 AS site_id
        FROM range({rows}) t(i)
    """
    options = "FORMAT parquet" if path.suffix == ".parquet" else "FORMAT csv, HEADER"
    with duckdb.connect() as con:
        con.execute(f"COPY ({log}) TO '{path}' ({options})")


def scan(path: Path) -> None:
    reader = f"read_parquet('{path}')"
    if path.suffix == ".csv":
        types = "{'client_id': 'VARCHAR', 'date': 'DATE', 'dose_mg': 'DOUBLE', 'site_id': 'VARCHAR'}"
        reader = f"read_csv('{path}', columns = {types}, header = true)"
    with duckdb.connect() as con:
        query = f"SELECT client_id, count(*), count(DISTINCT date), sum(dose_mg), max(site_id) FROM {reader} GROUP BY 1"
        con.execute(f"CREATE TABLE found AS {query}")


def validate(path: Path, folder: Path) -> None:
    from oatmill.intake import read_tables
    from oatmill.study import Study

    sources = {"doses": {"file": path.name}}
    study = Study.model_validate({"oatmill": 1, "id": "long", "title": "Long", "sources": sources})
    intake = read_tables(study.model_copy(update={"folder": path.parent}), folder)
    row = intake.ledger.iloc[0]
    if row["rows_read"] != row["rows_kept"] + row["rows_quarantined"]:
        raise SystemExit("rows were lost")
    print(f"rows read {row['rows_read']:,}, kept {row['rows_kept']:,}", file=sys.stderr)


def timed(words: list[str]) -> tuple[float, float]:
    """Seconds, and the largest memory in GiB, of this program run with these words."""
    started = time.perf_counter()
    out = subprocess.run([sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return time.perf_counter() - started, int(out.stdout.split()[-1]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.one:
        what, path = words.one[0], Path(words.one[1])
        scan(path) if what == "scan" else validate(path, path.parent / "work")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # KiB on Linux
        return
    for form in words.formats:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / f"doses.{form}"
            write_log(path, words.rows)
            (least, _memory), (seconds, memory) = (timed(["--one", what, str(path)]) for what in ("scan", "validate"))
            size = path.stat().st_size / 2**30
            print(
                f"{form}, {words.rows:,} rows, {size:.1f} GiB: validated in {seconds:.0f} s, "
                f"{seconds / least:.1f} times DuckDB's own reading ({least:.0f} s), {memory:.1f} GiB of memory",
                flush=True,
            )


if __name__ == "__main__":
    main()
