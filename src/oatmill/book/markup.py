"""Escaping, tables and cards: small pieces of Markdown and HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from oatmill.text import _, in_html, visible

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|$#~^&]")
_LINE_START = re.compile(r"^(\d*)([-+=%:(.!)])")  # would begin a list, a rule, a comment, a target ...


def plain(text: object) -> str:
    """Text that Markdown shows as it is, on one line."""
    line = " ".join(visible(str(text)).split())
    return _LINE_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", line))


def prose(text: str) -> str:
    """A sentence of ours: names in backticks are shown as code, all else as it is.

    >>> prose("map `dose_mg` {n}")
    'map `dose_mg` \\\\{n\\\\}'
    """
    parts = re.split("`([^`]+)`", " ".join(visible(text).split()))
    shown = "".join(code(part) if k % 2 else _SPECIAL.sub(r"\\\g<0>", part) for k, part in enumerate(parts))
    return _LINE_START.sub(r"\1\\\2", shown)


def block(text: str, language: str = "text") -> str:
    """Lines of a file, shown as they are."""
    lines = [visible(line) for line in text.strip("\n").split("\n")]
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text) or [""]))
    return "\n".join([f"{fence}{language}", *lines, fence]) + "\n"


def code(text: object) -> str:
    """Text in code style inside a table cell."""
    shown = visible(str(text)).replace("|", r"\|")
    fence = "`" * (max(map(len, re.findall("`*", shown))) + 1)
    space = " " if "`" in shown else ""
    return f"{fence}{space}{shown}{space}{fence}" if shown.strip() else ""


def places(names: str) -> str:
    """Tables and columns as a chapter declares them: several joined by " or ", any one of which will do.

    >>> places("clients.age or clients.birth_date")
    '`clients.age` or `clients.birth_date`'
    """
    return _(" or ").join(map(code, names.split(" or ")))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell or " " for cell in line) + " |" for line in lines) + "\n"


def banner(text: str) -> str:
    return f'<div class="oatmill-banner" role="note">{in_html(text)}</div>\n'


def paragraphs(text: str, css: str) -> str:
    """Text of several lines in a box."""
    inner = "<br>".join(in_html(line) for line in text.splitlines() if line.strip())
    return f'<div class="{css}"><p>{inner}</p></div>\n'


def cards(cards: Sequence[Mapping[str, str]]) -> str:
    """Key numbers, each with its label and a note."""
    if not cards:
        return ""
    inner = "".join(
        f'<div class="oatmill-card"><p class="oatmill-card-value">{in_html(card["value"])}</p>'
        f'<p class="oatmill-card-label">{in_html(card["label"])}</p>'
        f'<p class="oatmill-card-note">{in_html(card.get("note", ""))}</p></div>'
        for card in cards
    )
    return f'<div class="oatmill-cards">{inner}</div>\n'
