"""Escaping, tables and cards: small pieces of Markdown and HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|$#~^])")


def plain(text: object) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Text in code style inside a table cell."""
    return f"`{str(text).replace('|', '/').replace('`', '')}`"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell or " " for cell in line) + " |" for line in lines) + "\n"


def banner(text: str) -> str:
    return f'<div class="oatmill-banner" role="note">{html.escape(text)}</div>\n'


def paragraphs(text: str, css: str) -> str:
    """Text of several lines in a box."""
    inner = "<br>".join(html.escape(line) for line in text.splitlines() if line.strip())
    return f'<div class="{css}"><p>{inner}</p></div>\n'


def cards(cards: Sequence[Mapping[str, str]]) -> str:
    """Key numbers, each with its label and a note."""
    if not cards:
        return ""
    inner = "".join(
        f'<div class="oatmill-card"><p class="oatmill-card-value">{html.escape(card["value"])}</p>'
        f'<p class="oatmill-card-label">{html.escape(card["label"])}</p>'
        f'<p class="oatmill-card-note">{html.escape(card.get("note", ""))}</p></div>'
        for card in cards
    )
    return f'<div class="oatmill-cards">{inner}</div>\n'
