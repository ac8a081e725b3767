"""The codes of a file -> the schema's values. Every value seen is either translated, or asked about."""

from __future__ import annotations

from collections.abc import Iterator

from oatmill.proposal.lines import Line, nest, quoted, todo
from oatmill.proposal.matching import Match
from oatmill.proposal.values import MOST_CODES
from oatmill.proposal.words import code_list, plain, value_of, values_of
from oatmill.schema import Column
from oatmill.text import _, integer, ngettext

_FLAGS = ("yes", "true", "1", "no", "false", "0")  # what the intake reads by itself
_ASKED = {"male": "female", "female": "male"}  # a column called after one of two values asks whether it holds


def code_lines(one: Match, column: Column) -> list[Line]:
    """The lines under `codes:` for one column; none where its values are the schema's own or free."""
    name = code_list(column)
    if name is None or column.name not in one.columns:
        return []
    seen = one.seen(column.name)
    allowed = column.allowed or (values_of(name) if column.kind != "flag" else _FLAGS)
    foreign = [(cell, n) for cell, n in seen.values.most_common() if cell.lower() not in allowed]
    if not foreign or not (column.allowed or column.kind == "flag" or _all_known(name, foreign)):
        return []
    if len(seen.values) > MOST_CODES or any(len(cell) > 40 for cell, _n in foreign):
        words = todo(_("more than {n} different values: is this the right column?", n=integer(MOST_CODES)))
        return nest(column.name, [Line('"...": ...', words, live=False)])
    return nest(column.name, list(_lines(one, column, name, foreign)))


def _all_known(name: str, foreign: list[tuple[str, int]]) -> bool:
    """Free values are translated together or stay as they are."""
    return all(value_of(name, cell) for cell, _n in foreign)


def _lines(one: Match, column: Column, name: str, foreign: list[tuple[str, int]]) -> Iterator[Line]:
    labels = one.sample.labels.get(one.columns[column.name], {})
    asked = _asked(one.columns[column.name]) if column.name == "sex" else None
    for cell, n in foreign:
        rows = ngettext("{n} row", "{n} rows", n)
        value, why = _meaning(name, cell, labels, asked)
        if value:
            yield Line(f"{quoted(cell)}: {quoted(value) if name in ('yes_no', 'flag') else value}", f"{rows}{why}")
        elif column.allowed or column.kind == "flag":
            choice = " | ".join(column.allowed or ("yes", "no"))
            label = f" ({labels[cell]})" if cell in labels else ""
            yield Line(f"{quoted(cell)}: {choice}", f"{todo(_('which one?'))} {rows}{label}", live=False)


def _meaning(name: str, cell: str, labels: dict[str, str], asked: str | None) -> tuple[str | None, str]:
    """The value that a cell means, by its own word, by the file's label, or by the question in the header."""
    if value := value_of(name, cell):
        return value, ""
    if cell in labels and (value := value_of(name, labels[cell])):
        return value, "; " + _("the file calls it {label}", label=labels[cell])
    answer = value_of("flag", cell) if asked else None
    if asked and answer:
        return (asked if answer == "yes" else _ASKED[asked]), ""
    return None, ""


def _asked(header: str) -> str | None:
    """The value that a header asks for: a column `male` with Yes and No.

    >>> _asked("Male"), _asked("sex")
    ('male', None)
    """
    return plain(header) if plain(header) in _ASKED else None
