"""Executed notebooks -> Jupyter Book -> a site that opens from disk, a zip and (on request) a PDF.

sources     the folder that Jupyter Book builds: hand-written pages, chapters, generated pages, configuration
chapters    an executed notebook, or the reason why there is none, as a page
pages       landing page, capabilities, settings, provenance
dictionary  every table and column, and which chapter needs it
messages    every message and check of the intake, with an example and the cure
markup      escaping, tables and cards
theme       what Jupyter Book's theme would write unescaped
building    Jupyter Book itself, and what is made from its site
"""

from __future__ import annotations

import shutil
from pathlib import Path

from oatmill.book.building import build_pdf, build_site, finish_site, require_chromium, zip_site
from oatmill.book.sources import write_sources
from oatmill.profiles import PROFILES
from oatmill.run import BookMaterial

__all__ = ["build_book", "require_chromium"]


def build_book(material: BookMaterial, target: Path) -> None:
    """Build `target/site`, and `target/site.zip` unless the profile is internal.

    Raises
    ------
    BookFailed
        when Jupyter Book gives any warning; its whole output is in `work/<id>/logs/book.log`
    """
    folder = material.work / "book"
    shutil.rmtree(folder, ignore_errors=True)
    write_sources(material, folder)
    log = material.work / "logs" / "book.log"
    built = build_site(folder, log)
    finish_site(built, material.stage, target / "site")
    if material.pdf:
        build_pdf(folder, target / "report.pdf", log)
    if not PROFILES[material.study.disclosure.profile].internal:
        zip_site(target / "site", target / "site.zip")
