"""The generated pages: landing page, capabilities, settings, provenance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from oatmill.book import markup
from oatmill.book.chapters import synthetic_tables, synthetic_text
from oatmill.book.definitions import registry_section
from oatmill.profiles import PROFILES
from oatmill.run import BookMaterial, Capability, Page
from oatmill.run.pages import state_word
from oatmill.study import Definitions, Study
from oatmill.text import _, number

_PACKAGES = (
    "numpy", "scipy", "pandas", "duckdb", "statsmodels", "lifelines", "matplotlib", "seaborn",
    "great-tables", "papermill", "jupyter-book", "sphinx",
)  # fmt: skip


def landing_page(material: BookMaterial) -> str:
    """Title, authors, key numbers, and where each question is answered."""
    study = material.study
    parts = [f"# {markup.plain(study.title)}\n"]
    if study.subtitle:
        parts.append(f"*{markup.plain(study.subtitle)}*\n")
    if study.programme_name:
        parts.append(_("Programme: {name}", name=markup.plain(study.programme_name)) + "\n")
    if study.authors:
        parts.append(markup.plain(", ".join(study.authors)) + "\n")
    if synthetic_tables(study):
        parts.append(markup.banner(synthetic_text()))
    parts.append(_cards(material))
    parts.append("## " + _("Questions and chapters") + "\n")
    parts.append(_chapter_table(material.pages))
    parts.append("## " + _("How to read this report") + "\n")
    parts.append(_reading(study))
    return "\n".join(filter(None, parts))


def _cards(material: BookMaterial) -> str:
    """The study's own key numbers, and below them those of chapters that only repeat published figures."""
    own = [page for page in material.pages if page.capability.chapter.tables & set(material.study.sources)]
    others = [page for page in material.pages if page not in own]
    folder = material.stage / "cards"
    published = markup.cards(read_cards(folder, others))
    heading = f"**{_('From published figures, not from this study')}**\n\n" if published else ""
    return markup.cards(read_cards(folder, own)) + "\n" + heading + published


def read_cards(folder: Path, pages: Iterable[Page]) -> list[dict[str, str]]:
    """The key numbers that the chapters offered, in the order of the chapters."""
    files = [folder / f"{page.name}.json" for page in pages]
    return [card for file in files if file.is_file() for card in json.loads(file.read_text(encoding="utf-8"))]


def _chapter_table(pages: Iterable[Page]) -> str:
    rows = []
    for page in pages:
        chapter = page.capability.chapter
        link = f"[{markup.plain(chapter.title)}]({page.name}.{'ipynb' if page.notebook else 'md'})"
        rows.append([link, markup.plain(chapter.question), state_text(page)])
    return markup.table([_("Chapter"), _("Question"), _("In this report")], rows)


def state_text(page: Page) -> str:
    return {
        "done": _("in full"),
        "reduced": _("reduced: the page says what is missing"),
        "refused": _("no: the page says why"),
    }[page.state]


def _reading(study: Study) -> str:
    profile = PROFILES[study.disclosure.profile]
    words = [
        _("Every number follows a written definition: see [Methods](methods.md) and the [glossary](glossary.md)."),
        _("Before anything is shown, counts are protected: see [What is done to the numbers](disclosure.md)."),
        _(profile.note),
        _("What made this report - inputs, settings, versions - is on the page [Provenance](provenance.md)."),
    ]
    return "\n".join(f"- {word}" for word in words) + "\n"


def capabilities_page(capabilities: Iterable[Capability]) -> str:
    """Which chapter can run on this study, what it loses and which column to add."""
    header = [_("Chapter"), _("Can run"), _("What it loses"), _("What to add")]
    lead = _("Each chapter says which tables and columns it needs, and what it loses without others.")
    how = _(
        "To add a column, name it under `sources: TABLE: columns:` in the study file; to add a table, name its file "
        "under `sources:`. What each column holds is in the [data dictionary](dictionary.md)."
    )
    rows = [_can(capability) for capability in capabilities]
    return f"# {_('What this data can answer')}\n\n{lead} {how}\n\n" + markup.table(header, rows)


def _can(capability: Capability) -> list[str]:
    losses, title = capability.losses, markup.plain(capability.chapter.title)
    remedy = markup.code if capability.state == "refused" else markup.places
    # One loss and its remedy on one line of the two cells.
    added = "; ".join(", ".join(map(remedy, places)) for places in losses.values())
    return [title, capability.state_in_words, "; ".join(map(markup.plain, losses)), added]


