"""Chapters 10 to 40 from top to bottom in a fresh kernel, as a reader opens them in JupyterLab: no report, no stations."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from oatmill.run.kernel import execute, kernel_environment

ROOT = Path(__file__).resolve().parents[2]
STUDY = """
oatmill: 1
id: small
title: Small
generate: {clients: 600, sites: 4, years: 3}
sources:
  clients: {file: clients.csv, synthetic: true}
  doses: {file: doses.csv, synthetic: true}
  exits: {file: exits.csv, synthetic: true}
  sites: {file: sites.csv, synthetic: true}
definitions: {deaths: linked}
"""
SPELLS = "oatmill: 1\nid: spells\ntitle: Spells\nsources:\n  episodes: {file: episodes.csv}\ncovariates: [sex, age]\n"
# page: a finding that must be there, figures, tables
PAGES = {
    "10_data_quality": ("rows of the table doses were read", 2, 5),
    "20_cohort": ("are analysed, each from the start of the first episode", 4, 3),
    "30_retention": ("of starters were still in treatment after 365 days", 3, 2),
    "40_dose_and_dropout": ("the hazard of leaving was multiplied by", 2, 2),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    return folder


def run(page: str, out: Path, **parameters: object) -> tuple[str, list[str], object]:
    """The page's markup, what it printed, and where it stopped."""
    done = execute(ROOT / "notebooks" / f"{page}.ipynb", parameters, kernel_environment(OATMILL_OUT=str(out)))
    outputs = [output for cell in done.notebook.cells for output in cell.get("outputs", [])]
    markup = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    return markup, [output.text for output in outputs if output.output_type == "stream"], done.failure


def words_of(markup: str) -> str:
    without_style = re.sub(r"<style.*?</style>", "", markup, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without_style)))


@pytest.mark.parametrize("page", PAGES)
def test_page_by_hand(page: str, study: Path, out: Path) -> None:
    finding, figures, tables = PAGES[page]
    markup, printed, failure = run(page, out, study_file=str(study))
    assert failure is None
    assert printed == []
    assert finding in words_of(markup)
    assert "Synthetic data" in words_of(markup)
    assert markup.index("oatmill-findings") < markup.index("oatmill-figure")
    assert markup.count('<figure class="oatmill-figure">') == figures
    assert markup.count('<div class="oatmill-table">') == tables
    assert re.search(r"\bnan\b|None|Traceback", words_of(markup)) is None
    assert not re.search(r'alt="\s*"', markup)
    assert not (out / "work" / "small" / "results").exists(), "by hand nothing is filed for results.csv"


def test_a_knob_changes_the_page_and_says_so(study: Path, out: Path) -> None:
    markup, _printed, failure = run("30_retention", out, study_file=str(study), gap_days=14)
    assert failure is None
    assert "Changed by hand in this notebook: gap_days" in words_of(markup)
    assert "gap of 14 days" in words_of(markup)


def test_a_parameter_that_does_not_exist_stops_the_page_with_the_nearest(study: Path, out: Path) -> None:
    _markup, _printed, failure = run("30_retention", out, study_file=str(study), gap_dayz=14)
    assert "ParameterUnknown" in str(failure)


def test_recorded_spells_without_a_log_give_a_cohort_and_a_curve(tmp_path: Path) -> None:
    """200 clients, day of leaving 5, 10 .. 1000; half are women; the youngest 50 were still in treatment."""
    (tmp_path / "study.yaml").write_text(SPELLS, encoding="utf-8")
    lines = [
        f"c{k:04d},{5 * k},{'yes' if k > 50 else 'no'},{'male' if k % 2 else 'female'},{20 + k % 40}"
        for k in range(1, 201)
    ]
    text = "client_id,days,ended,sex,age\n" + "\n".join(lines) + "\n"
    (tmp_path / "episodes.csv").write_text(text, encoding="utf-8")
    for page in ("10_data_quality", "20_cohort", "30_retention"):
        markup, printed, failure = run(page, tmp_path / "out", study_file=str(tmp_path))
        assert failure is None
        assert printed == []
    assert "recorded end" in words_of(markup)
    assert "gap of" not in words_of(markup)
