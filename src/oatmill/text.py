"""Every reader-facing string the library makes goes through `_` or `ngettext`; numbers and dates through Babel.

A message is one whole sentence or label with named places (`{n}`), never glued from fragments, so that a
translator can reorder it. Catalogues are `locale/<language>/LC_MESSAGES/oatmill.po`, read as they are.

Text that came from a file is shown as text, whatever it holds: `visible` first, then `in_html` or `in_csv`
(Markdown: `book.markup.plain`; figures: `figures.in_figure`).
"""

from __future__ import annotations

import datetime as dt
import functools
import gettext
import html
import io
import math
import re
from pathlib import Path

_LOCALE = Path(__file__).parent / "locale"
_state = {"language": "en"}

LANGUAGES = ("en", "ru", "ky", "zh")

_BREAKS = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")
# Controls, marks of direction, characters without width, halves of characters, and what is no character.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
# A semicolon or a comma inside a cell starts a new cell where a spreadsheet expects the other one.
_FORMULA = re.compile(r"^(?=\s*'*[=+\-@＝＋－＠])|(?<=[;,])(?='*[=+\-@＝＋－＠])")


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


def visible(text: str) -> str:
    """Text on one line whose every character can be seen: what cannot be seen shows as U+FFFD.

    >>> visible("Site\\n1"), visible("left\\u202eright")
    ('Site 1', 'left\ufffdright')
    """
    return _UNSEEN.sub("\ufffd", _BREAKS.sub(" ", text))


def in_html(text: str) -> str:
    """Text as it stands in HTML, between tags or in a quoted attribute.

    >>> in_html("<b>A & B</b>")
    '&lt;b&gt;A &amp; B&lt;/b&gt;'
    """
    return html.escape(visible(text)).replace("{", "&#123;")  # great-tables reads {{m^2}} in a heading as a unit


def in_csv(text: str) -> str:
    """Text as it stands in a CSV cell: an apostrophe goes before what a spreadsheet would run as a formula.

    To read it back take one apostrophe away where it stands before `=`, `+`, `-` or `@` at the start of a cell, or
    after a comma or a semicolon in it.

    >>> in_csv("=1+1"), in_csv("-5"), in_csv("a-b"), in_csv("a;=1")
    ("'=1+1", '-5', 'a-b', "a;'=1")
    """
    shown = visible(text)
    return shown if _PLAIN_NUMBER.fullmatch(shown) else _FORMULA.sub("'", shown)
