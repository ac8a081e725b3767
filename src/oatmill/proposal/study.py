"""Matches of all files -> the text of a study file, and what to tell about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from oatmill.intake.sample import SAMPLE_ROWS, Sample
from oatmill.proposal.alike import join_alike
from oatmill.proposal.lines import Line, nest, off, quoted, todo
from oatmill.proposal.matching import Match, match_sample, needed_count
from oatmill.proposal.values import date_formats, last_day
from oatmill.proposal.words import medication_in
from oatmill.proposal.writing import relative, source_lines
from oatmill.text import _, integer
from oatmill.text import date as day_text


@dataclass(frozen=True)
class Proposed:
    """One sample in the study file: its lines, and the row of the summary."""

    sample: Sample
    matches: tuple[Match, ...]
    lines: tuple[Line, ...]
    live: bool

    @property
    def table(self) -> str:
        if not self.matches:
            return _("none")
        return _(" or ").join(one.table.name for one in self.matches)

    @property
    def todos(self) -> int:
        return sum(line.waits for line in self.lines)

    @property
    def needed(self) -> str:
        if not self.matches:
            return "–"
        found, all_of_them = needed_count(self.matches[0])
        return _("{found} of {n}", found=found, n=all_of_them)


def propose_sources(samples: Sequence[Sample], folder: Path, taken: Sequence[str] = ()) -> list[Proposed]:
    """The lines of each sample under `sources:`. A table that is `taken`, or comes twice, is commented out."""
    seen = set(taken)
    proposed = []
    for sample in join_alike(samples):
        matches = tuple(match_sample(sample))
        files = [relative(path, folder) for path in (sample.path, *sample.more)]
        one = _proposed(sample, matches, files, seen)
        if one.live:
            seen.add(matches[0].table.name)
        proposed.append(one)
    return proposed


def _proposed(sample: Sample, matches: tuple[Match, ...], files: Sequence[str], seen: set[str]) -> Proposed:
    file = files[0]
    if not matches:
        words = todo(
            _("{file}: which table is it? Its columns fit none.", file=quoted(_name(sample, ", ".join(files))))
        )
        return Proposed(sample, (), (Line(words, live=False),), live=False)
    blocks = [nest(one.table.name, source_lines(one, files), one.table.grain) for one in matches]
    if len(matches) > 1:
        tables = ", ".join(one.table.name for one in matches)
        words = todo(_("{file} fits {tables} equally well: bring one of them back", file=quoted(file), tables=tables))
        lines = [Line(words, live=False), *(line for block in blocks for line in off(block))]
        return Proposed(sample, matches, tuple(lines), live=False)
    if matches[0].table.name in seen:
        table = matches[0].table.name
        words = todo(
            _("looks like {table} too: if its columns are the same, add it to the list at `file:`", table=table)
        )
        return Proposed(sample, matches, (Line(words, live=False), *off(blocks[0])), live=False)
    return Proposed(sample, matches, tuple(blocks[0]), live=True)


def _name(sample: Sample, file: str) -> str:
    part = sample.settings.get("sheet") or sample.settings.get("table") or sample.settings.get("member")
    return f"{file}, {part}" if part else file


def study_text(folder: Path, proposed: Sequence[Proposed]) -> str:
    """The text of a new study file."""
    identity = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:40].strip("-") or "my-study"
    sources = [replace(line, depth=line.depth + 1) for one in proposed for line in one.lines]
    live = any(one.live for one in proposed)
    head = [
        Line(
            _("Proposed by `oatmill init` from the first rows of your files. A line with a # in front does not count."),
            live=False,
        ),
        Line(
            _("{todo} marks what only you can decide. Then: oatmill check {folder}", todo="TODO:", folder=folder.name),
            live=False,
        ),
        Line("oatmill: 1"),
        Line(f"id: {quoted(identity)}", _("names the folders of the report")),
        Line(f"title: {quoted(_('Retention in opioid agonist treatment'))}", todo(_("how the report is called"))),
        Line("authors: []"),
        Line("language: en", _("of the report: en, ru, ky or zh")),
        Line(""),
    ]
    body = (
        [Line("sources:", _("what each line rests on stands after it")), *sources]
        if live
        else [Line("sources: {}"), *sources]
    )
    lines = [
        *head,
        *body,
        Line(""),
        *nest("definitions", list(_definitions(proposed)), _("every number depends on these")),
    ]
    lines += nest("disclosure", [Line("profile: midpoint6", _("how small numbers are protected"))])
    return "\n".join(line.written().rstrip() for line in lines) + "\n"


def _definitions(proposed: Sequence[Proposed]) -> Iterator[Line]:
    used = [one for entry in proposed for one in entry.matches if entry.live]
    yield Line("gap_days: 30", _("treatment ends after this many days in a row without a dose"))
    doses = next((one for one in used if one.table.name == "doses"), None)
    episodes = next((one for one in used if one.table.name == "episodes"), None)
    if doses:
        yield from _of_the_log(doses)
    for one in (doses, episodes):
        if one and "dose_mg" in one.found:
            yield from _medication(one)
            break
    if episodes and "dose_mg" in episodes.found:
        words = todo(_("what the dose of an episode is: entry, usual, maximum, mean, last or unknown"))
        yield Line("dose_meaning: unknown", words, live=False)


def _of_the_log(doses: Match) -> Iterator[Line]:
    words = todo(_("the last day with complete logs; without it the last day in the log"))
    day = None
    if "date" in doses.columns and len(doses.sample.rows) < SAMPLE_ROWS:
        ways = date_formats(doses.seen("date")).ways
        day = last_day(doses.seen("date"), str(ways[0])) if len(ways) == 1 else None
    yield Line(f"data_cut: {day or 'YYYY-MM-DD'}", f"{words} ({day_text(day)})" if day else words, live=False)
    blank = doses.seen("dose_mg") if "dose_mg" in doses.columns else None
    if blank and (n := blank.blank + blank.missing.total()):
        words = todo(
            _(
                "{n} of {all} doses are blank: `covered` (given, dose unknown) or `not_covered`",
                n=integer(n),
                all=integer(blank.rows),
            )
        )
        yield Line("blank_dose: covered", words, live=False)
    yield Line(
        "prior_treatment: none",
        _("only where nobody was treated before the log begins: a trial, a new programme"),
        live=False,
    )


def _medication(one: Match) -> Iterator[Line]:
    if "medication" in one.found:
        return
    named = medication_in(one.columns.get("dose_mg", ""))
    if named:
        yield Line(f"medication: {named}", _("the column of doses names it"))
    else:
        yield Line("medication: methadone", todo(_("or buprenorphine, morphine, codeine, other")))
