"""The text of a PDF that Chromium printed: page by page, and everything else that is written in it.

Chromium writes each text as numbers of glyphs, and for each font a table (ToUnicode) of the letters they stand
for. Only such a PDF can be read here; any other is refused. A word that a line end cuts in two is found in the
pages of the site, which hold the same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from oatmill.gate.inflate import inflate

Letters = dict[bytes, str]  # by the glyph's number in hexadecimal digits

_PRINTER = re.compile(rb"/Producer\s*\((?:\\.|[^)\\])*Skia/PDF")
_OBJECT = re.compile(rb"(?:^|[\r\n])(\d+) 0 obj\b")
_LENGTH = re.compile(rb"/Length (\d+)(?! \d+ R)")
_FONT = re.compile(rb"/(F\d+) (\d+) 0 R")
_LETTERS = re.compile(rb"/ToUnicode (\d+) 0 R")
_CONTENTS = re.compile(rb"/Contents (\d+) 0 R")
_HEX = re.compile(rb"<([0-9A-Fa-f]*)>")
_SHOWN = re.compile(rb"/(F\d+) [\d.-]+ Tf|<([0-9A-Fa-f]+)>|\((?:\\.|[^()\\])*\)\s*Tj|\b(ET)\b")
_MAPPED = re.compile(rb"begin(bfchar|bfrange)\s(.*?)end\1", re.DOTALL)
_WORDS = re.compile(rb"\((?:\\.|[^()\\])*\)|<[0-9A-Fa-f]{4,}>")


class Unreadable(Exception):
    """Not a PDF that Chromium printed."""


def texts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Where and what: the text of each page in UTF-8, one line for each run of it; and titles, links and the like.

    Raises
    ------
    Unreadable, TooLarge, zlib.error
    """
    if not _PRINTER.search(content) or b"/ObjStm" in content or b"/Encrypt" in content:
        raise Unreadable
    objects = dict(_objects(content))
    letters = {name: _letters(objects, int(number)) for name, number in set(_FONT.findall(_heads(objects)))}
    pages = [int(match[1]) for head, _body in objects.values() for match in _CONTENTS.finditer(head)]
    for number, page in enumerate(pages, start=1):
        yield f"page {number}", _text_of(objects[page][1], letters)
    yield "titles and links", _written(objects)
    yield "streams", b"\n".join(body for number, (_head, body) in objects.items() if number not in pages)


def _objects(content: bytes) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Number of each object -> what it says of itself, and its stream, opened."""
    place = 0
    while match := _OBJECT.search(content, place):
        end = content.find(b"endobj", match.end())
        stream = content.find(b"stream", match.end(), end)
        head = content[match.end() : end if stream < 0 else stream]
        size = _LENGTH.search(head)
        body = b""
        if stream >= 0 and size:
            start = stream + (8 if content[stream + 6 : stream + 8] == b"\r\n" else 7)
            body = content[start : start + int(size[1])]
            end = start + int(size[1])
            body = inflate(body) if b"/FlateDecode" in head else body
        elif stream >= 0:
            raise Unreadable
        yield int(match[1]), (head, body)
        place = end


def _heads(objects: dict[int, tuple[bytes, bytes]]) -> bytes:
    return b"\n".join(head for head, _body in objects.values())


def _letters(objects: dict[int, tuple[bytes, bytes]], font: int) -> Letters:
    """Glyph -> letters of one font."""
    table = _LETTERS.search(objects[font][0])
    if table is None:
        return {}
    letters: Letters = {}
    for kind, lines in _MAPPED.findall(objects[int(table[1])][1]):
        step = 2 if kind == b"bfchar" else 3
        for first, *last, text in zip(*[iter(_HEX.findall(lines))] * step, strict=True):
            glyph, code = int(first, 16), int(text, 16)
            for shift in range(int(last[0], 16) - glyph + 1 if last else 1):
                letter = (code + shift).to_bytes(len(text) // 2, "big").decode("utf-16-be", "ignore")
                letters[b"%0*X" % (len(first), glyph + shift)] = letter
    return letters


def _text_of(page: bytes, letters: dict[bytes, Letters]) -> bytes:
    """What a page shows: the runs of one text object joined, since kerning cuts words in two."""
    font: Letters = {}
    width, parts = 4, []
    for name, glyphs, end in _SHOWN.findall(page):
        if name:
            font = letters.get(name, {})
            width = len(next(iter(font), b"0000"))
        elif end:
            parts.append("\n")
        elif glyphs:
            numbers = (glyphs[place : place + width].upper() for place in range(0, len(glyphs), width))
            parts.append("".join(font.get(number, "\ufffd") for number in numbers))
        else:
            raise Unreadable
    return "".join(parts).encode()


def _written(objects: dict[int, tuple[bytes, bytes]]) -> bytes:
    """What stands outside of pages: title, links, bookmarks, alternative texts of pictures."""
    lines = [_heads(objects)]
    for word in _WORDS.findall(_heads(objects)):
        raw = bytes.fromhex(word[1:-1].decode("ascii")) if word.startswith(b"<") and len(word) % 2 == 0 else word[1:-1]
        lines.append(raw.decode("utf-16", "ignore").encode() if raw.startswith((b"\xfe\xff", b"\xff\xfe")) else raw)
    return b"\n".join(lines)
