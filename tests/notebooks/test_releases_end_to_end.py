"""Releases of one small programme through the whole of `oatmill report` and `oatmill publish`.

Two invented clients join between them. The notebook, the disclosure control and the gate are the real ones, the book is
a page of one line.
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
    assert main(["synth", str(folder), "--clients", "250", "--sites", "2", "--years", "2"]) == 0
    (folder / "notebooks").mkdir()
    shutil.copyfile(bundle() / "notebooks" / CHAPTER, folder / "notebooks" / CHAPTER)
    monkeypatch.setattr(report_module, "bundle", lambda: tmp_path / "no-bundle")
    return folder


def make(study: Path, out: Path) -> bytes:
    """Make the report; hands back results.csv."""
    made = make_report(study, out, parts=Parts(write_dummy_book), console=Console(io.StringIO()))
    assert not made.unchanged
    return (made.folder / "results" / "results.csv").read_bytes()


def join(study: Path, number: int) -> None:
    """So many new clients: each a copy of one who is there, under an identifier of its own."""
    chosen = {row["client_id"] for row in read(study / "clients.csv")[:number]}
    for name in ("clients", "doses", "exits"):
        rows = read(study / f"{name}.csv")
        copies = [row | {"client_id": f"{row['client_id']}9"} for row in rows if row["client_id"] in chosen]
        with (study / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows([*rows, *copies])


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def last(out: Path) -> Release:
    release = read_last_release(out / "work" / "synthetic", "midpoint6")
    assert release is not None
    return release


def test_two_releases_and_two_clients_between_them(study, tmp_path):
    out = tmp_path / "out"
    first = make(study, out)
    report = find_report(Path("synthetic"), out)
    assert publish_report(report, "2026-01").about.counts > 20
    before = last(out)
    assert make(study, out) == first, "the same data again change no number"

    join(study, 2)
    assert make(study, out) == first, "nor do two clients more"
    about = publish_report(report, "2026-02").about
    assert (about.changed, about.kept > 20) == (0, True)
    after = last(out)
    moved = [
        cell.true - before.book.cells[key].true for key, cell in after.book.cells.items() if key in before.book.cells
    ]
    assert set(moved) >= {0, 1, 2}
