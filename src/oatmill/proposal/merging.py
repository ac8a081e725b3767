"""What is new -> comments in a study file that is there already. Every line of it stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from oatmill.errors import Fault, StudyNotYaml
from oatmill.intake.columns import names_told
from oatmill.intake.sample import Sample
from oatmill.proposal.lines import Line, off, quoted, todo
from oatmill.proposal.study import Proposed, propose_sources
from oatmill.proposal.writing import relative
from oatmill.source import find_files
from oatmill.text import _


@dataclass(frozen=True)
class Merged:
    """`text` of the file with what is new; `proposed` files and `columns` (names by table) are the news."""

    text: str
    proposed: tuple[Proposed, ...]
    columns: dict[str, tuple[str, ...]]


def merge(text: str, samples: Sequence[Sample], folder: Path) -> Merged:
    """Add files and columns that the study file does not name yet, as comments.

    Raises
    ------
    StudyNotYaml : the file cannot be read, so there is no right place for anything
    """
    tree, node = _read(text)
    sources = tree.get("sources") or {}
    tables = sources if isinstance(sources, dict) else {}
    lines = text.splitlines()
    places = _ends(node, lines)
    new_files: list[Sample] = []
    new_columns: dict[str, tuple[str, ...]] = {}
    added: list[tuple[int, list[str]]] = []
    for sample in samples:
        table = _table_of(sample, tables, folder)
        if table:
            names = _new_names(sample, tables[table], text)
            if names and new_columns.get(table) != names:  # several files of one table
                new_columns[table] = names
                added.append((places.get(table, places[""]), _columns_told(names, table in places)))
        elif not _is_named(sample, folder, text):
            new_files.append(sample)
    proposed = propose_sources(new_files, folder, taken=list(tables))
    added += [(places[""], _commented(one)) for one in proposed]
    added.sort(key=lambda pair: pair[0])
    for place, more in added[::-1]:
        lines[place:place] = more
    merged = "\n".join(lines) + "\n" if added else text
    return Merged(merged, tuple(proposed), new_columns)


def _read(text: str) -> tuple[dict[str, Any], yaml.Node]:
    cure = _("Mend it, or give another folder; nothing was written.")
    try:
        tree, node = yaml.safe_load(text), yaml.SafeLoader(text).get_single_node()
    except (yaml.YAMLError, ValueError, RecursionError):
        tree, node = None, None
    if not isinstance(tree, dict) or node is None:
        what = _("the text cannot be read as YAML")
        raise StudyNotYaml(_("The study file that is there cannot be read."), [Fault(what, "study.yaml")], cure)
    return tree, node


def _ends(node: yaml.Node, lines: Sequence[str]) -> dict[str, int]:
    """Where comments can be added: after the block of each table, and after all of them ("")."""
    places = {"": len(lines)}
    for key, value in node.value:
        if key.value != "sources" or not isinstance(value, yaml.MappingNode) or value.flow_style:
            continue
        places[""] = _last(value, lines)
        for table, inner in value.value:
            if isinstance(inner, yaml.MappingNode) and not inner.flow_style:
                places[table.value] = _last(inner, lines)
    return places


def _last(node: yaml.Node, lines: Sequence[str]) -> int:
    """The line after a block: its end without the blank lines and comments that lead to what comes next."""
    end = min(node.end_mark.line, len(lines))
    while end > node.start_mark.line and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return end


def _table_of(sample: Sample, tables: dict[str, Any], folder: Path) -> str | None:
    """The table that the study file reads from this sample."""
    for table, source in tables.items():
        if isinstance(source, dict) and "url_from" in sample.settings and _is_same_table(sample, source):
            return str(table)
        if not isinstance(source, dict) or sample.path.resolve() not in _files_of(source, folder):
            continue
        part = _part(sample)
        named = next((source[key] for key in ("sheet", "table", "member") if key in source), None)
        if part is None or named in (None, part) or isinstance(named, int):
            return str(table)
    return None


def _files_of(source: dict[str, Any], folder: Path) -> list[Path]:
    written = source.get("file") or ()
    names = [written] if isinstance(written, str) else written
    return list(find_files(map(str, names), folder).values())


def _is_named(sample: Sample, folder: Path, text: str) -> bool:
    """Whether the text speaks of the sample, be it in a comment."""
    file = "" if "url_from" in sample.settings else relative(sample.path, folder)
    return file in text and (_part(sample) or "") in text


def _is_same_table(sample: Sample, source: dict[str, Any]) -> bool:
    return all(source.get(key) == sample.settings[key] for key in ("url_from", "table"))


def _part(sample: Sample) -> str | None:
    return next((str(sample.settings[key]) for key in ("sheet", "table", "member") if key in sample.settings), None)


def _new_names(sample: Sample, source: dict[str, Any], text: str) -> tuple[str, ...]:
    """Columns of the file that the study file does not speak of anywhere."""
    from oatmill.schema import TABLES

    columns = source.get("columns")
    known = {str(name) for name in (columns.values() if isinstance(columns, dict) else ())}
    known |= {str(name) for name in source.get("drop") or ()}
    known |= {name for table in TABLES.values() for name in table.names}
    return tuple(name for name in names_told(sample.header) if name not in known and quoted(name) not in text)


def _columns_told(names: Sequence[str], inside: bool) -> list[str]:
    words = todo(_("new in the file, not used: {names}", names=", ".join(map(quoted, names))))
    return [Line(words, live=False, depth=2 if inside else 0).written()]


def _commented(one: Proposed) -> list[str]:
    """A new source as comments, even where nothing in it is doubtful: the user brings it in."""
    lines = off(one.lines) if one.live else list(one.lines)
    head = [Line(todo(_("new: bring this in by taking the # away")), live=False)] if one.live else []
    return [replace(line, depth=line.depth + 1).written().rstrip() for line in [*head, *lines]]
