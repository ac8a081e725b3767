"""Sites of dummy notebooks, built with Jupyter Book as a report builds them, and a browser to open them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.dummy_study import DOSES, PIXEL, code, dummy_parts, markdown, write_notebook, write_study

from oatmill.book import build_book
from oatmill.run import make_report
from oatmill.run import report as report_module
from oatmill.text import use_language

FIGURE = f"""from IPython.display import HTML, display
release("curve", {{"day": "30", "n": "15", "events": "3"}}, kind="curve")
display(HTML('<figure class="oatmill-figure"><img src="data:image/svg+xml;base64,{PIXEL}" alt="A curve"><figcaption>'
             'A curve. <a href="data/curve.csv" download>Data (CSV)</a></figcaption></figure>'))"""
WIDE = """from IPython.display import HTML, display
cells = "".join(f"<td>{number:,} clients</td>" for number in range(10_000, 10_030))
display(HTML(f'<div class="oatmill-table"><table><tr>{cells}</tr></table></div>'))"""


def build_site(folder: Path, *lines: str, pdf: bool = False) -> Path:
    """A report of two chapters, one of them refused; the site's folder."""
    write_study(folder / "study", *lines)
    notebooks = folder / "study" / "notebooks"
    limits = markdown("## Limits\n\n- The estimate $\\hat S(t)$ is that of {cite:t}`kaplan1958`.")
    cells = ("cards(('in treatment', '56%', 'after a year'))", FIGURE, WIDE, limits)
    write_notebook(notebooks, "30_retention", *cells, title="Retention", requires=DOSES)
    write_notebook(notebooks, "50_registry", code("1"), title="Registry", requires={"registry": ["client_id"]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_module, "bundle", lambda: folder / "no-bundle")
        made = make_report(folder / "study", folder / "out", parts=dummy_parts(build_book=build_book), pdf=pdf)
    use_language("en")
    return made.folder / "site"


@pytest.fixture(scope="session")
def build() -> Callable[..., Path]:
    return build_site


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def russian_site(tmp_path_factory) -> Path:
    return build_site(tmp_path_factory.mktemp("russian"), "language: ru")


@pytest.fixture(scope="session")
def browser(requires) -> Iterator[Any]:
    chromium = requires("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser) -> Iterator[Any]:
    """Open a page of a site from disk; the page keeps what it asked for and what it complained of."""
    opened = []

    def open_one(path: Path, width: int = 1280, address: str = "") -> Any:
        page = browser.new_page(viewport={"width": width, "height": 900})
        opened.append(page)
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("requestfailed", lambda request: page.complaints.append(request.url))
        page.on(
            "console", lambda said: page.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.goto(address or path.as_uri(), wait_until="load")
        page.wait_for_timeout(300)
        return page

    yield open_one
    for page in opened:
        page.close()
