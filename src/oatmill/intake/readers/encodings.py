"""In which encoding a text is, from its bytes: certain by its byte-order mark or as UTF-8, else by what letters it gives."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_RUSSIAN = re.compile(r"(?<![^\W\d_])(?:[А-ЯЁ]?[а-яё]+|[А-ЯЁ]{2,})(?![^\W\d_])")
_LETTERS = re.compile(r"[^\W\d_]")
_WESTERN = re.compile(r"(?<=[A-Za-z])[à-öø-ÿß]|[À-ÖØ-öø-ÿ](?=[a-z])")
_SURE, _AHEAD = 0.8, 0.15


def find_encoding(head: bytes) -> tuple[str, bool]:
    """The encoding, and whether there is no doubt about it.

    >>> find_encoding("Код;Дата приёма;Доза".encode("cp1251"))
    ('cp1251', True)
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, True
    if head and len(head) > 3 and (zeros := _zeros(head)):
        return zeros, False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return "utf-8", True
    except UnicodeDecodeError:
        pass
    scores = sorted(((score(head), encoding) for encoding, score in _SCORES.items()), reverse=True)
    (best, encoding), (second, _other) = scores[0], scores[1]
    return encoding, best >= _SURE and best - second >= _AHEAD


def _zeros(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Latin letters and delimiters is zero."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) // 6 and odd > 4 * even:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) // 6 and even > 4 * odd else None


def _text(head: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None


def _cyrillic(encoding: str) -> Callable[[bytes], float]:
    def score(head: bytes) -> float:
        """The share of foreign letters that stand in words written as Russian is: small, with a capital first."""
        text = _text(head, encoding)
        if text is None:
            return 0
        foreign = sum(letter > "\x7f" for letter in _LETTERS.findall(text))
        inside = sum(len(word) for word in _RUSSIAN.findall(text) if len(word) > 1)
        odd = sum(sign > "\x7f" and not sign.isalpha() and sign not in "№«»–—\u00a0°" for sign in text)
        return inside / (foreign + odd) if foreign else 0

    return score


def _chinese(head: bytes) -> float:
    """The share of foreign characters that are among the 3,755 common ones (level 1 of GB 2312)."""
    text = _text(head, "gb18030")
    foreign = [sign for sign in text or "" if sign > "\x7f"]
    common = sum(_is_common(sign) for sign in foreign)
    return common / len(foreign) if foreign else 0


def _is_common(sign: str) -> bool:
    code = sign.encode("gb18030")
    return sign in "，。：；（）、“”％" or (len(code) == 2 and 0xB0 <= code[0] <= 0xD7 and code[1] >= 0xA1)


def _western(head: bytes) -> float:
    """The share of foreign letters that stand in words of Latin letters."""
    text = head.decode("latin-1")
    foreign = sum(sign > "\x7f" for sign in text)
    return len(_WESTERN.findall(text)) / foreign if foreign else 0


_SCORES: dict[str, Callable[[bytes], float]] = {
    "cp1251": _cyrillic("cp1251"),
    "gb18030": _chinese,
    "latin-1": _western,
    "koi8-r": _cyrillic("koi8-r"),
    "cp866": _cyrillic("cp866"),
}
