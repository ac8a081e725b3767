"""Jupyter Book itself, strict and offline, and what is made from its site."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from oatmill.errors import BookFailed, Fault, NotSupported
from oatmill.text import _, in_html

_MATHJAX = ("tex-chtml.js", "output/chtml/fonts", "input/tex/extensions")
_DATA_LINK = re.compile(r'href="(data/[^"]+)"')
_FILE_LINK = re.compile(r'<a\b([^>]*?)\shref="(?!#|https?:|mailto:)[^"]*"')
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")


def build_site(folder: Path, log: Path, builder: str = "html") -> Path:
    """Run Jupyter Book on `folder`; any warning fails the build.

    Raises
    ------
    BookFailed
    """
    words = ["build", str(folder), "-W", "-n", "--keep-going", "--builder", builder]
    start = "from jupyter_book.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    output = _ANSI.sub("", done.stdout)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w" if builder == "html" else "a", encoding="utf-8") as file:
        file.write(output)
    if done.returncode:
        raise BookFailed(
            _("The book could not be built. The old report stays."),
            _warnings(output, folder),
            cure=_("Read {file} in the folder work.", file="logs/book.log"),
        )
    return folder / "_build" / builder


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONUTF8": "1", "SOURCE_DATE_EPOCH": "315532800", "NO_COLOR": "1"}


def _warnings(output: str, folder: Path) -> list[Fault]:
    lines = [line for line in output.splitlines() if "WARNING" in line or "ERROR" in line or "rror:" in line]
    return [Fault(line.replace(f"{folder}{os.sep}", "")) for line in lines[:5]]


def finish_site(built: Path, stage: Path, site: Path) -> None:
    """Copy the built site, without the nine tenths of MathJax that it never loads, with the data behind its links.

    Raises
    ------
    BookFailed
        when a page links to data that no notebook wrote
    """
    shutil.copytree(built, site)
    _prune_mathjax(site / "_static" / "mathjax")
    _escape_headings(site / "searchindex.js")
    for path in (site / "_static").rglob("*.map"):  # for people who mend the theme; a quarter of the site
        path.unlink()
    data = site / "data"
    data.mkdir()
    for file in sorted((stage / "tables").glob("*.csv")):
        shutil.copyfile(file, data / file.name)
    linked = {link for page in site.glob("*.html") for link in _DATA_LINK.findall(page.read_text(encoding="utf-8"))}
    lacking = sorted(link for link in linked if not (site / link).is_file())
    if lacking:
        raise BookFailed(_("Pages link to data that no notebook wrote."), [Fault(link) for link in lacking])


def _escape_headings(index: Path) -> None:
    """Headings in the search index as HTML, as which the search page writes them; Sphinx escapes titles of pages only."""
    if not index.is_file():
        return
    before, found, after = re.split(r"(\{.*\})", index.read_text(encoding="utf-8"), maxsplit=1, flags=re.DOTALL)
    content = json.loads(found)
    content["alltitles"] = {in_html(title): places for title, places in content["alltitles"].items()}
    index.write_text(before + json.dumps(content, ensure_ascii=False) + after, encoding="utf-8")


def _prune_mathjax(folder: Path) -> None:
    kept = {path for name in _MATHJAX for path in ([folder / name, *(folder / name).rglob("*")])}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in kept:
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def zip_site(site: Path, target: Path) -> None:
    """The site in one file; the same site gives the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(p for p in site.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo((Path("site") / path.relative_to(site)).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


def find_chromium() -> str | None:
    """A Chromium or its kin, from OATMILL_CHROMIUM or the path."""
    return os.environ.get("OATMILL_CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUM)), None)


def require_chromium() -> str:
    """The program that prints the PDF.

    Raises
    ------
    NotSupported
        when there is none
    """
    chromium = find_chromium()
    if chromium is None:
        raise NotSupported(
            _("A PDF needs Chromium, Chrome or Edge, and none was found."),
            cure=_("Install one or set OATMILL_CHROMIUM to its program file; without --pdf the report needs none."),
        )
    return chromium


def build_pdf(folder: Path, target: Path, log: Path) -> None:
    """The whole book as one PDF, printed by a headless Chromium."""
    chromium = require_chromium()
    page = build_site(folder, log, "singlehtml") / "index.html"
    _unlink_files(page)
    with tempfile.TemporaryDirectory() as profile:
        quiet = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-sandbox"]
        words = [*quiet, f"--user-data-dir={profile}", "--no-pdf-header-footer", f"--print-to-pdf={target}"]
        subprocess.run([chromium, *words, page.as_uri()], check=False, capture_output=True, timeout=180)
    if not target.is_file():
        raise BookFailed(_("Chromium could not print the book."))


def _unlink_files(page: Path) -> None:
    """Take links to files off a page: Chromium would write where they stand on this machine into the PDF."""
    text = _FILE_LINK.sub(r"<a\1", page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")