def profile_section(study: Study) -> str:
    """The thresholds of the study's disclosure profile: the generated end of the page on disclosure control."""
    profile = PROFILES[study.disclosure.profile]
    rows = [
        [_("Counts"), _("in classes of {n}, by the rule `{rule}`", n=profile.base, rule=profile.rule)],
        [_("Counts that are hidden"), _("1 to {n}", n=profile.redact_up_to) if profile.redact_up_to else _("none")],
        [_("Protected counts"), _("1 to {n}", n=profile.protect_up_to)],
        [_("Possible values that must remain"), _("{n} or more", n=profile.possible_values)],
        [_("A kept value changes when the count has moved by"), _("{n} or more", n=profile.kept_until_moved)],
        [_("A group has its own estimates from"), _("{n} clients", n=profile.small_group)],
        [_("A curve ends below"), _("{n} clients at risk", n=profile.curve_at_risk)],
        [_("A regression needs"), _("{n} events per term", n=profile.events_per_term)],
    ]
    title = _("The rules of this report: profile {name}", name=markup.code(profile.name))
    if profile.internal:
        return f"(disclosure-profile)=\n## {title}\n\n" + _("Exact counts: not for publication.") + "\n"
    return f"(disclosure-profile)=\n## {title}\n\n" + markup.table([_("Rule"), _("In this report")], rows)


def settings_section(study: Study, settings: Mapping[str, Any]) -> str:
    """The study's own settings, and the registry of definitions: the generated end of the methods page."""
    header = [_("Setting"), _("Value in this study"), _("Meaning")]
    rows = [
        [markup.code(name), markup.code(_value(settings[name])), markup.plain(field.description or "")]
        for name, field in Definitions.model_fields.items()
    ]
    parts = [
        "(study-settings)=\n## " + _("Settings of this study") + "\n",
        markup.table(header, rows),
        registry_section(),
    ]
    return "\n".join(filter(None, parts))


def provenance_page(manifest: Mapping[str, Any]) -> str:
    """What made this report, without places or people."""
    code, chapters = manifest["code"], manifest["chapters"]
    profile = manifest["disclosure"]["profile"]
    facts = [
        [_("Report made on"), manifest["made"]],
        [_("Oatmill"), markup.code(f"{code['oatmill']} ({code['source']})")],
        [_("Locked environment"), markup.code(code["lock"])],
        [_("Python"), markup.code(manifest["python"])],
        [_("Disclosure profile"), markup.code(profile)],
        [_("Counts kept from the release"), markup.code(manifest["disclosure"].get("after_release") or "-")],
        [_("Seed"), markup.code(manifest["seed"])],
    ]
    inputs = [
        [markup.code(i["table"]), markup.code(i["file"]), markup.code(i["sha256"][:16]), _kind(i)]
        for i in manifest["inputs"]
    ]
    ran = [[markup.plain(c["title"]), state_word(c["state"]), number(c["seconds"])] for c in chapters.values()]
    versions = [[name, markup.code(manifest["packages"].get(name, "-"))] for name in _PACKAGES]
    steps = {"data": _("Reading and checking the data"), "notebooks": _("Running the notebooks")}
    timings = [[steps.get(name, name), number(seconds)] for name, seconds in manifest["timings_seconds"].items()]
    parts = [
        f"# {_('Provenance')}\n",
        _("The same facts, with every package version, are in the file `manifest.json` beside this site.") + "\n",
        markup.table([_("What"), _("Value")], facts),
        f"## {_('Inputs')}\n",
        markup.table([_("Table"), _("File"), _("SHA-256, beginning"), _("Kind")], inputs),
        f"## {_('Chapters')}\n",
        markup.table([_("Chapter"), _("State"), _("Seconds")], ran),
        f"## {_('Steps')}\n",
        markup.table([_("Step"), _("Seconds")], timings),
        _exceptions(manifest["disclosure"]["exceptions"]),
        f"## {_('Packages')}\n",
        markup.table([_("Package"), _("Version")], versions),
    ]
    return "\n".join(parts)


def _exceptions(exceptions: Sequence[Mapping[str, Any]]) -> str:
    """Thresholds of disclosure control that a named person has lifted."""
    if not exceptions:
        return ""
    header = [_("Output"), _("Thresholds lifted"), _("By"), _("Reason")]
    rows = [
        [
            markup.code(e["output"]),
            markup.plain(", ".join(e["lift"])),
            markup.plain(e["approved_by"]),
            markup.plain(e["reason"]),
        ]
        for e in exceptions
    ]
    return f"## {_('Exceptions from disclosure control')}\n\n" + markup.table(header, rows)


def _kind(entry: Mapping[str, Any]) -> str:
    if entry["synthetic"]:
        return _("synthetic")
    return _("published") if entry["public"] else _("confidential")


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
