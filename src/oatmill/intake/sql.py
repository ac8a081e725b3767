"""Text in SQL: names and values quoted once, in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


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


def file(path: Path) -> str:
    """A file as an SQL literal. DuckDB reads `*`, `?` and `[` in a name as a pattern, which could match other files.

    >>> file(Path("doses [2024].csv"))
    "'doses [[]2024].csv'"
    """
    return value(re.sub(r"[*?[]", r"[\g<0>]", str(path)))


def values(texts: Iterable[str]) -> str:
    """Pieces of text as the inside of an SQL list."""
    return ", ".join(value(text) for text in texts)
