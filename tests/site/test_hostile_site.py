"""A study whose files, names and title are hostile: its site shows them as text, and nothing happens in the browser."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from helpers.dummy_study import code, markdown, write_notebook
from helpers.hostile import BEACON, EVERY, FAMILIES, MARK, SURROGATES

from oatmill.book import build_book
from oatmill.gate.search import _PATTERNS
from oatmill.labels import LEVELS, label
from oatmill.run import Parts, make_report
from oatmill.run import report as report_module
from oatmill.text import use_language, visible

ROOT = Path(__file__).parents[2]
RUN = f"window.{MARK}=1"
TITLE = f"</title><img src=x onerror={RUN}> & <b>b</b> \\(\\href{{javascript:{RUN}}}{{x}}\\) {{cite}}`kaplan1958` $x$ *e* {{{{ title }}}}"
AUTHORS = [f"<script>{RUN}</script>", "(x)=", f'"><img src={BEACON}/a.png onerror={RUN}>']
FILE = f"doses<img src=x onerror={RUN}>|`[1]*'.csv"
COLUMN = f"<svg onload={RUN}>"
# The gate would refuse a report that holds what looks like a place on this machine or a password.
SHOWN = [text for text in EVERY if not any(p.search(text.encode()) for p in _PATTERNS.values())]
TRIMMED = " \t\r\n\u00a0\ufeff"  # the intake takes these off the ends of a cell
BIG = [*FAMILIES["html"][:3], "$x^2$", "=1+1", "\u202eabc", "{{ x }}", "_hidden"]
SITES = list(dict.fromkeys(text.strip(TRIMMED) for text in SHOWN if text.strip(TRIMMED)))

PLUG_IN = f"""import json
import pandas as pd
import oatmill as om
from oatmill.results import Result
study = om.open_study(study_file)
strings = json.loads({json.dumps(json.dumps(SHOWN))})
halves = json.loads({json.dumps(json.dumps(SURROGATES))})  # no file can hold these, so no Result does
rows = pd.DataFrame({{"level": strings, "events": 60.0, "n": 600.0, "estimate": 0.1}})
rows = rows.assign(group="site_id", estimand="share", population="plug-in", unit="proportion")
shares = study.release(Result("plugin", "proportions", rows))"""
SHOW = """study.show(om.table_characteristics(shares, None))
study.show([*strings, *halves])
study.show_sentences(strings)
study.add_cards([(text, text, text) for text in strings[::9]])"""


def write_data(folder: Path) -> None:
    """A client at each hostile site, and sixteen at a few of them, each with two months of doses."""
    folder.mkdir(parents=True)
    sites = [*SITES, *(site for site in BIG for _ in range(16))]
    first = dt.date(2020, 1, 1)
    with (folder / "clients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("client_id", "sex", "site_id", COLUMN)])
        csv.writer(file).writerows((n, ("male", "female")[n % 2], site, "x") for n, site in enumerate(sites))
    with (folder / FILE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("client_id", "date", "dose_mg")])
        for n in range(len(sites)):
            days = [first + dt.timedelta(days=n % 30 + day) for day in range(20 + n % 60)]
            csv.writer(file).writerows((n, day, 60) for day in days)


def write_study(folder: Path) -> Path:
    write_data(folder)
    study = {
        "oatmill": 1,
        "id": "hostile",
        "title": TITLE,
        "subtitle": TITLE[::-1],
        "programme_name": f"- <i>x</i> {RUN}",
        "authors": AUTHORS,
        "sources": {
            "clients": {"file": "clients.csv", "synthetic": True},
            "doses": {"file": FILE, "synthetic": True},
        },
        "definitions": {"gap_days": 14, "data_cut": "2020-06-30", "prior_treatment": "none", "horizons": [10, 30]},
        "covariates": ["sex", "site_id"],
    }
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    return file


def declare(path: Path, **about: Any) -> None:
    """Metadata of a chapter, which pages of the book repeat."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"]["oatmill"] |= about
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def report(requires, tmp_path_factory) -> Path:
    requires("chromium")
    folder = tmp_path_factory.mktemp("hostile")
    write_study(folder / "study")
    notebooks = folder / "study" / "notebooks"
    notebooks.mkdir()
    for name in ("10_data_quality", "20_cohort"):
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", notebooks)
    plug_in = write_notebook(notebooks, "90_hostile", PLUG_IN, code(SHOW), markdown("## Limits"))
    declare(plug_in, title=TITLE, question=TITLE, optional={"clients.hiv": TITLE})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_module, "bundle", lambda: folder / "no-bundle")
        made = make_report(folder / "study", folder / "out", parts=Parts(build_book), pdf=True)
    use_language("en")
    return made.folder


PAGES = (
    "index", "10_data_quality", "20_cohort", "90_hostile", "methods", "capabilities", "dictionary", "messages", "cluster", "glossary", "references",
    "provenance", "genindex", "search",
)  # fmt: skip
# Elements that nothing of ours makes, and attributes that would run or fetch something of theirs.
INJECTED = """mark => [
    ...document.querySelectorAll("iframe, object, embed, base, marquee, plaintext, form[action^=http], meta[http-equiv=refresh]"),
    ...[...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a =>
        !["alt", "title", "content", "aria-label"].includes(a.name) && (a.value.includes(mark) || a.value.includes("beacon.invalid")))),
    ...[...document.scripts].filter(e => e.textContent.includes(mark)),
].map(e => e.outerHTML.slice(0, 200))"""


def one_line(text: str) -> str:
    return " ".join(visible(text).split())


