"""Three releases of one small programme through the whole of `oatmill report` and `oatmill publish`.

Invented clients join between the releases: none, then two. The notebook and the disclosure control are the real ones,
the book is a page of one line.
"""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest
from helpers.dummy_study import write_dummy_book

from oatmill.cli import main
from oatmill.disclosure.releases import Release
from oatmill.run import Console, Parts, make_report
from oatmill.run import report as report_module
from oatmill.run.publish import find_report, publish_report
from oatmill.run.releases import read_last_release
from oatmill.store import bundle

CHAPTER = "30_retention.ipynb"


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "study"
    assert main(["synth", str(folder), "--clients", "400", "--sites", "2", "--years", "2"]) == 0
    (folder / "notebooks").mkdir()
    shutil.copyfile(bundle() / "notebooks" / CHAPTER, folder / "notebooks" / CHAPTER)
    monkeypatch.setattr(report_module, "bundle", lambda: tmp_path / "no-bundle")
    return folder


def make(study: Path, out: Path) -> bytes:
    """Make the report; hands back results.csv."""
    made = make_report(study, out, parts=Parts(write_dummy_book), console=Console(io.StringIO()))
    assert not made.unchanged
    return (made.folder / "results" / "results.csv").read_bytes()


def join(study: Path, like: int) -> None:
    """So many new clients, each a copy of one who is there, under a name of its own."""
    for name in ("clients", "doses", "exits"):
        file = study / f"{name}.csv"
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        column = rows[0].index("client_id")
        known = sorted({row[column] for row in rows[1:]} if name == "clients" else join.known)
        join.known = known
        copies = [
            [f"{cell}9" if place == column else cell for place, cell in enumerate(row)]
            for row in rows[1:]
            if row[column] in known[:like]
        ]
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([*rows, *copies])


def last(out: Path) -> Release:
    release = read_last_release(out / "work" / "synthetic", "midpoint6")
    assert release is not None
    return release


def test_three_releases(study, tmp_path):
    out = tmp_path / "out"
    first = make(study, out)
    report = find_report(Path("synthetic"), out)
    assert publish_report(report, "2026-01").about.counts > 20
    assert make(study, out) == first, "the same data again change no number"
    assert publish_report(report, "2026-02").about.changed == 0
    before = last(out)

    join(study, 2)
    second = make(study, out)
    told = publish_report(report, "2026-03").about
    assert (told.changed, told.kept > 20) == (0, True)
    for key, cell in last(out).book.cells.items():
        if key in before.book.cells and cell.shown:
            assert abs(cell.true - before.book.cells[key].true) <= 2
            assert last(out).anchors_of(key)[0].released == before.anchors_of(key)[0].released
    assert any(
        c.true != before.book.cells[key].true for key, c in last(out).book.cells.items() if key in before.book.cells
    )
    values = [[row["estimate"], row["n"], row["events"]] for row in rows(first) if row["output"] != "x"]
    assert values == [[row["estimate"], row["n"], row["events"]] for row in rows(second) if row["output"] != "x"]


def rows(results: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(results.decode())))
