"""The long runs and timings of `bench` still run: one small programme, every invariant, one line in the log."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"


@pytest.fixture(scope="module")
def soak() -> dict:
    return runpy.run_path(str(BENCH / "soak.py"))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_programme_holds_every_invariant(soak, tmp_path):
    log = tmp_path / "soak.csv"
    words = [
        "--seeds",
        "1",
        "--reports",
        "0",
        "--books",
        "0",
        "--files",
        "4",
        "--clients",
        "250",
        "--sites",
        "3",
        "--years",
        "2",
        "--to",
        str(log),
    ]
    assert soak["main"](words) == 0
    row, files = read(log)
    assert tuple(row) == soak["COLUMNS"]
    assert row["outcome"] == "ok: 1 programmes"
    assert files["outcome"] == "ok: 4 files"


def test_what_does_not_hold_is_logged_and_fails(soak, tmp_path):
    log = tmp_path / "soak.csv"
    assert soak["log_run"]("a run", lambda: "ok: 1", log)
    assert not soak["log_run"]("another", lambda: "FAILED at seed 7: S rises", log)
    assert [row["outcome"] for row in read(log)] == ["ok: 1", "FAILED at seed 7: S rises"]


def test_committed_log_is_complete(soak):
    for row in read(BENCH / "soak.csv"):
        assert tuple(row) == soak["COLUMNS"]
        assert all(row.values())


def test_every_fuzz_test_is_counted(soak):
    text = (BENCH.parent / "tests" / "properties" / "test_intake_fuzz.py").read_text(encoding="utf-8")
    assert text.count("\ndef test_") == soak["FUZZ_TESTS"]


def test_timings_run_and_the_programs_agree(capsys):
    bench = runpy.run_path(str(BENCH / "bench.py"))
    assert bench["main"](["--clients", "2000", "--rounds", "1"]) == 0
    assert "lifelines" in capsys.readouterr().out