def labelled(texts: list[str]) -> set[str]:
    return {one_line(label(LEVELS, text)) for text in texts}


def texts_of(page: Any, selector: str) -> set[str]:
    found = page.evaluate("s => [...document.querySelectorAll(s)].map(e => e.textContent)", selector)
    return {" ".join(text.split()) for text in found}


def check_nothing_happened(page: Any, own_math: int = 0) -> None:
    assert page.evaluate(f"window.{MARK}") is None
    assert page.evaluate(INJECTED, MARK) == []
    assert page.locator("mjx-container").count() == own_math
    assert [address for address in page.asked if not address.startswith(("file://", "data:"))] == []
    assert page.complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_runs_on_a_page(report, open_page, name):
    page = open_page(report / "site" / f"{name}.html")
    if name == "methods":  # it has formulas of its own
        page.wait_for_selector("mjx-container")
    check_nothing_happened(page, own_math=page.locator(".math mjx-container").count())
    assert visible(TITLE) in page.title()
    assert texts_of(page, ".logo__title, .bd-sidenav__home-link a") == {one_line(TITLE)}


def test_the_plug_in_shows_every_string(report, open_page):
    page = open_page(report / "site" / "90_hostile.html")
    assert labelled(SHOWN) <= texts_of(page, ".oatmill-table td:first-child")
    assert set(map(one_line, [*SHOWN, *SURROGATES])) <= texts_of(page, ".oatmill-findings li")
    assert set(map(one_line, SHOWN)) <= texts_of(page, "p.oatmill-withheld")
    assert one_line(f"This study has no clients.hiv: {TITLE}.") in texts_of(page, ".oatmill-lost p")


def test_a_chapter_shows_every_site_of_the_file(report, open_page):
    page = open_page(report / "site" / "20_cohort.html")
    assert len(SITES) >= 300
    assert labelled(SITES) <= texts_of(page, ".oatmill-table td:first-child")


def test_a_figure_shows_sites_and_a_table_the_name_of_a_column(report, open_page):
    page = open_page(report / "site" / "10_data_quality.html")
    assert page.locator("figure.oatmill-figure img[alt*=Dosing]").count() == 1
    assert any(COLUMN in text for text in texts_of(page, ".oatmill-table td"))


def test_the_front_page_shows_title_authors_and_key_numbers(report, open_page):
    page = open_page(report / "site" / "index.html")
    text = one_line(page.locator("article").text_content())
    for part in (TITLE, TITLE[::-1], f"Programme: - <i>x</i> {RUN}", ", ".join(AUTHORS)):
        assert one_line(part).replace('"', "”") in text.replace("“", "”"), part
    assert set(map(one_line, SHOWN[::9])) <= texts_of(page, ".oatmill-card-value")
    assert one_line(TITLE) in texts_of(page, "table td")


def test_provenance_shows_the_name_of_the_file(report, open_page):
    assert one_line(FILE) in texts_of(open_page(report / "site" / "provenance.html"), "table td")


@pytest.mark.parametrize(
    "query", [TITLE, TITLE[:60], f"<img src=x onerror={RUN}>", "hostile", "{{ x }}", "'\"><script>"]
)
def test_the_search_shows_text(report, open_page, query):
    address = f"{(report / 'site' / 'search.html').as_uri()}?q={quote(query)}"
    page = open_page(report, address=address)
    page.wait_for_timeout(700)
    check_nothing_happened(page)
    tags = page.evaluate("[...document.querySelectorAll('#search-results *')].map(e => e.tagName)")
    assert set(tags) <= {"H2", "P", "UL", "LI", "A", "SPAN", "DIV"}
    if query == TITLE:
        assert one_line(TITLE) in texts_of(page, "#search-results a")


def test_what_becomes_the_pdf_runs_nothing(report, open_page):
    assert (report / "report.pdf").read_bytes().startswith(b"%PDF")
    book = report.parents[1] / "work" / "hostile" / "book"
    page = open_page(book / "_build" / "singlehtml" / "index.html")
    assert page.evaluate(f"window.{MARK}") is None
    assert page.evaluate(INJECTED, MARK) == []
    assert labelled(SITES) <= texts_of(page, ".oatmill-table td:first-child")
    assert yaml.safe_load((book / "myst.yml").read_text(encoding="utf-8"))["project"]["title"] == visible(TITLE)


def test_pictures_hold_no_script(report):
    for path in (report / "results" / "figures").glob("*.svg"):
        for element in ET.parse(path).iter():
            assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "a"), path.name
            assert not [name for name in element.attrib if name.startswith("on")], path.name


def test_no_cell_of_a_published_table_is_a_formula(report):
    files = [*(report / "results").rglob("*.csv"), *(report / "site" / "data").glob("*.csv")]
    assert len(files) >= 10
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            cells = {cell for row in csv.reader(file) for cell in row}
        assert not [cell for cell in cells if re.match(r"[=@\t\r\n]|[+-](?![0-9.,e+-]+$)", cell)], path.name


def test_no_text_became_the_name_of_a_file(report):
    names = [path.name for path in report.rglob("*") if "_static" not in path.parts]
    assert [name for name in names if not re.fullmatch(r"[\w-]+(\.\w+)?", name, re.ASCII)] == [".buildinfo"]
    assert {path.name for path in report.parents[2].iterdir()} == {"study", "out"}
    assert {path.name for path in report.parents[1].iterdir()} == {"reports", "work"}


def test_the_manifest_is_read_back(report):
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["study"]["title"] == TITLE
    assert FILE in {entry["file"] for entry in manifest["inputs"]}
