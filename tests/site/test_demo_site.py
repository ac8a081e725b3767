"""The six real chapters on a small demo programme, as a reader opens them from disk, at both widths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oatmill.cli import main
from oatmill.text import use_language

SMALL = ("generate.clients=600", "generate.sites=4", "generate.years=2")
ENDS = ("definitions.data_cut=2017-12-31", "definitions.death_linkage_date=2017-12-31")
# page: the least number of figures and tables
CHAPTERS = {
    "10_data_quality": (2, 2),
    "20_cohort": (2, 2),
    "30_retention": (3, 2),
    "40_dose_and_dropout": (1, 2),
    "50_kyrgyz_registry": (2, 4),
    "60_programme": (3, 5),
}
OTHERS = (
    "index",
    "methods",
    "disclosure",
    "capabilities",
    "dictionary",
    "messages",
    "cluster",
    "glossary",
    "references",
    "provenance",
    "search",
    "genindex",
)


@pytest.fixture(scope="module")
def demo_site(requires, tmp_path_factory: pytest.TempPathFactory) -> Path:
    requires("chromium")
    out = tmp_path_factory.mktemp("demo")
    words = [word for change in (*SMALL, *ENDS) for word in ("--set", change)]
    assert main(["report", "--out", str(out), *words]) == 0
    use_language("en")
    return out / "reports" / "demo" / "site"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", [*CHAPTERS, *OTHERS])
def test_a_page_of_the_demo(demo_site: Path, open_page, name: str, width: int) -> None:
    page = open_page(demo_site / f"{name}.html", width)
    assert [address for address in page.asked if not address.startswith(("file://", "data:"))] == []
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).length") == 0
    text = page.inner_text("main") if page.locator("main").count() else page.inner_text("body")
    assert not re.search(r"\bnan\b|\bNaN\b|Traceback|Warning", text)
    assert page.locator("table.dataframe").count() == 0


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_findings_figures_and_tables(demo_site: Path, open_page, name: str) -> None:
    page = open_page(demo_site / f"{name}.html")
    figures, tables = CHAPTERS[name]
    assert page.locator(".oatmill-findings li").count() > 0
    assert page.locator("figure.oatmill-figure img[alt]").count() >= figures
    assert page.locator(".oatmill-table table").count() >= tables
    for link in page.locator("a[download]").all():
        assert (demo_site / str(link.get_attribute("href"))).is_file()
    synthetic = page.locator(".oatmill-banner", has_text="Synthetic data").count()
    assert (synthetic > 0) is (name[:2] < "50"), "only pages that use the study say so"


def test_the_search_finds_a_word_of_a_chapter(demo_site: Path, open_page) -> None:
    page = open_page(demo_site / "search.html", address=f"{(demo_site / 'search.html').as_uri()}?q=retention")
    page.wait_for_selector("#search-results li", timeout=20_000)
    assert page.locator("#search-results li a", has_text="Retention").count() > 0
