"""The words of clinics: which column a header names, which value a cell means. From `synonyms.toml`."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from oatmill import schema

EXACT, STRONG, WEAK = 3, 2, 1  # how surely a header names a column

# Which list of codes translates a column; columns with allowed values have that of their values.
_OF_VALUES = {
    schema.SEXES: "sex",
    schema.YES_NO: "yes_no",
    schema.MEDICATIONS: "medication",
    schema.EXIT_REASONS: "exit_reason",
    schema.ENROLMENT_TYPES: "enrolment_type",
}
_OF_NAME = {
    "education": "education",
    "employment": "employment",
    "marital_status": "marital_status",
    "result": "result",
    "hiv": "status",
    "hcv": "status",
}


@functools.cache
def synonyms() -> Mapping[str, Any]:
    """The data file as it stands."""
    with Path(__file__).with_name("synonyms.toml").open("rb") as file:
        return tomllib.load(file)


def plain(text: str) -> str:
    """A name without case, spaces, punctuation, width and the dots of ё.

    >>> plain("Дата Приёма "), plain("ＩＤ"), plain("dose_mg")
    ('датаприема', 'id', 'dosemg')
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return re.sub(r"[\W_]+", "", folded)


def unit_of(header: str) -> str | None:
    """The unit at the end of a header.

    >>> unit_of("Доза, мг"), unit_of("剂量（毫升）"), unit_of("dose")
    ('mg', 'ml', None)
    """
    return _cut_unit(header)[1]


def strength(table: str, column: str, header: str) -> int:
    """How surely a header names a column of a table: EXACT, STRONG, WEAK or 0."""
    if header.strip() == column:
        return EXACT
    strong, weak = _names(table, column)
    forms = {plain(header), _cut_unit(header)[0], plain(re.sub(r"[(（\[].*?[)）\]]", "", header))} - {""}
    if forms & strong:
        return STRONG
    return WEAK if forms & weak else 0


def names_table(table: str, name: str) -> bool:
    """Whether a file or a sheet is called after a table.

    >>> names_table("doses", "Журнал выдачи 2024")
    True
    """
    bare = re.sub(r"\d+", "", plain(name))
    return bare in {plain(word) for word in (table, *synonyms()["tables"].get(table, ()))}


def identifier_of(header: str) -> str | None:
    """Which direct identifier a header names: name, telephone, address ..."""
    return _index(("identifiers",)).get(plain(header))


def code_list(column: schema.Column) -> str | None:
    """The list of codes that translates a column."""
    if column.kind == "flag":
        return "flag"
    return _OF_VALUES.get(column.allowed) or _OF_NAME.get(column.name)


def values_of(name: str) -> tuple[str, ...]:
    return tuple(synonyms()["codes"][name])


def value_of(name: str, cell: str) -> str | None:
    """The allowed value that a cell means in a list of codes.

    >>> value_of("sex", "Муж."), value_of("sex", "1")
    ('male', None)
    """
    return _index(("codes", name)).get(_spoken(cell))


def is_missing(cell: str) -> bool:
    """Whether a cell is a word for "not known"."""
    return _spoken(cell) in {_spoken(word) for word in synonyms()["missing"]["words"]}


def missing_numbers() -> frozenset[str]:
    return frozenset(synonyms()["missing"]["numbers"])


def medication_in(header: str) -> str | None:
    """The medication that a header names.

    >>> medication_in("Доза метадона, мг")
    'methadone'
    """
    bare = plain(header)
    for value, words in synonyms()["codes"]["medication"].items():
        if value != "other" and any(len(word) > 2 and plain(word) in bare for word in words):
            return str(value)
    return None


def _spoken(cell: str) -> str:
    """A cell for comparison; its punctuation where there is nothing else."""
    return plain(cell) or cell.strip()


@functools.cache
def _index(place: tuple[str, ...]) -> dict[str, str]:
    """Word -> value of one list of the data file."""
    branch: Any = synonyms()
    for key in place:
        branch = branch[key]
    return {_spoken(word): value for value, words in branch.items() for word in (value, *words)}


@functools.cache
def _names(table: str, column: str) -> tuple[frozenset[str], frozenset[str]]:
    columns = synonyms()["columns"]
    strong: set[str] = {plain(column)}
    weak: set[str] = set()
    for key in (column, f"{table}.{column}"):
        for language, words in columns.get(key, {}).items():
            (weak if language == "weak" else strong).update(map(plain, words))
    return frozenset(strong), frozenset(weak - strong)


@functools.cache
def _cut_unit(header: str) -> tuple[str, str | None]:
    """The header without the unit at its end, plain, and the unit."""
    folded = unicodedata.normalize("NFKC", header).casefold().strip()
    for unit, word in _units():
        found = re.fullmatch(rf"(.*\W|.*_|.*[^\x00-\x7f](?=[\x00-\x7f])|){re.escape(word)}[\W_]*", folded)
        if found and plain(found[1]):
            return plain(found[1]), None if unit == "none" else unit
        if found:
            return "", None if unit == "none" else unit
    return plain(header), None


@functools.cache
def _units() -> list[tuple[str, str]]:
    units: Mapping[str, Iterable[str]] = synonyms()["units"]
    pairs = [(unit, word.casefold()) for unit, words in units.items() for word in words]
    return sorted(pairs, key=lambda pair: -len(pair[1]))
