"""Episodes by the gap rule from logs of about 1, 10 and 100 million rows, sorted and shuffled: time, CPU, memory.

    python bench/episodes.py                              1 and 10 million rows
    python bench/episodes.py --rows 100000000 --rounds 1  a nation
    python bench/episodes.py --peers oatmill duckdb       some of the programs

Each program is a process of its own that reads the same Parquet file and gives one row per client and episode with the
same columns: first and last day, days dosed, sum, first, last and highest dose, first and last site. The programs take
turns within each round, so that a busy machine slows all of them; the table shows the fastest of the rounds, as a
ratio to DuckDB's bare scan of the same columns. Every program has to give the same episodes. A program that is not
installed is left out and named.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

GAP = 30
ORDERS = ("sorted", "shuffled")
LATEST = 15_340  # 2012-01-01
SEED = 1
TIMEOUT = 1200  # seconds


def write_log(path: Path, rows: int, order: str) -> None:
    """Stays of about 190 days among 738 sites, 6% of the days missed; clients come back up to twice."""
    import duckdb

    clients = max(10, round(rows / 290))
    by = "client, day" if order == "sorted" else "hash(client * 3000 + day)"
    with duckdb.connect() as con:
        con.execute(f"SET temp_directory = '{path.parent}'")
        con.execute(
            f"""CREATE TABLE stays AS SELECT c AS client, 12418 + (hash(c * 7 + {SEED}) % 2500)::INT + nr * 700 AS first,
                greatest(1, (-ln(((hash(c * 13 + nr * 31) % 100000) + 1) / 100001.0) * 190)::INT) AS len,
                (hash(c * 3 + 11) % 738)::INT AS site FROM range({clients}) t(c), range(3) u(nr)
                WHERE nr = 0 OR hash(c * 17 + nr) % 10 < 4"""
        )
        con.execute(
            f"""COPY (SELECT DISTINCT ON (client, day) client::INT AS client, (first + d)::INT AS day,
                (200 + 50 * (hash(client * 31 + d // 60) % 14))::INT AS dose_dmg, site::INT AS site,
                0::TINYINT AS medication, 0::SMALLINT AS take_home_days FROM stays, range(3000) r(d)
                WHERE d < len AND hash(client * 100003 + d * 7) % 100 >= 6 AND first + d <= {LATEST} ORDER BY {by})
                TO '{path}' (FORMAT parquet)"""
        )


# The programs. Each returns episodes, and the sums over them that have to agree.


def scan(path: Path) -> dict[str, int]:
    import duckdb

    columns = ", ".join(f"sum({c})" for c in ("client", "day", "dose_dmg", "site", "medication", "take_home_days"))
    duckdb.sql(f"SELECT {columns} FROM '{path}'").fetchall()
    return {}


def oatmill(path: Path) -> dict[str, int]:
    """The path that a report runs, calendar of the sites included."""
    from oatmill.episodes import build_calendar, build_episodes
    from oatmill.study import Definitions

    definitions = Definitions(gap_days=GAP, prior_treatment="none")
    # no log counts as missing in the peers' programs either
    calendar = build_calendar(path, [f"S{k}" for k in range(738)], definitions, missing_log="dose_free")
    episodes = build_episodes(path, definitions=definitions, calendar=calendar)
    return {
        "episodes": len(episodes),
        "days": int(episodes["days"].sum()),
        "dosed": int(episodes["dosed_days"].sum()),
        "first": round(float(episodes["first_dose_mg"].sum()) * 10),
        "last": round(float(episodes["last_dose_mg"].sum()) * 10),
        "most": round(float(episodes["max_dose_mg"].sum()) * 10),
    }


def duckdb_windows(path: Path) -> dict[str, int]:
    import duckdb

    return _summed(
        duckdb.sql(
            f"""WITH gaps AS (SELECT *, day - lag(day) OVER w > {GAP} AS new FROM '{path}' WINDOW w AS (PARTITION BY client ORDER BY day)),
                spells AS (SELECT *, sum((new IS TRUE)::INT) OVER (PARTITION BY client ORDER BY day) AS nr FROM gaps)
                SELECT client, nr, min(day) AS a, max(day) AS b, count(*) AS n, sum(dose_dmg) AS total, max(dose_dmg) AS most,
                arg_min(dose_dmg, day) AS first, arg_max(dose_dmg, day) AS last, arg_min(site, day), arg_max(site, day)
                FROM spells GROUP BY client, nr"""
        ).fetchnumpy()
    )


def polars(path: Path) -> dict[str, int]:
    import polars as pl

    log = pl.scan_parquet(path).sort("client", "day")
    new = ((pl.col("day").diff() > GAP) | (pl.col("client").diff() != 0)).fill_null(value=True)
    found = (
        log.with_columns(nr=new.cum_sum())
        .group_by("nr")
        .agg(
            a=pl.col("day").min(), b=pl.col("day").max(), n=pl.len(), total=pl.col("dose_dmg").sum(),
            most=pl.col("dose_dmg").max(), first=pl.col("dose_dmg").first(), last=pl.col("dose_dmg").last(),
            client=pl.col("client").first(), site=pl.col("site").first(), last_site=pl.col("site").last(),
        )
        .collect()
    )  # fmt: skip
    return _summed({name: found[name].to_numpy() for name in ("a", "b", "n", "first", "last", "most")})


def pandas(path: Path) -> dict[str, int]:
    import duckdb

    log = duckdb.sql(f"SELECT client, day, dose_dmg, site FROM '{path}'").df().sort_values(["client", "day"])
    new = (log["day"].diff() > GAP) | (log["client"].diff() != 0)
    found = log.groupby(new.cumsum(), sort=False).agg(
        a=("day", "min"), b=("day", "max"), n=("day", "size"), total=("dose_dmg", "sum"), most=("dose_dmg", "max"),
        first=("dose_dmg", "first"), last=("dose_dmg", "last"), site=("site", "first"), last_site=("site", "last"),
    )  # fmt: skip
    return _summed(found)


def data_table(path: Path) -> dict[str, int]:
    """R's data.table; it reads CSV, whose writing is not counted but whose reading is."""
    table = path.with_suffix(".csv")
    script = f"""
        suppressMessages(library(data.table))
        t <- fread("{table}"); setkey(t, client, day)
        t[, nr := cumsum(c(TRUE, diff(day) > {GAP} | diff(client) != 0))]
        e <- t[, .(a = day[1L], b = day[.N], n = .N, total = sum(dose_dmg), most = max(dose_dmg), first = dose_dmg[1L],
                   last = dose_dmg[.N], site = site[1L], last_site = site[.N]), by = nr]
        cat(nrow(e), sum(e$b - e$a + 1), sum(e$n), sum(e$first), sum(e$last), sum(e$most))
    """
    out = subprocess.run(["Rscript", "-e", script], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    return dict(zip(("episodes", "days", "dosed", "first", "last", "most"), map(int, out.split()), strict=True))


def _summed(found: object) -> dict[str, int]:
    a, b, n, first, last, most = (found[name] for name in ("a", "b", "n", "first", "last", "most"))  # type: ignore[index]
    return {
        "episodes": len(a),
        "days": int(b.sum() - a.sum()) + len(a),
        "dosed": int(n.sum()),
        "first": int(first.sum()),
        "last": int(last.sum()),
        "most": int(most.sum()),
    }


PROGRAMS: dict[str, Callable[[Path], dict[str, int]]] = {
    "scan": scan,
    "oatmill": oatmill,
    "polars": polars,
    "pandas": pandas,
    "duckdb": duckdb_windows,
    "data.table": data_table,
}
NEEDS = {"polars": "polars"}


def installed(name: str) -> bool:
    if name == "data.table":
        words = ["Rscript", "-e", "quit(status = !requireNamespace('data.table', quietly = TRUE))"]
        return shutil.which("Rscript") is not None and subprocess.run(words, check=False).returncode == 0
    return importlib.util.find_spec(NEEDS.get(name, "duckdb")) is not None


def one(name: str, path: Path) -> None:
    """Run one program in this process and print what it took, after a small log that takes imports and compiling."""
    PROGRAMS[name](path.with_name("small.parquet"))
    started, cpu = time.perf_counter(), _cpu()
    found = PROGRAMS[name](path)
    took = {"seconds": time.perf_counter() - started, "cpu": _cpu() - cpu, "gib": _peak_kib() / 2**20}
    print(json.dumps(took | {"found": found}))


def _cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in (own, children))


def _peak_kib() -> int:
    """The largest memory of this process or of a child (Linux; `ru_maxrss` of its own would count what started it)."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    own = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def timed(name: str, path: Path) -> dict[str, object]:
    words = [sys.executable, __file__, "--one", name, str(path)]
    try:
        out = subprocess.run(words, stdout=subprocess.PIPE, timeout=TIMEOUT, encoding="utf-8", check=False)
    except subprocess.TimeoutExpired:
        return {"seconds": float("inf"), "cpu": float("inf"), "gib": float("nan"), "found": {}}
    if out.returncode:
        return {"seconds": float("nan"), "cpu": float("nan"), "gib": float("nan"), "found": {}}
    return dict(json.loads(out.stdout.splitlines()[-1]))


def compare(path: Path, names: list[str], rounds: int) -> list[dict[str, object]]:
    best: dict[str, dict[str, object]] = {}
    for _round in range(rounds):
        for name in names:
            took = timed(name, path)
            if name not in best or took["seconds"] < best[name]["seconds"]:  # type: ignore[operator]
                best[name] = took
    base, ours = best["scan"], best.get("oatmill", {})
    return [
        {
            "program": name,
            "seconds": took["seconds"],
            "times the scan": took["seconds"] / base["seconds"],  # type: ignore[operator]
            "CPU s": took["cpu"],
            "GiB": took["gib"],
            "same episodes": name == "scan" or took["found"] == ours.get("found"),
        }
        for name, took in best.items()
    ]


def _write_csv(*paths: Path) -> None:
    import duckdb

    for path in paths:
        duckdb.sql(f"COPY (FROM '{path}') TO '{path.with_suffix('.csv')}' (HEADER)")


def main() -> int:
    parser = argparse.ArgumentParser(description="Episodes by the gap rule, against named peers.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=ORDERS)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.one:
        one(words.one[0], Path(words.one[1]))
        return 0
    names = ["scan", *(name for name in words.peers if name != "scan" and installed(name))]
    print("not installed:", ", ".join(name for name in words.peers if not installed(name)) or "none")
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        for rows in words.rows:
            for order in words.orders:
                path = Path(folder) / f"{order}.parquet"
                write_log(path.with_name("small.parquet"), 10_000, order)
                write_log(path, rows, order)
                if "data.table" in names:
                    _write_csv(path.with_name("small.parquet"), path)
                print(f"\n{rows:,} rows, {order}")
                for line in compare(path, names, words.rounds):
                    agree &= bool(line["same episodes"])
                    print("  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in line.items()))
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
