"""Every reader-facing string the library makes goes through `_` or `ngettext`; numbers and dates through Babel.

A message is one whole sentence or label with named places (`{n}`), never glued from fragments, so that a
translator can reorder it. Catalogues are `locale/<language>/LC_MESSAGES/oatmill.po`, read as they are.
"""

from __future__ import annotations

import datetime as dt
import functools
import gettext
import io
import math
from pathlib import Path

_LOCALE = Path(__file__).parent / "locale"
_state = {"language": "en"}

LANGUAGES = ("en", "ru", "ky", "zh")


def use_language(language: str) -> None:
    """Set the language of all following messages. Unknown ones are refused by the study file, not here."""
    _state["language"] = language


def current_language() -> str:
    return _state["language"]


@functools.cache
def _catalogue(language: str) -> gettext.NullTranslations:
    path = _LOCALE / language / "LC_MESSAGES" / "oatmill.po"
    if not path.is_file():
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    binary = io.BytesIO()
    write_mo(binary, catalogue)
    binary.seek(0)
    return gettext.GNUTranslations(binary)


def _(message: str, **values: object) -> str:
    """The message in the current language, with its places filled.

    >>> _("{n} clients", n=3)
    '3 clients'
    """
    translated = _catalogue(current_language()).gettext(message)
    return translated.format(**values) if values else translated


def ngettext(singular: str, plural: str, n: int, **values: object) -> str:
    """As `_`, with the plural form that the language wants for `n` (available as `{n}`)."""
    translated = _catalogue(current_language()).ngettext(singular, plural, n)
    return translated.format(n=integer(n), **values)


def integer(value: float) -> str:
    """A whole number with the language's thousands separator; an en dash for a missing one."""
    return number(value, 0)


def number(value: float | None, decimals: int = 1) -> str:
    """A number with fixed decimals in the language's style; an en dash for a missing one."""
    if value is None or math.isnan(value):
        return "–"
    from babel.numbers import format_decimal

    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return format_decimal(round(value, decimals) + 0.0, format=pattern, locale=current_language())


def percent(share: float | None, decimals: int = 1) -> str:
    """A share (0 to 1) as a percentage."""
    if share is None or math.isnan(share):
        return "–"
    return _("{number}%", number=number(100 * share, decimals))


def share_limits(lower: float, upper: float) -> str:
    """An interval of shares, or an en dash where there is none."""
    if math.isnan(lower) or math.isnan(upper):
        return "–"
    return _("{low} to {high}", low=percent(lower), high=percent(upper))


def date(day: dt.date) -> str:
    from babel.dates import format_date

    return format_date(day, format="d MMMM y", locale=current_language())
