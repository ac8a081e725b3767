"""The folder that Jupyter Book builds: hand-written pages, chapters, generated pages, configuration."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from oatmill.book import pages
from oatmill.book.chapters import write_chapter
from oatmill.book.dictionary import dictionary_page
from oatmill.book.messages import messages_page
from oatmill.profiles import PROFILES
from oatmill.run import BookMaterial, Page
from oatmill.store import bundle
from oatmill.text import _, in_html

_ABOUT = (
    "methods", "disclosure", "capabilities", "dictionary", "messages", "cluster", "glossary", "references", "provenance",
)  # fmt: skip
_SETTINGS_MARK = "<!-- settings -->"
_PROFILE_MARK = "<!-- profile -->"


def write_sources(material: BookMaterial, folder: Path, handwritten: Path | None = None) -> None:
    """Fill `folder` with everything that Jupyter Book reads."""
    shutil.copytree(handwritten or bundle() / "book", folder)
    for page in material.pages:
        write_chapter(page, material, folder)
    generated = {
        "index": pages.landing_page(material),
        "capabilities": pages.capabilities_page(material.capabilities),
        "dictionary": dictionary_page(material.study, [one.chapter for one in material.capabilities]),
        "messages": messages_page(),
        "provenance": pages.provenance_page(material.manifest),
    }
    for name, text in generated.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    settings = pages.settings_section(material.study, material.manifest["definitions"])
    _fill_in(folder / "methods.md", _SETTINGS_MARK, settings)
    _fill_in(folder / "disclosure.md", _PROFILE_MARK, pages.profile_section(material.study))
    _write_yaml(folder / "_config.yml", config(material, folder / "_config.yml"))
    _write_yaml(folder / "_toc.yml", contents(material.pages))
    _write_yaml(folder / "myst.yml", myst_config(material))


def config(material: BookMaterial, template: Path) -> dict[str, Any]:
    """The configuration: the template in book/ and what belongs to the study."""
    study = material.study
    settings: dict[str, Any] = yaml.safe_load(template.read_text(encoding="utf-8"))
    settings["title"] = study.title
    settings["author"] = ", ".join(study.authors)
    settings["sphinx"]["config"]["language"] = study.language
    options = settings["sphinx"]["config"]["html_theme_options"]
    options["search_bar_text"] = _("Search")
    settings["sphinx"]["config"] |= {"nb_code_prompt_show": _("Show code"), "nb_code_prompt_hide": _("Hide code")}
    if PROFILES[study.disclosure.profile].internal:
        options["announcement"] = in_html(_("Not for publication: this report shows exact counts."))
    return settings


def contents(ran: Sequence[Page]) -> dict[str, Any]:
    """The table of contents: chapters in the order of their numbers, then what stands behind them."""
    chapters = [{"file": page.name} for page in ran]
    about = [{"file": name} for name in _ABOUT]
    parts = [{"caption": _("Chapters"), "chapters": chapters}, {"caption": _("About this report"), "chapters": about}]
    return {"format": "jb-book", "root": "index", "parts": [part for part in parts if part["chapters"]]}


def myst_config(material: BookMaterial) -> dict[str, Any]:
    """For a user with internet who wants to build the same sources with Jupyter Book 2."""
    files = [{"file": f"{page.name}.{'ipynb' if page.notebook else 'md'}"} for page in material.pages]
    about = [{"file": f"{name}.md"} for name in _ABOUT]
    project = {"title": material.study.title, "bibliography": ["references.bib"]}
    return {
        "version": 1,
        "project": project | {"toc": [{"file": "index.md"}, *files, *about]},
        "site": {"template": "book-theme"},
    }


def _fill_in(page: Path, mark: str, text: str) -> None:
    page.write_text(page.read_text(encoding="utf-8").replace(mark, text), encoding="utf-8")


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content), allow_unicode=True, sort_keys=False), encoding="utf-8")
