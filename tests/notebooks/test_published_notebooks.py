"""Chapters 50 and 60 from top to bottom in a fresh kernel, alone and with tables of a study's own."""

from __future__ import annotations

import csv
import html
import re
from pathlib import Path

import pytest

from oatmill.run.kernel import execute, kernel_environment
from oatmill.session import open_study

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "50_kyrgyz_registry": ("548 clients on 1 January 2017", "at least 29% of the 1,114 exits", "2,115 people"),
    "60_programme": ("67.6 per 100 person-years in 2007 to 23.7 in 2011", "cannot hold in 2005", "15,948 returned"),
}
STUDY = "oatmill: 1\nid: try\ntitle: Try\n"


def run(page: str, study: Path, out: Path):
    done = execute(
        ROOT / "notebooks" / f"{page}.ipynb", {"study_file": str(study)}, kernel_environment(OATMILL_OUT=str(out))
    )
    assert done.failure is None, done.failure
    return done.notebook


def markup_of(notebook) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)


def streams_of(notebook) -> list[str]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.text for output in outputs if output.output_type == "stream"]


def words_of(markup: str) -> str:
    return re.sub(
        r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", markup, flags=re.S)))
    )


@pytest.mark.parametrize("page", PAGES)
def test_page_of_published_figures(page, tmp_path, monkeypatch):
    monkeypatch.delenv("OATMILL_RUN", raising=False)
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    notebook = run(page, tmp_path, tmp_path / "out")
    markup = markup_of(notebook)
    assert streams_of(notebook) == []
    for finding in PAGES[page]:
        assert finding in words_of(markup)
    assert markup.index("oatmill-findings") < markup.index("oatmill-figure")
    assert markup.count('<figure class="oatmill-figure">') == (2 if page.startswith("50") else 3)
    assert markup.count('<div class="oatmill-table">') == (4 if page.startswith("50") else 5)
    assert re.search(r"\bnan\b|None|Traceback", words_of(markup)) is None
    assert not re.search(r'alt="\s*"', markup)


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def own_study(tmp_path) -> Path:
    """A registry of 300 spells, each 200 days long and a day or two apart, and a confidential programme table."""
    folder = tmp_path / "own"
    folder.mkdir()
    spells = []
    for k in range(300):
        year, day = 2018 + k // 150, 1 + k % 28
        left = f"{year}-{8 + k % 4:02d}-{day:02d}" if k % 3 else ""
        spells.append(
            [f"client{k:05d}", f"{year}-{1 + k % 6:02d}-{day:02d}", left, "primary", "death" if k % 9 == 1 else ""]
        )
    write_csv(folder / "registry.csv", ["client_id", "enrolled", "left", "enrolment_type", "exit_reason"], spells)
    years = [[2018, 100, 90, 80, 52], [2019, 250, 160, 76, 55], [2020, 400, 230, 74, 57]]
    columns = ["year", "clients_cumulative", "clients_year_end", "retention_percent", "mean_dose_mg"]
    write_csv(folder / "programme.csv", columns, years)
    sources = "sources:\n  registry: {file: registry.csv}\n  programme: {file: programme.csv, synthetic: true}\n"
    (folder / "study.yaml").write_text(STUDY + sources, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("page", "shown"),
    [("50_kyrgyz_registry", "Ledger of the registry"), ("60_programme", "Your programme:")],
)
def test_page_with_tables_of_ones_own(page, shown, own_study, tmp_path, monkeypatch):
    monkeypatch.delenv("OATMILL_RUN", raising=False)
    monkeypatch.setenv("OATMILL_OUT", str(tmp_path / "out"))
    assert set(open_study(own_study).intake.tables) == {"registry", "programme"}  # built beforehand, as a report does
    notebook = run(page, own_study, tmp_path / "out")
    text = words_of(markup_of(notebook))
    assert streams_of(notebook) == []
    assert shown in text
    assert "Synthetic data" in text
    assert "midpoint of a class of six" in text
    assert "client00001" not in text
