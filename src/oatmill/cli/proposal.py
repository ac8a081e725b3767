"""init: from the headers and values of files to a study.yaml to edit, or to what is new in one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oatmill.cli.commands import align
from oatmill.errors import UsageError
from oatmill.run import Console
from oatmill.store import write_atomically
from oatmill.text import _, integer, ngettext

if TYPE_CHECKING:
    from oatmill.intake.sample import Sample
    from oatmill.proposal import Merged, Proposed

say = Console().say


def init(words: argparse.Namespace) -> int:
    from oatmill.proposal import merge, propose_sources, study_text

    target = words.folder / "study.yaml"
    samples = _read(words)
    if target.exists():
        before = target.read_text(encoding="utf-8-sig")
        merged = merge(before, samples, words.folder)
        if merged.text != before:
            write_atomically(target, merged.text)
        _tell_merged(merged, target)
        return 0
    proposed = propose_sources(samples, words.folder)
    text = study_text(words.folder, proposed)
    words.folder.mkdir(parents=True, exist_ok=True)
    write_atomically(target, text)
    _tell(proposed)
    n = sum("TODO" in line for line in text.splitlines()[2:])
    say(_("Written: {path}", path=str(target)))
    told = ngettext(
        "{n} line is marked TODO and waits for you. Then: oatmill check {folder}",
        "{n} lines are marked TODO and wait for you. Then: oatmill check {folder}",
        n,
        folder=str(words.folder),
    )
    say(told)
    return 0


def _read(words: argparse.Namespace) -> list[Sample]:
    from oatmill.proposal.samples import sample_database, sample_files

    if bool(words.url_from) != bool(words.table):
        raise UsageError(_("`--url-from` and `--table` go together."))
    if not (words.files or words.table):
        raise UsageError(_("Name the files to look at, or a table of a database."))
    samples = sample_files(words.files)
    return [*samples, sample_database(words.url_from, words.table)] if words.table else samples


def _tell(proposed: Sequence[Proposed]) -> None:
    header = [_("File"), _("Taken for"), _("Needed columns found"), "TODO"]
    rows = [[_name(one.sample), one.table, one.needed, integer(one.todos)] for one in proposed]
    for line in [*align(header, rows), ""]:
        say(line)


def _name(sample: Sample) -> str:
    name, n = sample.path.name, len(sample.more)
    return ngettext("{name} and {n} more", "{name} and {n} more", n, name=name) if n else name


def _tell_merged(merged: Merged, target: Path) -> None:
    if not merged.proposed and not merged.columns:
        say(_("{path} knows all of this already; nothing was changed.", path=str(target)))
        return
    if merged.proposed:
        _tell(merged.proposed)
    for table, names in merged.columns.items():
        n = len(names)
        say(ngettext("{table}: {n} new column in its file", "{table}: {n} new columns in its file", n, table=table))
    say(_("Added to {path} as comments marked TODO; every line of yours stands as it was.", path=str(target)))
