"""A sample of a file -> the table it is taken for, and which of its columns is which. Headers and values both decide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from oatmill.intake.columns import ONE_OF
from oatmill.intake.identifying import kind_of_header
from oatmill.intake.sample import Sample
from oatmill.proposal.values import Cells, fits, read_cells
from oatmill.proposal.words import EXACT, STRONG, WEAK, identifier_of, names_table, strength
from oatmill.schema import TABLES, Table

_TOLD_APART = 0.9  # of the rows have a value of their own, in a column that is a key
_ALLOWED_ALONE = 2  # columns without which a file is taken for no table at all
_PATTERNS = {
    "telephone": re.compile(r"\+?\d{1,3}[ (-]*\d{2,4}[ )-]*\d{2,3}[ -]?\d{2}[ -]?\d{2,3}"),
    "mail": re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+"),
    "number": re.compile(r"\d{14}|\d{17}[\dXx]"),
    "name": re.compile(r"[^\W\d_]{2,}(?: [^\W\d_]{2,}){2}|[^\W\d_]{2,} [^\W\d_]\. ?[^\W\d_]\."),
}


@dataclass(frozen=True)
class Match:
    """A sample taken for a table.

    Attributes
    ----------
    columns : schema column -> name in the file, in the schema's order
    doubts : schema column -> names in the file that it could be, none of them surely
    lacking : required columns that were not found
    drop : names in the file of direct identifiers -> which they are
    unused : names in the file that nothing uses
    cells : name in the file -> its cells
    """

    sample: Sample
    table: Table
    columns: Mapping[str, str]
    doubts: Mapping[str, tuple[str, ...]]
    lacking: tuple[str, ...]
    drop: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    cells: Mapping[str, Cells] = field(default_factory=dict)

    @property
    def found(self) -> frozenset[str]:
        return frozenset(self.columns) | frozenset(self.doubts)

    def seen(self, column: str) -> Cells:
        return self.cells[self.columns[column]]


def match_sample(sample: Sample) -> list[Match]:
    """The tables that a sample fits best: one, several that it fits equally, or none."""
    cells = _columns(sample)
    drop = {name: kind for name, seen in cells.items() if (kind := identifier_of(name) or kind_of_header(name))}
    matches = [one for table in TABLES.values() if (one := _match(sample, table, cells, drop))]
    best = max(map(_fit, matches), default=None)
    return [one for one in matches if _fit(one) == best]


def _columns(sample: Sample) -> dict[str, Cells]:
    """The cells of each column that has a name of its own."""
    return {
        name: read_cells(name, [row[place] for row in sample.rows])
        for place, name in enumerate(sample.header)
        if name and sample.header.count(name) == 1
    }


def _match(sample: Sample, table: Table, cells: Mapping[str, Cells], drop: Mapping[str, str]) -> Match | None:
    found, doubts = _assign(table, cells, drop)
    used = {*found.values(), *(name for names in doubts.values() for name in names)}
    personal = {name: kind for name, kind in drop.items() if name not in used}
    personal |= {name: kind for name, seen in cells.items() if name not in used and (kind := _looks_personal(seen))}
    lacking = tuple(name for name in table.required if name not in found and name not in doubts)
    unused = tuple(name for name in cells if name not in used and name not in personal)
    one = Match(sample, table, found, doubts, lacking, personal, unused, cells)
    enough = not lacking or len(one.found) >= _ALLOWED_ALONE
    return one if one.found and enough and _right_grain(one) else None


def _assign(
    table: Table, cells: Mapping[str, Cells], drop: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The surest names first; where several are equally sure, a doubt."""
    found: dict[str, str] = {}
    doubts: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for sure in (EXACT, STRONG, WEAK):
        for column in table.columns:
            if column.name in found or column.name in doubts:
                continue
            names = [
                name
                for name, seen in cells.items()
                if name not in taken and strength(table.name, column.name, name) == sure and fits(column, seen)
                if sure == EXACT or name not in drop or table.name == "sites"
                if column.kind not in ("category", "flag") or not _looks_personal(seen)
            ]
            taken.update(names)
            if len(names) == 1:
                found[column.name] = names[0]
            elif names:
                doubts[column.name] = tuple(names)
    order = table.names
    return {name: found[name] for name in order if name in found}, {n: doubts[n] for n in order if n in doubts}


def _right_grain(one: Match) -> bool:
    """Whether the keys of `clients` and `sites` tell rows apart, as they must there."""
    key = {"clients": "client_id", "sites": "site_id"}.get(one.table.name)
    if key is None or key not in one.columns:
        return key is None or key in one.doubts
    seen = one.seen(key)
    return len(seen.values) >= _TOLD_APART * seen.filled


def _fit(one: Match) -> tuple[int, bool, bool]:
    """Needed columns count twice, and lacking ones against; at a tie the name of the file decides."""
    needed = {*one.table.required, *chosen(one)}
    whole = bool(chosen(one) or one.table.name not in ONE_OF)
    score = sum(1 + (column in needed) for column in one.found) - 2 * len(one.lacking) - 2 * (not whole)
    name = str(one.sample.settings.get("sheet") or one.sample.settings.get("table") or one.sample.path.stem)
    named = names_table(one.table.name, name) or names_table(one.table.name, one.sample.path.stem)
    return score, whole and not one.lacking, named


def chosen(one: Match) -> Iterable[str]:
    """Of the sets of columns of which a table needs one, the first that was found."""
    choices = ONE_OF.get(one.table.name, ())
    return next((choice for choice in choices if one.found.issuperset(choice)), ())


def needed_count(one: Match) -> tuple[int, int]:
    """How many of the columns that the table needs were found, and how many it needs."""
    choices = ONE_OF.get(one.table.name, ())
    choice = chosen(one) or (choices[0] if choices else ())
    needed = {*one.table.required, *choice}
    return len(needed & one.found), len(needed)


def _looks_personal(seen: Cells) -> str | None:
    """Which direct identifier most cells look like, where they tell people apart."""
    if not seen.filled or len(seen.values) < max(5, 0.1 * seen.filled):
        return None
    for kind, pattern in _PATTERNS.items():
        if sum(bool(pattern.fullmatch(cell)) for cell in seen.values) >= 0.8 * len(seen.values):
            return kind
    return None
