"""Text in SQL: names and values quoted once, in one place."""

from __future__ import annotations

from collections.abc import Iterable


def name(identifier: str) -> str:
    """A column or table name, quoted.

    >>> name('left')
    '"left"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def value(text: str) -> str:
    """A piece of text as an SQL literal.

    >>> value("l'été")
    "'l''été'"
    """
    return "'" + text.replace("'", "''") + "'"


def values(texts: Iterable[str]) -> str:
    """Pieces of text as the inside of an SQL list."""
    return ", ".join(value(text) for text in texts)
