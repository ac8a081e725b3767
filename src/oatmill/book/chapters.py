"""A chapter's page: its executed notebook with code behind a toggle, or the reason why there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oatmill.book import markup
from oatmill.run import BookMaterial, Capability, Page
from oatmill.study import Study
from oatmill.text import _, in_html


def write_chapter(page: Page, material: BookMaterial, folder: Path) -> None:
    if page.notebook is None:
        (folder / f"{page.name}.md").write_text(_refused(page), encoding="utf-8")
        return
    notebook = json.loads(page.notebook.read_text(encoding="utf-8"))
    prepare(notebook, _banners(page.capability, material.study, notebook))
    text = json.dumps(notebook, ensure_ascii=False, indent=1)
    (folder / f"{page.name}.ipynb").write_text(text + "\n", encoding="utf-8")


def prepare(notebook: dict[str, Any], banners: str) -> None:
    """Put the code behind a toggle and the banners under the title."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["metadata"]["tags"] = sorted({*cell["metadata"].get("tags", []), "hide-input"})
    notebook["cells"] = _join_silent(notebook["cells"])
    if banners:
        cell = {"cell_type": "markdown", "id": "oatmill-banners", "metadata": {}, "source": banners}
        notebook["cells"].insert(1, cell)


def _join_silent(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Code that shows nothing joins the code cell after it, so that a page has one toggle for each thing shown."""
    joined: list[dict[str, Any]] = []
    for cell in cells:
        before = joined[-1] if joined else None
        if before and before["cell_type"] == cell["cell_type"] == "code" and not before["outputs"]:
            source = "".join(before["source"]).rstrip() + "\n\n" + "".join(cell["source"])
            joined[-1] = cell | {"source": source}
        else:
            joined.append(cell)
    return joined


def synthetic_tables(study: Study) -> set[str]:
    return {name for name, source in study.sources.items() if source.synthetic}


def synthetic_text() -> str:
    return _("Synthetic data: invented clients, made by a generator whose truth is known.")


def _banners(capability: Capability, study: Study, notebook: dict[str, Any]) -> str:
    shown = json.dumps(notebook, ensure_ascii=False)
    parts = []
    if capability.chapter.tables & synthetic_tables(study) and in_html(synthetic_text()) not in shown:
        parts.append(markup.banner(synthetic_text()))
    parts += [_loss(place, loss) for place, loss in capability.loses]
    return "\n".join(parts)


def _loss(place: str, loss: str) -> str:
    """What a reduced chapter does without. The loss is the chapter's own sentence or phrase."""
    sentence = _("This study has no `{column}`: {loss}.").replace("`", "")
    return markup.paragraphs(sentence.format(column=place, loss=_(loss).rstrip(".")), "oatmill-lost")


def _refused(page: Page) -> str:
    chapter = page.capability.chapter
    parts = [f"# {markup.plain(chapter.title)}\n", f"*{markup.plain(chapter.question)}*\n" if chapter.question else ""]
    parts.append("**" + _("This chapter is not in this report.") + "**\n")
    parts.append(markup.paragraphs(page.reason.replace("`", ""), "oatmill-refused"))
    if page.capability.lacks:
        columns = ", ".join(markup.code(name) for name in page.capability.lacks)
        parts.append(_("To get it, add to the study file: {columns}.", columns=columns) + "\n")
        parts.append(_("What each column holds is in the [data dictionary](dictionary.md).") + "\n")
    return "\n".join(filter(None, parts))
