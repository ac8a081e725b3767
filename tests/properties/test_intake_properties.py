"""Whatever a log holds: no row is lost, and the log written is what plain Python makes of it."""

from __future__ import annotations

import csv
import datetime as dt
import tempfile
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from oatmill.errors import TableEmpty
from oatmill.intake import read_tables
from oatmill.study import Study

EPOCH = dt.date(1970, 1, 1)
CUT, DEATH = dt.date(2020, 1, 20), {"b": dt.date(2020, 1, 10)}

rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c d", '"q"', ""]),
        st.one_of(st.just(""), st.integers(1, 25).map(lambda day: f"2020-01-{day:02d}")),
        st.sampled_from(["", "0", "-5", "60", "60.0", "12.5", "700"]),
        st.sampled_from(["", "A", "B"]),
        st.sampled_from(["", "2"]),
        st.sampled_from(["", "note, with comma", "=x"]),
    ),
    min_size=1,
    max_size=25,
)


def plain(log: list[tuple[str, ...]]) -> tuple[int, dict[tuple[str, str, str], tuple[int | None, int]]]:
    """Rows quarantined, and (client, date, site) -> (tenths of mg or None, days to take home)."""
    out, seen, days = 0, set(), defaultdict(list)
    for client, date, dose, site, home, note in log:
        late = date and (date > CUT.isoformat() or (client in DEATH and date > DEATH[client].isoformat()))
        key = (client, date, dose and float(dose), site, home, note)
        if not client or not date or late or key in seen:
            out += 1
            continue
        seen.add(key)
        if not dose or float(dose) > 0:
            days[client, date, site].append((dose and Decimal(dose), int(home or 0)))
    return out, {
        key: (
            None if any(dose == "" for dose, _ in parts)
            else sum(int((10 * dose).to_integral_value(ROUND_HALF_UP)) for dose, _ in parts),
            max(home for _, home in parts),
        )
        for key, parts in days.items()
    }  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(rows)
def test_rows_read_are_rows_kept_and_quarantined(log):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "doses.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("client_id", "date", "dose_mg", "site_id", "take_home_days", "note"), *log])
        (folder / "exits.csv").write_text(f"client_id,date,reason\nb,{DEATH['b']},death\n", encoding="utf-8")
        study = Study.model_validate(
            {
                "oatmill": 1,
                "id": "t",
                "title": "T",
                "sources": {table: {"file": f"{table}.csv"} for table in ("doses", "exits")},
                "definitions": {"blank_dose": "covered", "data_cut": CUT},
            }
        ).model_copy(update={"folder": folder})
        out, expected = plain(log)
        try:
            intake = read_tables(study, folder / "work")
        except TableEmpty:
            assert out == len(log)
            return
        ledger = intake.ledger.set_index("table").loc["doses"]
        assert ledger["rows_read"] == len(log) == ledger["rows_kept"] + ledger["rows_quarantined"]
        assert ledger["rows_quarantined"] == out
        facts = intake.facts
        assert ledger["rows_kept"] == facts["rows_summed_away"] + facts["rows_not_covering"] + facts["dose_rows"]
        names = sorted({row[0] for row in kept(log)} | {"b"})
        written = duckdb.execute("SELECT * FROM read_parquet(?)", [str(intake.doses)]).fetchall()
        assert [row[:2] for row in written] == sorted(row[:2] for row in written)
        assert {
            (names[client], (EPOCH + dt.timedelta(days=day)).isoformat(), (*intake.sites, "")[site]): (dose, home)
            for client, day, dose, site, _, home in written
        } == expected


def kept(log: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [row for row in log if row[0] and row[1] and row[1] <= DEATH.get(row[0], CUT).isoformat()]
