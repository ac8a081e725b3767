"""The registry of definitions as the methods page shows it: each in words, with an example that a test runs."""

from __future__ import annotations

from collections.abc import Iterator

from oatmill.book import markup
from oatmill.definitions import DEFINITIONS, GAP_RULES, Definition, Example
from oatmill.labels import REASONS, label
from oatmill.text import _, integer


def registry_section() -> str:
    """Rules for the end of an episode, then measures; from the registry that also words tables and messages."""
    rules = [entry for entry in DEFINITIONS.values() if entry.id in GAP_RULES]
    measures = [entry for entry in DEFINITIONS.values() if entry.id not in GAP_RULES]
    parts = [
        "(definitions-registry)=\n## " + _("Registry of definitions") + "\n",
        _how_to_read() + "\n",
        "### " + _("When an episode ends") + "\n",
        *map(_entry, rules),
        "### " + _("Who is retained") + "\n",
        *map(_entry, measures),
    ]
    return "\n".join(parts)


def _how_to_read() -> str:
    drawing = _(
        "Each definition comes with an example, which is a test of the program that made this report. A line of an example is "
        "one kind of client and how many there are of it, a mark is one day, the first on day 1: {dose} a dose, {none} no dose, "
        "{site} a dose at a second site, {many} forty days with a dose."
    )
    marks = {"dose": "D", "none": ".", "site": "E", "many": "D*40"}
    letters = _("T is days in treatment, t a day, C the data cut, G the gap in days and A = C - G the analysis date.")
    return drawing.format(**{name: markup.code(mark) for name, mark in marks.items()}) + " " + markup.plain(letters)


def _entry(entry: Definition) -> str:
    """One definition: its name, and below it the rule, the formula, what is known of its use, and the example."""
    sources = ", ".join(f"{{cite:t}}`{key}`" for key in entry.sources)
    lines = [
        markup.plain(entry.words),
        _("Formula: {formula}", formula=markup.code(entry.formula)),
        _("Read as: {text}", text=markup.plain(entry.how_read)) if entry.reading else "",
        _("Used by: {names}", names=markup.plain(_(entry.users))) if entry.users else "",
        _("Source: {source}", source=sources) if sources else "",
        _("Seen as an abstract or an excerpt only, or still to be verified.") if entry.excerpt else "",
        _("Beware: {text}", text=markup.plain(entry.warning)) if entry.beware else "",
        " ".join(_example(entry.example, entry.kind != "gap" or entry.gap_days is not None)),
    ]
    return f"{markup.code(entry.id)}\n" + "\n".join(f": {line}\n" for line in lines if line)


def _example(example: Example, with_gap: bool) -> Iterator[str]:
    lines = [f"{integer(n)} × {markup.code(days)}" for n, days in example.log]
    if with_gap:
        yield _("Example, with G = {gap}: {lines}.", gap=integer(example.gap_days), lines="; ".join(lines))
    else:
        yield _("Example: {lines}.", lines="; ".join(lines))
    if example.follow_up_days:
        yield _("Follow-up stops at day H = {days}.", days=integer(example.follow_up_days))
    for line, day, reason in example.exits:
        words = {"number": integer(line + 1), "reason": label(REASONS, reason), "day": integer(day)}
        yield _("Recorded for line {number}: {reason} on day {day}.", **words)
    for line, days in enumerate(example.samples, start=1):
        yield _("Samples of line {number}: days {days}.", number=integer(line), days=", ".join(map(integer, days)))
    found = [markup.code(each.replace(" | ", ", ")) for each in example.expected]
    yield _("Result: {values}.", values="; ".join(found))
    yield markup.plain(_(example.why))
