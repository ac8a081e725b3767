"""The site opens from disk, in full, and asks the network for nothing."""

from __future__ import annotations

import re
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PAGES = (
    "index", "30_retention", "50_registry", "methods", "disclosure", "capabilities", "dictionary", "messages", "cluster", "glossary", "references",
    "provenance", "search", "genindex",
)  # fmt: skip
WIDTHS = {"desktop": 1280, "phone": 390}


class Addresses(HTMLParser):
    """What a browser loads on its own: script, link, img, iframe, source."""

    def __init__(self):
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag in ("script", "link", "img", "iframe", "source"):
            self.loaded += [value for name, value in attributes if name in ("src", "href", "srcset") and value]


def test_the_expected_pages_are_there(site):
    assert {path.stem for path in site.glob("*.html")} == set(PAGES)


def test_no_page_loads_anything_from_elsewhere(site):
    for page in site.glob("*.html"):
        parser = Addresses()
        parser.feed(page.read_text(encoding="utf-8"))
        outside = [address for address in parser.loaded if re.match(r"(https?:)?//", address)]
        assert not outside, f"{page.name}: {outside}"
        lacking = [
            a
            for a in parser.loaded
            if not a.startswith(("data:", "#")) and not (site / a.split("?")[0].split("#")[0]).exists()
        ]
        assert not lacking, f"{page.name}: {lacking}"


def test_no_style_and_no_page_names_a_cdn(site):
    for path in [*site.glob("*.html"), *site.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"unpkg\.com|jsdelivr|cdnjs|googleapis|gstatic|mybinder", text), path.name
        assert not re.search(r"@import\s+(url\()?[\"']?https?:|url\([\"']?https?:", text), path.name


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_network_and_without_complaint(site, open_page, name):
    page = open_page(site / f"{name}.html")
    assert {address.split(":")[0] for address in page.asked} <= {"file", "data"}
    assert page.complaints == []
    assert page.title()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("device", WIDTHS)
def test_no_page_is_wider_than_the_screen(site, open_page, name, device):
    page = open_page(site / f"{name}.html", WIDTHS[device])
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_over_http_it_asks_only_its_own_server(site, open_page):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        here = f"http://127.0.0.1:{server.server_port}/"
        page = open_page(site, address=here + "methods.html")
        assert page.asked
        assert all(address.startswith((here, "data:")) for address in page.asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_mathematics_is_set_from_disk(site, open_page):
    page = open_page(site / "methods.html")
    page.wait_for_selector("mjx-container", timeout=10_000)
    assert (
        page.evaluate(
            "document.fonts.ready.then(() => [...document.fonts].filter(f => f.family.startsWith('MJX')).length)"
        )
        > 0
    )
    assert page.complaints == []


def test_figures_load_have_a_text_and_a_link_to_their_data(site, open_page):
    page = open_page(site / "30_retention.html")
    figure = page.locator("figure.oatmill-figure")
    assert figure.locator("img").get_attribute("alt") == "A curve"
    assert figure.locator("img").evaluate("image => image.naturalWidth") > 0
    with page.expect_download() as download:
        figure.locator("a").click()
    assert Path(download.value.path()).read_text(encoding="utf-8").startswith("page,output,")


def test_search_finds_a_page_from_disk(site, open_page):
    page = open_page(site, address=(site / "search.html").as_uri() + "?q=retention")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    found = page.locator("#search-results li a").all_text_contents()
    assert "Retention" in found
    assert page.complaints == []


def test_code_is_hidden_until_asked_for(site, open_page):
    page = open_page(site / "30_retention.html")
    toggle = page.locator("details.hide").first
    assert toggle.locator("summary").inner_text().strip() == "Show code"
    assert not toggle.locator("pre").first.is_visible()
    toggle.locator("summary").click()
    assert toggle.locator("pre").first.is_visible()


def test_a_wide_table_scrolls_in_its_own_box(site, open_page):
    page = open_page(site / "30_retention.html", WIDTHS["phone"])
    box = page.locator("div.oatmill-table")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")


def test_every_page_of_a_synthetic_study_says_so(site, open_page):
    for name in ("index", "30_retention"):
        assert "Synthetic data" in open_page(site / f"{name}.html").locator("article").inner_text()


def test_an_internal_report_is_marked_on_every_page_and_has_no_zip(tmp_path, site, build):
    assert (site.parent / "site.zip").is_file()
    internal = build(tmp_path, "disclosure: {profile: none}")
    assert not (internal.parent / "site.zip").exists()
    for page in internal.glob("*.html"):
        assert "Not for publication" in page.read_text(encoding="utf-8"), page.name


def test_two_builds_are_the_same_site_apart_from_times(tmp_path, site, build):
    other = build(tmp_path)
    names = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert names == {path.relative_to(other).as_posix() for path in other.rglob("*") if path.is_file()}
    differ = {name for name in names if (site / name).read_bytes() != (other / name).read_bytes()}
    assert differ <= {"provenance.html", "searchindex.js"}, "seconds stand on the provenance page"


def test_nothing_of_mathjax_is_carried_that_is_never_loaded(site):
    size = sum(path.stat().st_size for path in (site / "_static" / "mathjax").rglob("*") if path.is_file())
    assert size < 5_000_000


def test_a_pdf_is_printed_and_names_no_place(tmp_path, build, requires, monkeypatch):
    monkeypatch.setenv("OATMILL_CHROMIUM", str(requires("chromium")))
    site = build(tmp_path, pdf=True)
    content = (site.parent / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"file:" not in content
