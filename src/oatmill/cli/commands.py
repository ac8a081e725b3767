"""report, check, synth and run."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.errors import UsageError
from oatmill.run import Console
from oatmill.store import bundle, write_atomically
from oatmill.text import _, integer, number

if TYPE_CHECKING:
    from oatmill.intake import Intake
    from oatmill.run import Capability, Page
    from oatmill.session import Session
    from oatmill.study import Study

say = Console().say

NATIONAL_FROM = 50_000  # clients


def report(words: argparse.Namespace) -> int:
    from oatmill.run import BookMaterial, Parts, make_report

    def build(material: BookMaterial, target: Path) -> None:
        from oatmill.book import build_book

        build_book(material, target)

    if words.pdf:
        from oatmill.book import require_chromium

        require_chromium()
    made = make_report(
        words.study or demo(),
        words.out,
        parts=Parts(build),
        changes=pairs(words.set),
        workers=words.workers,
        wait=words.wait,
        pdf=words.pdf,
        debug=words.debug,
    )
    for line in _summary(made.pages):
        say(line)
    if made.timings:
        say(_("Made in {seconds} s.", seconds=number(sum(made.timings.values()), 0)))
    say(_("The report: {path}", path=str(made.index)))
    return 0


def check(words: argparse.Namespace) -> int:
    from oatmill.run.report import chapters_of

    with opened(words) as (study, session):
        for line in _check_lines(study, session.intake, _capabilities(session.study, chapters_of(study))):
            say(line)
        if session.has_log:
            session.cohort()  # asks what only the user knows, such as whether earlier treatment was possible
    return 0


@contextmanager
def opened(words: argparse.Namespace) -> Iterator[tuple[Study, Session]]:
    """The study that the words name, and its tables, while no other run changes them."""
    from oatmill.run.report import open_session, read_databases
    from oatmill.run.switch import Places, finish_switch, locked
    from oatmill.study import read_study
    from oatmill.text import use_language

    study = read_study(words.study or demo(), pairs(words.set))
    use_language(study.language)
    places = Places(words.out.resolve(), study.id)
    with locked(places, words.wait):
        finish_switch(places)
        yield study, open_session(read_databases(study, places.work), places.work)


def synth(words: argparse.Namespace) -> int:
    from oatmill.study import Generate
    from oatmill.synthetic import write_national, write_programme
    from oatmill.synthetic.national import sites_for

    target = words.folder / "study.yaml"
    if target.exists():
        raise UsageError(_("There is already a study file in {folder}.", folder=str(words.folder)))
    national = words.shape == "national" or (words.shape is None and words.clients >= NATIONAL_FROM)
    sites = words.sites or (sites_for(words.clients) if national else 12)
    plan = Generate(clients=words.clients, sites=sites, years=words.years)
    (write_national if national else write_programme)(words.folder, plan, words.seed)
    kind = "parquet" if national else "csv"
    names = ("clients", "doses", "exits", "tests", "sites")
    tables = {name: f"{name}.{kind}" for name in names if (words.folder / f"{name}.{kind}").is_file()}
    write_atomically(target, _synthetic_study(tables, words.seed))
    say(_("Written: {path}", path=str(target)))
    say(_("Next: oatmill report {folder}", folder=str(words.folder)))
    return 0


def run(words: argparse.Namespace) -> int:
    from oatmill.run import run_notebook

    notebook = words.notebook
    if not notebook.is_file():
        own = bundle() / "notebooks" / f"{notebook.name.removesuffix('.ipynb')}.ipynb"
        notebook = own if own.is_file() else notebook
    target = words.to or Path(f"{notebook.stem}-run.ipynb")
    say(_("The executed notebook: {path}", path=str(run_notebook(notebook, pairs(words.parameter), target))))
    return 0


def demo() -> Path:
    return bundle() / "data" / "demo"


def pairs(given: Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` words as a mapping; values are read as YAML (`14`, `true`, `[30, 90]`).

    >>> pairs(["definitions.gap_days=14"])
    {'definitions.gap_days': 14}
    """
    import yaml

    values = {}
    for word in given:
        name, equals, text = word.partition("=")
        try:
            values[name] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            equals = ""
        if not (name and equals):
            raise UsageError(_("`{word}` is not of the form name=value.", word=word))
    return values


def _capabilities(study: Study, chapters: Any) -> list[Capability]:
    from oatmill.run import capabilities_of
    from oatmill.run.chapters import columns_of

    return capabilities_of(chapters, columns_of(study))


def _summary(pages: Sequence[Page]) -> list[str]:
    from oatmill.run.pages import state_word

    lines = []
    for page in pages:
        told = _("{page}: {state}", page=page.name, state=state_word(page.state))
        lines.append("  " + (_("{line} (as before)", line=told) if page.cached else told))
    warned = [page.name for page in pages if page.warnings]
    return lines + ([_("Notebooks that gave warnings: {names}", names=", ".join(warned))] if warned else [])


def _check_lines(study: Study, intake: Intake, capabilities: Sequence[Capability]) -> list[str]:
    ledger = [
        [
            row["table"],
            row["file"],
            *(integer(row[f"rows_{name}"]) for name in ("read", "kept", "quarantined")),
            integer(row["lines_skipped"]),
        ]
        for row in intake.ledger.to_dict("records")
    ]
    checks = [
        [row["table"], row["severity"], integer(row["count"]), row["rule"]]
        for row in intake.checks.to_dict("records")
        if row["count"]
    ]
    return [
        f"{study.title} ({study.id})",
        "",
        *align([_("Table"), _("File"), _("Rows read"), _("kept"), _("quarantined"), _("no rows")], ledger),
        "",
        *align([_("Table"), _("Severity"), _("Rows"), _("What was found")], checks),
        "",
        *align(
            [_("Chapter"), _("Can run"), _("What it loses"), _("What to add")],
            [line for one in capabilities for line in _can(one)],
        ),
    ]


def _can(capability: Capability) -> list[list[str]]:
    """A line for each loss and its remedy, as on the page "What this data can answer"."""
    told = [[loss, ", ".join(places)] for loss, places in capability.losses.items()] or [["", ""]]
    first = [capability.chapter.page, capability.state_in_words]
    return [[*(first if number == 0 else ["", ""]), *line] for number, line in enumerate(told)]


def align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in plain text.

    >>> align(["a", "b"], [["x", "long"], ["yy", "z"]])
    ['a   b', '--  ----', 'x   long', 'yy  z']
    """
    widths = [max(len(line[place]) for line in [header, *rows]) for place in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _synthetic_study(tables: Mapping[str, str], seed: int) -> str:
    sources = "\n".join(f"  {name}: {{file: {file}, synthetic: true}}" for name, file in tables.items())
    return (
        "# Invented clients; truth.json holds what is true of them.\n"
        "oatmill: 1\nid: synthetic\ntitle: A synthetic programme\n"
        f"seed: {seed}\nsources:\n{sources}\n"
        "definitions:\n  deaths: linked # the generator records every death, after treatment too\n"
    )
